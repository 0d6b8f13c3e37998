/** Addresses and names that Envoys bind and connect to. */
import { isIP } from 'node:net';
import { isReachableAddress } from '../model/endpoint-address.ts';
import { fieldsOf, listOf, numberOf, refuse, textOf } from './rule.ts';
import type { Fields } from './rule.ts';

const hostName = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/i;

/** The end of a sentence that begins with the address. */
export function ipFault(address: string): string | undefined {
  if (isIP(address) === 0) return 'is no IP address';
  return address.includes('%') ? 'has a zone, which is known on one machine only' : undefined;
}

/** The same of an endpoint. */
export function endpointFault(address: string): string | undefined {
  const fault = ipFault(address);
  if (fault !== undefined || isReachableAddress(address)) return fault;
  return 'is, to an Envoy, not an endpoint but its own link or cloud';
}

/** `SocketAddress`: a name only where a cluster asks DNS, which `ruleOfCluster` knows. */
export function ruleOfSocketAddress({ address, port_value: port = 0, resolver_name: resolver }: Fields): void {
  const text = textOf(address);
  refuse(
    'address',
    address,
    ipFault(text) === undefined || hostName.test(text) ? undefined : 'is neither an IP address nor a host',
  );
  refuse('port_value', port, numberOf(port) >= 0 && numberOf(port) <= 65_535 ? undefined : 'is no port');
  refuse('resolver_name', resolver, resolver === undefined ? undefined : 'is a resolver; there are none');
}

/** Endpoints of an EDS cluster are addresses, with ports that can be connected to. */
export function refuseEndpoints(assignment: Fields, addressFault: (address: string) => string | undefined): void {
  for (const locality of listOf(assignment['endpoints'])) {
    for (const each of listOf(fieldsOf(locality)['lb_endpoints'])) {
      const endpoint = fieldsOf(fieldsOf(each)['endpoint']);
      const additional = listOf(endpoint['additional_addresses']).map((other) => fieldsOf(other)['address']);
      for (const address of [endpoint['address'], ...additional]) refuseAddress(address, addressFault);
    }
  }
}

function refuseAddress(address: unknown, addressFault: (address: string) => string | undefined): void {
  const { address: text, port_value: port } = fieldsOf(fieldsOf(address)['socket_address']);
  refuse('endpoints.address', text, addressFault(textOf(text)));
  refuse('endpoints.port_value', port, numberOf(port) >= 1 ? undefined : 'is no port that can be connected to');
}

/** The end of a sentence that begins with the name. */
export function dnsNameFault(name: string): string | undefined {
  return ipFault(name) === undefined || hostName.test(name) ? undefined : 'is no host name';
}
