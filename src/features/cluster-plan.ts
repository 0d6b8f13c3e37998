/** What features change of a backend's cluster; src/translate/cluster.ts makes the cluster of it. */
import type { BackendProtocol } from '../model/backend.ts';
import type { MessageTypes } from '../proto/message.ts';

type UpstreamFilter = MessageTypes['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];

/** A plain record that the features fill in. What is left undefined is as the Service says, or the default. */
export interface ClusterPlan {
  protocol: BackendProtocol | undefined;
  connectTimeoutSeconds: number | undefined;
  /** Requests after which a connection is closed. */
  requestsPerConnection: number | undefined;
  /** How long a connection may be idle. */
  idleSeconds: number | undefined;
  balancing: MessageTypes['envoy.config.cluster.v3.LoadBalancingPolicy'] | undefined;
  /** Through which requests go on their way to an endpoint. */
  filters: readonly UpstreamFilter[];
}

export function emptyClusterPlan(): ClusterPlan {
  return {
    protocol: undefined,
    connectTimeoutSeconds: undefined,
    requestsPerConnection: undefined,
    idleSeconds: undefined,
    balancing: undefined,
    filters: [],
  };
}
