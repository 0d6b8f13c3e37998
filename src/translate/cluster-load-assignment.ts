/** The endpoints of a backend as an Envoy ClusterLoadAssignment. */
import type { Endpoint } from '../model/endpoint.ts';
import type { MessageTypes } from '../proto/message.ts';

type ClusterLoadAssignment = MessageTypes['envoy.config.endpoint.v3.ClusterLoadAssignment'];

/** Without endpoints, Envoy answers 503 for the cluster. */
export function translateClusterLoadAssignment(name: string, endpoints: readonly Endpoint[]): ClusterLoadAssignment {
  if (endpoints.length === 0) return { cluster_name: name };
  const lbEndpoints = endpoints.map(({ address, port }) => ({
    endpoint: { address: { socket_address: { address, port_value: port } } },
  }));
  return { cluster_name: name, endpoints: [{ lb_endpoints: lbEndpoints }] };
}
