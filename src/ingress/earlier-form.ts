/** Whether an earlier form of an Ingress may be served in place of a newer one with faults: never when that would open more than is asked for. */
import { isDeepStrictEqual } from 'node:util';
import type { Ingress, IngressBackend } from '../cluster/kubernetes-object.ts';
import { usesRegex } from '../features/policies.ts';
import type { PolicyReading } from '../features/policies.ts';
import { areAlikeProtected } from '../features/protection.ts';

/** An Ingress with what its annotations ask for now. */
export interface Form {
  readonly ingress: Ingress;
  readonly policies: PolicyReading;
  /** What its annotations say of protection: what goes without them may change while the earlier form stands. */
  readonly written: Readonly<Record<string, string>>;
}

/** @param faults the fields of the newer form whose values cannot be served, as Problems name them */
export function mayStandFor(earlier: Form, newest: Form, faults: ReadonlySet<string>): boolean {
  return (
    areAlikeProtected(earlier.policies, newest.policies) &&
    isDeepStrictEqual(earlier.written, newest.written) &&
    takesNothingAway(earlier.ingress, newest.ingress, faults) &&
    sendsNothingElsewhere(earlier, newest.ingress, faults) &&
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
  return placesOf(earlier, noFaults).every(({ host, path, backend }) => {
    if (asked.has(keyOf(host, path, backend)) || use(keyOf(host, undefined, backend))) return true;
    // A faulty host may be what one host was to be, but not all hosts.
    if (host === '' || host.startsWith('*')) return false;
    return use(keyOf(undefined, path, backend)) || use(keyOf(undefined, undefined, backend));
  });
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

/** What the earlier form serves of a host, by parts of paths; the longest path that has a backend decides. */
interface Branch {
  readonly children: Map<string, Branch>;
  backend?: string;
}

/**
 * Whether no sound path or host that is new in the newer form is one that the earlier form would serve with another backend: a path below one that
 * stays, or a host that a wildcard of it stands for.
 */
function sendsNothingElsewhere({ ingress, policies }: Form, newest: Ingress, faults: ReadonlySet<string>): boolean {
  const before = new Set<string>();
  const roots = new Map<string, Branch>();
  let hasRegex = false;
  for (const { host, path, backend } of placesOf(ingress, noFaults)) {
    before.add(keyOf(host, path, backend));
    const root = roots.get(host) ?? { children: new Map() };
    roots.set(host, root);
    hasRegex ||= path !== '' && usesRegex(policies.policies, textOf(path));
    if (!path.startsWith('Exact ')) put(root, textOf(path), backend);
  }
  return placesOf(newest, faults).every(({ host, path, backend, isHostFaulty, isPathFaulty }) => {
    if (isHostFaulty || isPathFaulty || before.has(keyOf(host, path, backend))) return true;
    const root = roots.get(host);
    if (root === undefined) return !roots.has('') && !roots.has('*') && !roots.has(host.replace(/^[^.]*/, '*'));
    return !hasRegex && [undefined, backend].includes(backendAt(root, textOf(path)));
  });
}

/** Without the type. */
function textOf(path: string): string {
  return path.slice(path.indexOf(' ') + 1);
}

function put(root: Branch, path: string, backend: string): void {
  let branch = root;
  for (const part of path.split('/')) {
    if (part === '') continue;
    const next = branch.children.get(part) ?? { children: new Map() };
    branch.children.set(part, next);
    branch = next;
  }
  // A default backend comes last, after the path of all.
  branch.backend ??= backend;
}

function backendAt(root: Branch, path: string): string | undefined {
  let branch: Branch | undefined = root;
  let { backend } = root;
  for (const part of path.split('/')) {
    if (part === '') continue;
    branch = branch.children.get(part);
    if (branch === undefined) break;
    backend = branch.backend ?? backend;
  }
  return backend;
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
