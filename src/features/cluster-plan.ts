/** What features change of a backend's cluster; src/translate/cluster.ts makes the cluster of it. */
import type { BackendProtocol } from '../model/backend.ts';
import { any } from '../proto/message.ts';
import type { MessageTypes } from '../proto/message.ts';

type Balancing = MessageTypes['envoy.config.cluster.v3.LoadBalancingPolicy'];
type UpstreamFilter = MessageTypes['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];

/** A plain record that the features fill in. What is left undefined is as the Service says, or the default. */
export interface ClusterPlan {
  protocol: BackendProtocol | undefined;
  /** What a TLS client names, and the server is not asked to prove. */
  serverName: string | undefined;
  /** Of backends that speak TLS. */
  tls: MessageTypes['envoy.extensions.transport_sockets.tls.v3.CommonTlsContext'] | undefined;
  connectTimeoutSeconds: number | undefined;
  /** Requests after which a connection is closed. */
  requestsPerConnection: number | undefined;
  /** How long a connection may be idle. */
  idleSeconds: number | undefined;
  balancing: Balancing | undefined;
  /** Whether the address of the Service takes the place of its endpoints. */
  usesServiceAddress: boolean;
  /** Whether each endpoint has a name, by which a request can ask for it. */
  namesEndpoints: boolean;
  /** Whether all routes to the cluster say by themselves what is tried again: what a cluster says is before it. */
  leavesRetriesToRoutes: boolean;
  /** Through which requests go on their way to an endpoint. */
  filters: readonly UpstreamFilter[];
}

export function emptyClusterPlan(): ClusterPlan {
  return {
    protocol: undefined,
    serverName: undefined,
    tls: undefined,
    connectTimeoutSeconds: undefined,
    requestsPerConnection: undefined,
    idleSeconds: undefined,
    balancing: undefined,
    usesServiceAddress: false,
    namesEndpoints: false,
    leavesRetriesToRoutes: false,
    filters: [],
  };
}

/** By the hash that the route makes: the same on every Envoy, and few find another endpoint when endpoints come and go. */
export const balanceByHash: Balancing = {
  policies: [
    {
      typed_extension_config: {
        name: 'envoy.load_balancing_policies.maglev',
        typed_config: any('envoy.extensions.load_balancing_policies.maglev.v3.Maglev', { table_size: 4093 }),
      },
    },
  ],
};

/** Where Envoy looks for what tells the endpoints of a cluster apart. */
export const subsetNamespace = 'envoy.lb';
export const endpointKey = 'sluice.session';

/** Requests without a session, or with one whose endpoint is gone, go to any endpoint. */
export const balanceByEndpoint: Balancing = {
  policies: [
    {
      typed_extension_config: {
        name: 'envoy.load_balancing_policies.subset',
        typed_config: any('envoy.extensions.load_balancing_policies.subset.v3.Subset', {
          fallback_policy: 'ANY_ENDPOINT',
          subset_selectors: [{ keys: [endpointKey], single_host_per_subset: true }],
          subset_lb_policy: {
            policies: [
              {
                typed_extension_config: {
                  name: 'envoy.load_balancing_policies.round_robin',
                  typed_config: any('envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin', {}),
                },
              },
            ],
          },
        }),
      },
    },
  ],
};
