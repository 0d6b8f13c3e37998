/**
 * A line for each request, as JSON that Envoy writes field by field: what clients say is a value there and can be nothing else. Nobody
 * but us says what the fields are.
 */
import { any } from '../proto/message.ts';
import type { MessageTypes } from '../proto/message.ts';

type AccessLog = MessageTypes['envoy.config.accesslog.v3.AccessLog'];

const fields = {
  time: '%START_TIME%',
  listener: '',
  client: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%',
  server_name: '%REQUESTED_SERVER_NAME%',
  tls_version: '%DOWNSTREAM_TLS_VERSION%',
  protocol: '%PROTOCOL%',
  method: '%REQ(:METHOD)%',
  host: '%REQ(:AUTHORITY)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  referer: '%REQ(REFERER)%',
  user_agent: '%REQ(USER-AGENT)%',
  request_id: '%REQ(X-REQUEST-ID)%',
  status: '%RESPONSE_CODE%',
  details: '%RESPONSE_CODE_DETAILS%',
  flags: '%RESPONSE_FLAGS%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration_ms: '%DURATION%',
  backend: '%UPSTREAM_CLUSTER_RAW%',
  endpoint: '%UPSTREAM_HOST%',
} as const;

/** @param path where each Envoy writes it, such as `/dev/stdout`; nowhere when left out */
export function accessLogs(listener: string, path: string | undefined): readonly AccessLog[] {
  if (path === undefined) return [];
  const typed_config = any('envoy.extensions.access_loggers.file.v3.FileAccessLog', {
    path,
    log_format: { json_format: { ...fields, listener } },
  });
  return [{ name: 'envoy.access_loggers.file', typed_config }];
}
