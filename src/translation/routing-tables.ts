/** The first half of the translation: tables from Kubernetes objects to the routing model. */
import type { KubernetesObject, Kind } from '../cluster/kubernetes-object.ts';
import type { Graph, Input, Look, Table } from '../cluster/table.ts';
import type { ObjectLookup } from '../features/object-lookup.ts';
import { backendOverTls, readDefaults, readPolicies } from '../features/policies.ts';
import type { Defaults, FeatureSettings } from '../features/policies.ts';
import { resolveBackend } from '../ingress/backend-resolution.ts';
import type { BackendPolicy, ResolvedBackend } from '../ingress/backend-resolution.ts';
import { readPair } from '../cluster/certificate-check.ts';
import type { PairReading } from '../cluster/certificate-check.ts';
import { chooseCertificate } from '../ingress/certificate-choice.ts';
import type { CheckedCertificate, Claimant } from '../ingress/certificate-choice.ts';
import { resolveEndpoints } from '../ingress/endpoint-resolution.ts';
import type { ResolvedEndpoints } from '../ingress/endpoint-resolution.ts';
import { isDefaultClass, isOurClass, selectIngress } from '../ingress/class.ts';
import type { ClassPolicy } from '../ingress/class.ts';
import { flagReading } from '../ingress/flag-reading.ts';
import type { FlagDefaults } from '../ingress/flag-reading.ts';
import { hostOf } from '../ingress/host-merge.ts';
import type { MergedHost } from '../ingress/host-merge.ts';
import { readIngress } from '../ingress/ingress-reading.ts';
import type { IngressReading } from '../ingress/ingress-reading.ts';
import { backendName } from '../model/backend.ts';
import type { Backend } from '../model/backend.ts';
import type { Certificate } from '../model/certificate.ts';
import { anyHost, knownHosts } from '../model/host.ts';
import type { Host, HostOwnership, Origin, Route } from '../model/host.ts';
import { objectKey } from '../model/object-ref.ts';
import type { Problem } from '../model/problem.ts';

/** One table for each kind, keyed by `namespace/name`. */
export type ObjectTables = { readonly [K in Kind]: Input<Extract<KubernetesObject, { readonly kind: K }>> };

export interface RoutingTables {
  /** By Ingress. An Ingress that is not ours is here only if it has problems. */
  readonly verdicts: Table<Verdict>;
  /** Under one key, ``: what goes for an Ingress without annotations. */
  readonly defaults: Table<Defaults>;
  readonly hosts: Table<MergedHost>;
  /** By host: the Ingresses that name it, in their rules or as an alias; flags have an empty key. */
  readonly readingsOfHost: Table<readonly string[]>;
  /** By backend name. */
  readonly hostsOfBackend: Table<readonly string[]>;
  /** Serves what no path of a known host matches. */
  readonly unmatched: Route | undefined;
  /** By backend name, like the endpoints. */
  readonly backends: Table<ResolvedBackend>;
  readonly endpoints: Table<ResolvedEndpoints>;
  /** The backends that requests can be sent to; of a change of endpoints it tells only whether there are any. */
  readonly populated: Table<true>;
  /** By Secret. */
  readonly certificates: Table<CheckedCertificate>;
  /** By Secret that somebody names; an undefined reading is that of a Secret which does not exist. */
  readonly pairs: Table<{ readonly reading: PairReading | undefined }>;
}

/** What the choice of certificates knows beyond the objects. Both are inputs, so that the translation has no memory and no clock. */
export interface CertificateHistory {
  /** By Secret: what its hosts are served with. */
  readonly lastGood: Input<Certificate>;
  /** By Secret: when its validity was last looked at, in milliseconds since 1970. */
  readonly checkedAt: Input<number>;
}

export interface Verdict {
  readonly reading: IngressReading | undefined;
  readonly problems: readonly Problem[];
}

export function routingTables(
  graph: Graph,
  objects: ObjectTables,
  classes: ClassPolicy,
  defaults: FlagDefaults,
  policy: BackendPolicy,
  history: CertificateHistory,
  settings: Table<FeatureSettings>,
  ownership: HostOwnership,
): RoutingTables {
  const featureDefaults = graph.derive('defaults of features', settings, (_key, each, look) =>
    readDefaults(each, objectsBy(objects, look)),
  );
  const verdicts = verdictTable(graph, objects, classes, featureDefaults);
  const fromIngresses = graph.derive('readings of Ingresses', verdicts, (_key, { reading }) => reading, Object.is);
  const flags = graph.input<FlagDefaults>('flags');
  flags.set('', defaults);
  const fromFlags = graph.derive('readings of flags', flags, (_key, value) => flagReading(value));
  const unmatched = flagReading(defaults).hosts.get(knownHosts)?.fallback;
  const readings = graph.union('readings', fromIngresses, fromFlags);
  const readingsOfHost = graph.group('readings by host', readings, ({ hosts, aliases }) =>
    aliases.size === 0 ? hosts.keys() : [...hosts.keys(), ...[...aliases.keys()].map(placeOfAlias)],
  );
  const hosts = graph.derive('hosts', readingsOfHost, (name, keys, look) =>
    hostOf(
      name,
      (each) => (each === name ? keys : (look(readingsOfHost, each) ?? [])).flatMap((key) => look(readings, key) ?? []),
      ownership,
    ),
  );
  const { backends, hostsOfBackend } = backendTables(graph, objects, hosts, policy);
  const endpoints = endpointTable(graph, objects, backends, policy);
  return {
    verdicts,
    defaults: featureDefaults,
    hosts,
    readingsOfHost,
    hostsOfBackend,
    unmatched,
    backends,
    endpoints,
    populated: graph.derive('backends with endpoints', endpoints, (_name, each) =>
      each.isExternal || each.endpoints.length > 0 ? true : undefined,
    ),
    ...certificateTables(graph, objects, { hosts, readings }, history),
  };
}

/** The catch-all host looks after aliases that are expressions. */
function placeOfAlias(alias: string): string {
  return alias.startsWith('~') ? anyHost : alias;
}

function verdictTable(
  graph: Graph,
  objects: ObjectTables,
  policy: ClassPolicy,
  featureDefaults: Table<Defaults>,
): Table<Verdict> {
  const defaultClasses = graph.group('default classes', objects.IngressClass, (ingressClass) =>
    isDefaultClass(ingressClass) && isOurClass(ingressClass, policy) ? [''] : [],
  );
  return graph.derive('Ingress verdicts', objects.Ingress, (_key, ingress, look) => {
    const { ours, problems } = selectIngress(ingress, policy, {
      byName: (name) => look(objects.IngressClass, name),
      hasDefault: () => look(defaultClasses, '') !== undefined,
    });
    const defaults = ours ? look(featureDefaults, '') : undefined;
    if (defaults !== undefined) {
      const reading = readIngress(ingress, readPolicies(ingress, defaults, objectsBy(objects, look)));
      return { reading, problems: [...problems, ...reading.problems] };
    }
    return problems.length === 0 ? undefined : { reading: undefined, problems };
  });
}

/** What features look at is noted, like all that a computation looks at. */
export function objectsBy(objects: ObjectTables, look: Look): Omit<ObjectLookup, 'namespace'> {
  return { configMap: (key) => look(objects.ConfigMap, key), secret: (key) => look(objects.Secret, key) };
}

function backendTables(
  graph: Graph,
  objects: ObjectTables,
  hosts: Table<MergedHost>,
  policy: BackendPolicy,
): Pick<RoutingTables, 'backends' | 'hostsOfBackend'> {
  const usesOfHost = graph.derive(
    'uses of backends by host',
    hosts,
    (_name, { host }) => usesByBackend(routesOf(host)),
    Object.is,
  );
  const users = graph.group('hosts by backend', hosts, ({ host }) =>
    routesOf(host)
      .flatMap(usesOf)
      .map(({ backend }) => backendName(backend)),
  );
  const backends = graph.derive('backends', users, (name, hostNames, look) => {
    const own = hostNames.flatMap((host) => look(usesOfHost, host)?.get(name) ?? []);
    const backend = own[0]?.backend;
    if (backend === undefined) return undefined;
    const service = look(objects.Service, objectKey({ namespace: backend.namespace, name: backend.service }));
    const told = own.filter(({ isOverTls }) => isOverTls !== true);
    return resolveBackend(backend, service, distinct(told.map(({ origin }) => origin)), policy);
  });
  return { backends, hostsOfBackend: users };
}

/** Where a host names a backend. */
export function originsOfBackend(host: Host, name: string): readonly Origin[] {
  return (usesByBackend(routesOf(host)).get(name) ?? []).map(({ origin }) => origin);
}

function endpointTable(
  graph: Graph,
  objects: ObjectTables,
  backends: Table<ResolvedBackend>,
  policy: BackendPolicy,
): Table<ResolvedEndpoints> {
  const slicesOfService = graph.group('EndpointSlices by Service', objects.EndpointSlice, (slice) =>
    slice.serviceName === '' ? [] : [objectKey({ namespace: slice.metadata.namespace, name: slice.serviceName })],
  );
  return graph.derive('endpoints', backends, (_name, resolved, look) => {
    const { namespace, service } = resolved.backend;
    const keys = look(slicesOfService, objectKey({ namespace, name: service })) ?? [];
    return resolveEndpoints(
      resolved,
      keys.flatMap((key) => look(objects.EndpointSlice, key) ?? []),
      policy,
    );
  });
}

function certificateTables(
  graph: Graph,
  objects: ObjectTables,
  { hosts, readings }: { readonly hosts: Table<MergedHost>; readonly readings: Table<IngressReading> },
  { lastGood, checkedAt }: CertificateHistory,
): Pick<RoutingTables, 'certificates' | 'pairs'> {
  const hostsOfSecret = graph.group('hosts by Secret', hosts, ({ host }) => host.certificates);
  const claims = graph.derive('claims of readings', readings, (_key, reading) => claimsBySecret(reading), Object.is);
  const claimants = graph.group('readings by Secret', claims, (bySecret) => bySecret.keys());
  const pairs = graph.derive('certificate pairs', hostsOfSecret, (key, _hosts, look) => {
    const secret = look(objects.Secret, key);
    return { reading: secret && readPair(secret) };
  });
  const certificates = graph.derive('certificates', pairs, (key, { reading }, look) => {
    const own = (look(claimants, key) ?? []).flatMap((each) => look(claims, each)?.get(key) ?? []);
    const served = new Set(look(hostsOfSecret, key));
    return chooseCertificate({
      key,
      reading,
      lastGood: () => look(lastGood, key),
      checkedAt: look(checkedAt, key),
      claimants: own.map(({ origin, hosts: named }) => ({ origin, hosts: named.filter((host) => served.has(host)) })),
    });
  });
  return { certificates, pairs };
}

/** Who names each Secret, by field; gathered once for each Ingress, which may have thousands of TLS entries. */
function claimsBySecret({ hosts }: IngressReading): ReadonlyMap<string, readonly Claimant[]> | undefined {
  const byField = new Map<string, { readonly secret: string; readonly origin: Origin; readonly hosts: string[] }>();
  for (const [host, { certificates }] of hosts) {
    for (const { secret, origin } of certificates) {
      const claim = byField.get(origin.field);
      if (claim === undefined) byField.set(origin.field, { secret, origin, hosts: [host] });
      else claim.hosts.push(host);
    }
  }
  const bySecret = new Map<string, Claimant[]>();
  for (const { secret, ...claim } of byField.values()) {
    const others = bySecret.get(secret);
    if (others === undefined) bySecret.set(secret, [claim]);
    else others.push(claim);
  }
  return bySecret.size === 0 ? undefined : bySecret;
}

/** A backend that a route sends requests to, and where it is named. */
interface BackendUse {
  readonly backend: Backend;
  readonly origin: Origin;
  /** Whether it is another one over TLS only: what is wrong with it is said of the first. */
  readonly isOverTls?: true;
}

function usesByBackend(routes: readonly Route[]): ReadonlyMap<string, readonly BackendUse[]> {
  const byName = new Map<string, BackendUse[]>();
  for (const use of routes.flatMap(usesOf)) {
    const name = backendName(use.backend);
    const others = byName.get(name);
    if (others === undefined) byName.set(name, [use]);
    else others.push(use);
  }
  return byName;
}

function routesOf({ routes, implicitRoot }: Host): readonly Route[] {
  return implicitRoot?.upstreams === undefined ? routes : [...routes, implicitRoot];
}

function usesOf({ action, origin, canary, spare, upstreams = [] }: Route): readonly BackendUse[] {
  const own = [
    ...(action.kind === 'backend' ? [action.backend] : []),
    ...(spare === undefined ? [] : [spare]),
    ...upstreams,
  ].map((backend) => ({ backend, origin }));
  return (canary === undefined ? own : [...own, canary]).flatMap((use) => {
    const overTls = backendOverTls(use.backend);
    return overTls === use.backend ? [use] : [use, { ...use, backend: overTls, isOverTls: true as const }];
  });
}

/** Several hosts may have taken the same field of the same object. */
function distinct(origins: readonly Origin[]): readonly Origin[] {
  const byKey = new Map(origins.map((origin) => [`${objectKey(origin.object)} ${origin.field}`, origin]));
  return [...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, origin]) => origin);
}
