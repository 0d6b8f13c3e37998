/**
 * Addresses that stand for pods. The API server refuses loopback addresses in EndpointSlices, so tests against a real one run in a
 * network namespace of their own, made by scripts/test.js, whose loopback interface also owns 10.77.0.0/24.
 */
import { networkInterfaces } from 'node:os';

const prefix = '10.77.0';

/** The address of pod `n`, 1 to 254. A test backend can listen on it, and an EndpointSlice may name it. */
export function podAddress(n: number): string {
  if (!Number.isInteger(n) || n < 1 || n > 254) throw new RangeError(`pod ${n}: there are pods 1 to 254`);
  return `${prefix}.${n}`;
}

/** Whether this process is inside such a namespace. */
export function hasPodNetwork(): boolean {
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some((each) => each.address === podAddress(1)),
  );
}
