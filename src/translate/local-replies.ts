/** What Envoy answers for a backend that cannot be reached or breaks off, with the status codes that nginx has for it. */
import { any } from '../proto/message.ts';
import type { MessageTypes } from '../proto/message.ts';

type LocalReplyConfig = MessageTypes['envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig'];
type AccessLogFilter = MessageTypes['envoy.config.accesslog.v3.AccessLogFilter'];

/** Envoy says 503 to all of these; nginx to none, so that 503 is left for what has no endpoints or is refused. */
const unreachable: readonly AccessLogFilter[] = [
  { status_code_filter: { comparison: { op: 'EQ', value: { default_value: 503, runtime_key: 'sluice.unused' } } } },
  // Connection failures, ends of connections, resets by either side, and answers that are no HTTP.
  { response_flag_filter: { flags: ['UF', 'UC', 'UR', 'LR', 'UPE'] } },
];

/** Response flags do not tell a connection that took too long from one that was refused. */
const tookTooLong: AccessLogFilter = {
  extension_filter: {
    name: 'envoy.access_loggers.extension_filters.cel',
    typed_config: any('envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter', {
      expression: "response.code_details.contains('connection_timeout')",
    }),
  },
};

/** 504 for connections that take too long, 502 for those that fail. */
export const localReplies: LocalReplyConfig = {
  mappers: [
    { filter: { and_filter: { filters: [...unreachable, tookTooLong] } }, status_code: 504 },
    { filter: { and_filter: { filters: unreachable } }, status_code: 502 },
  ],
};
