/**
 * Whose a host is where Ingresses of several namespaces name it: that of the oldest one's namespace. Names of hosts belong to nobody in
 * Kubernetes, so whoever comes first has them, as `metadata.creationTimestamp` says, which the API server writes.
 */
import { isDeepStrictEqual } from 'node:util';
import { isOfHost, mayProtect } from '../features/policies.ts';
import { anyHost } from '../model/host.ts';
import type { HostOwnership, Origin } from '../model/host.ts';
import { describeObject, objectKey } from '../model/object-ref.ts';
import type { ObjectRef } from '../model/object-ref.ts';
import { noPolicies } from '../model/policy.ts';
import type { Policies } from '../model/policy.ts';
import type { Problem, ProblemReason } from '../model/problem.ts';
import { flagKind } from './flag-reading.ts';
import type { HostReading, IngressReading } from './ingress-reading.ts';

/** After every time. What files hold without one has not been made in a cluster yet. */
const unknownAge = '~';
/** After what has no time as well. */
const ageOfFlags = '~~';

/** Oldest first, then by namespace and name. */
export function compareAge(a: IngressReading, b: IngressReading): number {
  const [first, second] = [a, b].map((each) => `${ageOf(each)}\u0000${objectKey(each.object)}`);
  if (first === undefined || second === undefined || first === second) return 0;
  return first < second ? -1 : 1;
}

/** What flags say is younger than every Ingress, so that any of them wins. */
function ageOf({ object, creationTimestamp }: IngressReading): string {
  if (object.kind === flagKind) return ageOfFlags;
  return creationTimestamp === '' ? unknownAge : creationTimestamp;
}

/** Those that may say something of the host, oldest first; each of the others is told. */
export function ownReadings(
  host: string,
  readings: readonly IngressReading[],
  ownership: HostOwnership,
  problems: Problem[],
): readonly IngressReading[] {
  const sorted = readings.toSorted(compareAge);
  const owner = ownership === 'namespace' ? ownerOf(host, sorted) : undefined;
  if (owner === undefined) return sorted;
  return sorted.filter((reading) => {
    const part = reading.hosts.get(host);
    if (part === undefined || isOf(owner, reading)) return true;
    const message = `host "${host}" belongs to the namespace of ${describeObject(owner)}, so nothing of it is served from here`;
    problems.push(told('HostNotOwned', originOf(part, reading), message, 'use another host, or the same namespace'));
    return false;
  });
}

/** The Ingress by which the host belongs to its namespace; undefined for a host that only flags speak of. */
export function ownerOf(host: string, sorted: readonly IngressReading[]): ObjectRef | undefined {
  return sorted.find(({ hosts, object }) => object.kind !== flagKind && isServed(hosts.get(host)))?.object;
}

/** Whether something is served, be it with a certificate only. A canary has no host of its own. */
function isServed(part: HostReading | undefined): boolean {
  if (part === undefined) return false;
  return part.routes.length > 0 || part.fallback !== undefined || part.hasTls;
}

export interface HostPolicies {
  readonly policies: Policies;
  /** Ingresses with a protection for the whole host that does not come to hold: their paths are closed. */
  readonly closed: ReadonlySet<IngressReading>;
}

/** Those of the whole host, from the oldest Ingress that has them and may say so. */
export function hostPolicies(
  host: string,
  sorted: readonly IngressReading[],
  ownership: HostOwnership,
  problems: Problem[],
): HostPolicies {
  const winners = new Map<string, IngressReading>();
  const closed = new Set<IngressReading>();
  const withPaths = sorted.filter(({ hosts }) => (hosts.get(host)?.routes.length ?? 0) > 0);
  const owner = withPaths[0]?.object;
  for (const reading of withPaths) {
    for (const [feature, policy] of Object.entries(reading.policies.byFeature)) {
      if (!isOfHost(feature)) continue;
      const winner = winners.get(feature);
      const mayDecide = ownership === 'none' || isOf(owner, reading);
      if (winner === undefined && mayDecide) winners.set(feature, reading);
      else if (winner === undefined || !isDeepStrictEqual(winner.policies.byFeature[feature], policy)) {
        const isClosed = mayProtect(feature, policy);
        if (isClosed) closed.add(reading);
        problems.push(policyConflict(host, feature, reading, winner?.object ?? owner, winner === undefined, isClosed));
      }
    }
  }
  const byFeature = Object.fromEntries([...winners].map(([name, { policies }]) => [name, policies.byFeature[name]]));
  return { policies: winners.size === 0 ? noPolicies : { byFeature }, closed };
}

function policyConflict(
  host: string,
  feature: string,
  { object }: IngressReading,
  other: ObjectRef | undefined,
  isForeign: boolean,
  isClosed: boolean,
): Problem {
  const named = other === undefined ? 'another' : describeObject(other);
  const why = isForeign
    ? `${feature} goes for all of host "${host}", which belongs to the namespace of ${named}`
    : `${feature} of host "${host}" is as ${named} says`;
  const cost = isClosed ? '; so that nothing is open that should not be, the paths of this Ingress answer 503' : '';
  const origin = { object, field: 'metadata.annotations' };
  return told('HostPolicyConflict', origin, `${why}${cost}`, 'set it in one Ingress of the host, the oldest one');
}

/**
 * Aliases that are expressions take names that no rule has, and so what an Ingress without hosts serves. Only its own namespace may.
 *
 * @param sorted what is there for the catch-all host
 */
export function mayTakeNames(
  sorted: readonly IngressReading[],
  reading: IngressReading,
  ownership: HostOwnership,
  problems: Problem[],
): boolean {
  const owner = ownership === 'none' ? undefined : ownerOf(anyHost, sorted);
  if (owner === undefined || isOf(owner, reading)) return true;
  const message = `an alias that is an expression takes names that ${describeObject(owner)} serves, in another namespace, and does nothing`;
  const origin = { object: reading.object, field: 'metadata.annotations' };
  problems.push(told('HostPolicyConflict', origin, message, 'write the names one by one'));
  return false;
}

function isOf(owner: ObjectRef | undefined, { object }: IngressReading): boolean {
  return owner === undefined || object.kind === flagKind || object.namespace === owner.namespace;
}

function originOf({ routes, fallback, certificates }: HostReading, { object }: IngressReading): Origin {
  return routes[0]?.origin ?? fallback?.origin ?? certificates[0]?.origin ?? { object, field: 'spec' };
}

function told(reason: ProblemReason, origin: Origin, message: string, fix: string): Problem {
  return { ...origin, severity: 'warning', reason, message, fix };
}
