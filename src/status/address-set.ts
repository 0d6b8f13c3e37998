// The addresses that Ingresses are published with: sorted, each once, and compared as a set.

import { isIP } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type { LoadBalancerAddress } from '../cluster/kubernetes-object.ts';

/** Every Ingress carries all of them, and DNS records hold no more; the first by order are kept. */
export const mostAddresses = 64;

/** In one order whatever the order they came in, without repetitions, at most `mostAddresses`. */
export function addressSet(addresses: readonly LoadBalancerAddress[]): readonly LoadBalancerAddress[] {
  const byKey = new Map(addresses.map((address) => [addressKey(address), address]));
  return [...byKey]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, mostAddresses)
    .map(([, address]) => address);
}

/** Whether an Ingress that has the one needs no write to have the other. */
export function haveSameAddresses(a: readonly LoadBalancerAddress[], b: readonly LoadBalancerAddress[]): boolean {
  return isDeepStrictEqual(a.map(addressKey).toSorted(), b.map(addressKey).toSorted());
}

/** `192.0.2.1`, `2001:db8::1` or `lb.example.org`. */
export function toAddress(text: string): LoadBalancerAddress {
  return isIP(text) === 0 ? { hostname: text } : { ip: text };
}

export function describeAddress({ ip, hostname }: LoadBalancerAddress): string {
  return ip ?? hostname ?? '';
}

function addressKey({ ip = '', hostname = '', ports = [] }: LoadBalancerAddress): string {
  const shown = ports.map(({ port, protocol, error = '' }) => [port, protocol, error]);
  // Addresses before names.
  return JSON.stringify([ip === '' ? 1 : 0, ip, hostname, shown]);
}
