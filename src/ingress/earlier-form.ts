/** Whether an earlier form of an Ingress may be served in place of a newer one with faults: never when that would open more than is asked for. */
import type { Ingress, IngressBackend } from '../cluster/kubernetes-object.ts';
import type { PolicyReading } from '../features/policies.ts';
import { areAlikeProtected } from '../features/protection.ts';

/** An Ingress with what its annotations ask for now. */
export interface Form {
  readonly ingress: Ingress;
  readonly policies: PolicyReading;
}

/** @param faults the fields of the newer form whose values cannot be served, as Problems name them */
export function mayStandFor(earlier: Form, newest: Form, faults: ReadonlySet<string>): boolean {
  return (
    areAlikeProtected(earlier.policies, newest.policies) &&
    takesNothingAway(earlier.ingress, newest.ingress, faults) &&
    addsNoTls(earlier.ingress, newest.ingress, faults)
  );
}

/** A backend that is asked for at a path of a host, or for what the paths of a host leave out. */
interface Place {
  readonly host: string;
  readonly path: string;
  readonly backend: string;
  readonly isHostFaulty: boolean;
  readonly isPathFaulty: boolean;
}

/** Whether all that the earlier form serves is still asked for, or has something faulty in its place, on the same host, with the same backend. */
function takesNothingAway(earlier: Ingress, newest: Ingress, faults: ReadonlySet<string>): boolean {
  const asked = new Set<string>();
  const spare = new Map<string, number>();
  for (const place of placesOf(newest, faults)) {
    const { host, path, backend, isHostFaulty, isPathFaulty } = place;
    if (!isHostFaulty) asked.add(keyOf(host, path, backend));
    if (!isHostFaulty && !isPathFaulty) continue;
    const key = keyOf(isHostFaulty ? undefined : host, isPathFaulty ? undefined : path, backend);
    spare.set(key, (spare.get(key) ?? 0) + 1);
  }
  const use = (key: string): boolean => {
    const left = spare.get(key) ?? 0;
    spare.set(key, left - 1);
    return left > 0;
  };
  return placesOf(earlier, noFaults).every(
    ({ host, path, backend }) =>
      asked.has(keyOf(host, path, backend)) ||
      use(keyOf(host, undefined, backend)) ||
      use(keyOf(undefined, path, backend)) ||
      use(keyOf(undefined, undefined, backend)),
  );
}

const noFaults: ReadonlySet<string> = new Set();

function placesOf({ spec }: Ingress, faults: ReadonlySet<string>): readonly Place[] {
  const { defaultBackend, rules } = spec;
  const rest = (host: string, isHostFaulty: boolean): readonly Place[] =>
    defaultBackend === undefined
      ? []
      : [{ host, path: '', backend: backendKey(defaultBackend), isHostFaulty, isPathFaulty: false }];
  // A default backend without rules is for all hosts that nobody names.
  if (rules.length === 0) return rest('*', false);
  return rules.flatMap(({ host, paths }, ruleIndex) => {
    const isHostFaulty = faults.has(`spec.rules[${ruleIndex}].host`);
    const own = paths.map(({ path, pathType, backend }, pathIndex): Place => {
      const field = `spec.rules[${ruleIndex}].http.paths[${pathIndex}]`;
      const isPathFaulty = faults.has(field) || faults.has(`${field}.path`);
      return { host, path: `${pathType} ${path}`, backend: backendKey(backend), isHostFaulty, isPathFaulty };
    });
    return [...own, ...rest(host, isHostFaulty)];
  });
}

/** Whether what the newer form says of TLS goes for the earlier one as well: without it, paths might be served in plain text. */
function addsNoTls(earlier: Ingress, newest: Ingress, faults: ReadonlySet<string>): boolean {
  const known = new Set(tlsOf(earlier, noFaults));
  return tlsOf(newest, faults).every((each) => known.has(each));
}

/** Hosts with their Secrets, as texts. */
function tlsOf({ spec }: Ingress, faults: ReadonlySet<string>): readonly string[] {
  const all = spec.rules.flatMap(({ host }, index) => (faults.has(`spec.rules[${index}].host`) ? [] : [host]));
  return spec.tls.flatMap(({ hosts, secretName }, index) => {
    const named = hosts.length === 0 ? all : hosts.filter((_, at) => !faults.has(`spec.tls[${index}].hosts[${at}]`));
    return named.map((host) => keyOf(host, secretName));
  });
}

function backendKey(backend: IngressBackend): string {
  if ('resource' in backend) return keyOf(backend.resource.apiGroup, backend.resource.kind, backend.resource.name);
  const { name, port } = backend.service;
  return 'number' in port ? `${name} ${port.number}` : `${name} "${port.name}"`;
}

/** Undefined stands for something faulty. */
function keyOf(...parts: readonly (string | undefined)[]): string {
  return JSON.stringify(parts.map((part) => part ?? null));
}
