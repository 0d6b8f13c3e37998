/** Which addresses may be endpoints in a cluster, where whoever may write EndpointSlices says what Envoys connect to. */
import { BlockList, isIPv6 } from 'node:net';
import { localNetworks } from '../model/local-network.ts';

const refused = new BlockList();
for (const { address, bits } of localNetworks) refused.addSubnet(address, bits, isIPv6(address) ? 'ipv6' : 'ipv4');

/** Only IPv4 addresses that begin so are looked up in the list, which takes longer than all else that is done with an endpoint. */
const firstOctets = new Set(
  localNetworks
    .filter(({ address }) => !isIPv6(address))
    .flatMap(({ address, bits }) =>
      Array.from({ length: 2 ** Math.max(0, 8 - bits) }, (_, index) => String(Number.parseInt(address, 10) + index)),
    ),
);

/** @param address an IPv4 or IPv6 address, the latter in any spelling, also of an IPv4 address. */
export function isForeignAddress(address: string): boolean {
  if (isIPv6(address)) return !refused.check(address, 'ipv6');
  return !firstOctets.has(address.slice(0, address.indexOf('.'))) || !refused.check(address);
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

/** The same, or the machine itself: what may be an endpoint where the operator of a single machine allows it. */
export function isReachableAddress(address: string): boolean {
  return isForeignAddress(address) || loopback.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
