/** The first half of the translation: tables from Kubernetes objects to the routing model. */
import type { KubernetesObject, Kind } from '../cluster/kubernetes-object.ts';
import type { Graph, Input, Look, Table } from '../cluster/table.ts';
import { resolveBackend, resolveEndpoints } from '../ingress/backend-resolution.ts';
import type { ResolvedBackend, ResolvedEndpoints } from '../ingress/backend-resolution.ts';
import { checkCertificate } from '../ingress/certificate-check.ts';
import type { CheckedCertificate } from '../ingress/certificate-check.ts';
import { isDefaultClass, isOurClass, selectIngress } from '../ingress/class.ts';
import type { ClassPolicy } from '../ingress/class.ts';
import { flagReading } from '../ingress/flag-reading.ts';
import type { FlagDefaults } from '../ingress/flag-reading.ts';
import { mergeHost } from '../ingress/host-merge.ts';
import type { MergedHost } from '../ingress/host-merge.ts';
import { readIngress } from '../ingress/ingress-reading.ts';
import type { HostReading, IngressReading } from '../ingress/ingress-reading.ts';
import { backendName } from '../model/backend.ts';
import type { Backend } from '../model/backend.ts';
import type { Origin, Route } from '../model/host.ts';
import { objectKey } from '../model/object-ref.ts';
import type { Problem } from '../model/problem.ts';

/** One table for each kind, keyed by `namespace/name`. */
export type ObjectTables = { readonly [K in Kind]: Input<Extract<KubernetesObject, { readonly kind: K }>> };

export interface RoutingTables {
  /** By Ingress. An Ingress that is not ours is here only if it has problems. */
  readonly verdicts: Table<Verdict>;
  readonly hosts: Table<MergedHost>;
  /** By backend name, like the endpoints. */
  readonly backends: Table<ResolvedBackend>;
  readonly endpoints: Table<ResolvedEndpoints>;
  /** By Secret. */
  readonly certificates: Table<CheckedCertificate>;
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
): RoutingTables {
  const verdicts = verdictTable(graph, objects, classes);
  const fromIngresses = graph.derive('readings of Ingresses', verdicts, (_key, { reading }) => reading, Object.is);
  const flags = graph.input<FlagDefaults>('flags');
  flags.set('', defaults);
  const fromFlags = graph.derive('readings of flags', flags, (_key, value) => flagReading(value));
  const readings = graph.union('readings', fromIngresses, fromFlags);
  const readingsOfHost = graph.group('readings by host', readings, ({ hosts }) => hosts.keys());
  const hosts = graph.derive('hosts', readingsOfHost, (name, keys, look) =>
    mergeHost(
      name,
      keys.flatMap((key) => look(readings, key) ?? []),
    ),
  );
  const backends = backendTable(graph, objects, hosts);
  return {
    verdicts,
    hosts,
    backends,
    endpoints: endpointTable(graph, objects, backends),
    certificates: certificateTable(graph, objects, hosts, readings),
  };
}

function verdictTable(graph: Graph, objects: ObjectTables, policy: ClassPolicy): Table<Verdict> {
  const defaults = graph.group('default classes', objects.IngressClass, (ingressClass) =>
    isDefaultClass(ingressClass) && isOurClass(ingressClass, policy) ? [''] : [],
  );
  return graph.derive('Ingress verdicts', objects.Ingress, (_key, ingress, look) => {
    const { ours, problems } = selectIngress(ingress, policy, {
      byName: (name) => look(objects.IngressClass, name),
      hasDefault: () => look(defaults, '') !== undefined,
    });
    if (ours) {
      const reading = readIngress(ingress);
      return { reading, problems: reading.problems };
    }
    return problems.length === 0 ? undefined : { reading: undefined, problems };
  });
}

function backendTable(graph: Graph, objects: ObjectTables, hosts: Table<MergedHost>): Table<ResolvedBackend> {
  const routesOfHost = graph.derive(
    'routes of hosts by backend',
    hosts,
    (_name, { host }) => routesByBackend(host.routes),
    Object.is,
  );
  const users = graph.group('hosts by backend', hosts, ({ host }) => host.routes.flatMap(backendNameOf));
  return graph.derive('backends', users, (name, hostNames, look) => {
    const own = hostNames.flatMap((host) => look(routesOfHost, host)?.get(name) ?? []);
    const backend = own.flatMap(backendOf)[0];
    if (backend === undefined) return undefined;
    const service = look(objects.Service, objectKey({ namespace: backend.namespace, name: backend.service }));
    return resolveBackend(backend, service, distinct(own.map((route) => route.origin)));
  });
}

function endpointTable(
  graph: Graph,
  objects: ObjectTables,
  backends: Table<ResolvedBackend>,
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
    );
  });
}

function certificateTable(
  graph: Graph,
  objects: ObjectTables,
  hosts: Table<MergedHost>,
  readings: Table<IngressReading>,
): Table<CheckedCertificate> {
  const hostsOfSecret = graph.group('hosts by Secret', hosts, ({ host }) => host.certificates);
  const claimants = graph.group('readings by Secret', readings, ({ hosts: own }) => secretsOf(own.values()));
  return graph.derive('certificates', hostsOfSecret, (key, _hosts, look) =>
    checkCertificate(key, look(objects.Secret, key), claimOrigins(look, claimants, readings, key)),
  );
}

function claimOrigins(
  look: Look,
  claimants: Table<readonly string[]>,
  readings: Table<IngressReading>,
  secret: string,
): readonly Origin[] {
  const own = (look(claimants, secret) ?? []).flatMap((key) => [...(look(readings, key)?.hosts.values() ?? [])]);
  const claims = own.flatMap(({ certificates }) => certificates).filter((claim) => claim.secret === secret);
  return distinct(claims.map(({ origin }) => origin));
}

function secretsOf(hosts: Iterable<HostReading>): readonly string[] {
  return [...hosts].flatMap(({ certificates }) => certificates.map(({ secret }) => secret));
}

function routesByBackend(routes: readonly Route[]): ReadonlyMap<string, readonly Route[]> {
  const byName = new Map<string, Route[]>();
  for (const route of routes) {
    for (const name of backendNameOf(route)) {
      const others = byName.get(name);
      if (others === undefined) byName.set(name, [route]);
      else others.push(route);
    }
  }
  return byName;
}

function backendOf({ action }: Route): readonly Backend[] {
  return action.kind === 'backend' ? [action.backend] : [];
}

function backendNameOf(route: Route): readonly string[] {
  return backendOf(route).map(backendName);
}

/** Several hosts may have taken the same field of the same object. */
function distinct(origins: readonly Origin[]): readonly Origin[] {
  const byKey = new Map(origins.map((origin) => [`${objectKey(origin.object)} ${origin.field}`, origin]));
  return [...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, origin]) => origin);
}
