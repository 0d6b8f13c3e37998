/** Which addresses may be endpoints in a cluster, where whoever may write EndpointSlices says what Envoys connect to. */
import { BlockList, isIPv6 } from 'node:net';

/**
 * Addresses that mean another machine, or service, to whoever connects than to whoever wrote them: those of the machine itself
 * (where Envoy's admin interface listens), of the link, of groups, and of the services that hand out credentials of the machine in
 * clouds. API servers refuse all but the last (EndpointSlice validation of `discovery.k8s.io/v1`); this holds without them.
 */
const networks = [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 3],
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
  ['192.0.0.192', 32],
] as const;

const networks6 = [
  ['::', 127],
  ['fe80::', 10],
  ['ff00::', 8],
  ['fd00:ec2::254', 128],
] as const;

const refused = new BlockList();
for (const [network, prefix] of networks) refused.addSubnet(network, prefix);
for (const [network, prefix] of networks6) refused.addSubnet(network, prefix, 'ipv6');

/** Only IPv4 addresses that begin so are looked up in the list, which takes longer than all else that is done with an endpoint. */
const firstOctets = new Set(
  networks.flatMap(([network, prefix]) =>
    Array.from({ length: 2 ** Math.max(0, 8 - prefix) }, (_, index) => String(Number.parseInt(network, 10) + index)),
  ),
);

/** @param address an IPv4 or IPv6 address, the latter in any spelling, also of an IPv4 address. */
export function isForeignAddress(address: string): boolean {
  if (isIPv6(address)) return !refused.check(address, 'ipv6');
  return !firstOctets.has(address.slice(0, address.indexOf('.'))) || !refused.check(address);
}
