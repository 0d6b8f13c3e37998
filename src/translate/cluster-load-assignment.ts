/** The endpoints of a backend as an Envoy ClusterLoadAssignment, grouped by zone where zones matter. */
import { endpointKey, subsetNamespace } from '../features/cluster-plan.ts';
import type { Endpoint } from '../model/endpoint.ts';
import type { MessageTypes } from '../proto/message.ts';

type ClusterLoadAssignment = MessageTypes['envoy.config.endpoint.v3.ClusterLoadAssignment'];
type LocalityLbEndpoints = MessageTypes['envoy.config.endpoint.v3.LocalityLbEndpoints'];
type LbEndpoint = MessageTypes['envoy.config.endpoint.v3.LbEndpoint'];

/** Without endpoints, Envoy answers 503 for the cluster. */
export function translateClusterLoadAssignment(name: string, endpoints: readonly Endpoint[]): ClusterLoadAssignment {
  if (endpoints.length === 0) return { cluster_name: name };
  const zones = [...new Set(endpoints.map(({ zone = '' }) => zone))].toSorted();
  return { cluster_name: name, endpoints: zones.map((zone) => translateZone(zone, endpoints)) };
}

function translateZone(name: string, endpoints: readonly Endpoint[]): LocalityLbEndpoints {
  const own = endpoints.filter(({ zone = '' }) => zone === name);
  return { ...(name !== '' && { locality: { zone: name } }), lb_endpoints: own.map(translateEndpoint) };
}

function translateEndpoint({ address, port, alternative, name }: Endpoint): LbEndpoint {
  return {
    ...(name !== undefined && { metadata: { filter_metadata: { [subsetNamespace]: { [endpointKey]: name } } } }),
    endpoint: {
      address: { socket_address: { address, port_value: port } },
      ...(alternative !== undefined && {
        additional_addresses: [{ address: { socket_address: { address: alternative, port_value: port } } }],
      }),
    },
  };
}
