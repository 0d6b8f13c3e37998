// `coordination.k8s.io/v1` Lease as data: who holds it and for how long a renewal counts.

import { isRecord } from '../cluster/projection/field-reader.ts';
import { microTime } from './micro-time.ts';

/** What replicas learn from a Lease. Its times are of somebody else's clock, so that nobody reckons with them. */
export interface Lease {
  /** Empty when nobody holds it. */
  readonly holder: string;
  /** How long a renewal counts, from when it is seen; 0 when it is not set. */
  readonly durationMs: number;
  /** Changes with each renewal. */
  readonly version: string;
  /** The object, for the next write: labels and the like stay as they are. */
  readonly object: Readonly<Record<string, unknown>>;
}

export function readLease(object: unknown): Lease | undefined {
  if (!isRecord(object) || !isRecord(object['metadata'])) return undefined;
  const version = object['metadata']['resourceVersion'];
  const spec = isRecord(object['spec']) ? object['spec'] : {};
  const { holderIdentity, leaseDurationSeconds } = spec;
  return {
    holder: typeof holderIdentity === 'string' ? holderIdentity : '',
    durationMs: typeof leaseDurationSeconds === 'number' ? leaseDurationSeconds * 1_000 : 0,
    version: typeof version === 'string' ? version : '',
    object,
  };
}

/** @param now milliseconds since 1970, for people who look at the object */
export function newLease(namespace: string, name: string, holder: string, durationMs: number, now: number): object {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { namespace, name },
    spec: held(holder, durationMs, now, 0, microTime(now)),
  };
}

/** The same Lease, taken or renewed. */
export function heldLease(lease: Lease, holder: string, durationMs: number, now: number): object {
  const spec = isRecord(lease.object['spec']) ? lease.object['spec'] : {};
  const before = typeof spec['leaseTransitions'] === 'number' ? spec['leaseTransitions'] : 0;
  if (lease.holder === holder) {
    return { ...lease.object, spec: held(holder, durationMs, now, before, spec['acquireTime'] ?? microTime(now)) };
  }
  return { ...lease.object, spec: held(holder, durationMs, now, before + 1, microTime(now)) };
}

/** The same Lease, free for whoever comes next. */
export function releasedLease(lease: Lease, now: number): object {
  const spec = isRecord(lease.object['spec']) ? lease.object['spec'] : {};
  return {
    ...lease.object,
    spec: { ...spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(now) },
  };
}

function held(holder: string, durationMs: number, now: number, transitions: number, acquireTime: unknown): object {
  return {
    holderIdentity: holder,
    leaseDurationSeconds: Math.ceil(durationMs / 1_000),
    acquireTime,
    renewTime: microTime(now),
    leaseTransitions: transitions,
  };
}
