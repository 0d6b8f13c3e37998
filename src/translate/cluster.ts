/** A backend as an Envoy Cluster, whose endpoints come over EDS under the same name. */
import { any } from '../proto/message.ts';
import type { MessageTypes } from '../proto/message.ts';
import { adsConfigSource } from './config-source.ts';

type Cluster = MessageTypes['envoy.config.cluster.v3.Cluster'];
type RetryPolicy = MessageTypes['envoy.config.route.v3.RetryPolicy'];

/** Envoy's default of 1,024 would refuse requests that nginx, which has no such limit, serves. */
const unlimited = 1_000_000;

export function translateCluster(name: string): Cluster {
  return {
    name,
    type: 'EDS',
    eds_cluster_config: { eds_config: adsConfigSource, service_name: name },
    connect_timeout: '5s',
    per_connection_buffer_limit_bytes: 32_768,
    circuit_breakers: {
      thresholds: [
        {
          max_connections: unlimited,
          max_pending_requests: unlimited,
          max_requests: unlimited,
          retry_budget: { budget_percent: { value: 20 }, min_retry_concurrency: 10 },
        },
      ],
    },
    // Kubernetes has taken the endpoint away because it ends: waiting for a health check would only send it requests.
    ignore_health_on_host_removal: true,
    typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': protocolOptions },
  };
}

/**
 * Only what has not reached a backend is tried again, on another endpoint, so that it is safe for every method. It stands
 * here and not with the virtual hosts because an Envoy reads all of these anew when one of them changes (docs/performance.md).
 */
const retryPolicy: RetryPolicy = {
  retry_on: 'connect-failure,refused-stream,reset-before-request',
  num_retries: 2,
  retry_host_predicate: [
    {
      name: 'envoy.retry_host_predicates.previous_hosts',
      typed_config: any('envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate', {}),
    },
  ],
  host_selection_retry_max_attempts: 3,
};

const protocolOptions = any('envoy.extensions.upstreams.http.v3.HttpProtocolOptions', {
  explicit_http_config: { http_protocol_options: {} },
  retry_policy: retryPolicy,
});
