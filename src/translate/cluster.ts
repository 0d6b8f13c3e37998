/** A backend as an Envoy Cluster, whose endpoints come over EDS under the same name. */
import type { MessageTypes } from '../proto/message.ts';
import { adsConfigSource } from './config-source.ts';

type Cluster = MessageTypes['envoy.config.cluster.v3.Cluster'];

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
  };
}
