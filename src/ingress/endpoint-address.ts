/** Which addresses may be endpoints in a cluster, where whoever may write EndpointSlices says what Envoys connect to. */
import { BlockList, isIPv6 } from 'node:net';

/**
 * Addresses that mean another machine, or service, to whoever connects than to whoever wrote them: those of the machine itself
 * (where Envoy's admin interface listens), of the link, of groups, and of the services that hand out credentials of the machine in
 * clouds. API servers refuse all but the last (EndpointSlice validation of `discovery.k8s.io/v1`); this holds without them.
 */
const refused = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 3],
] as const) {
  refused.addSubnet(network, prefix);
}
for (const [network, prefix] of [
  ['::', 127],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  refused.addSubnet(network, prefix, 'ipv6');
}
for (const metadata of ['100.100.100.200', '168.63.129.16', '192.0.0.192']) refused.addAddress(metadata);
refused.addAddress('fd00:ec2::254', 'ipv6');

/** @param address an IPv4 or IPv6 address, the latter in any spelling, also of an IPv4 address. */
export function isForeignAddress(address: string): boolean {
  return !refused.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
