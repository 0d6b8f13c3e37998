/** The second half of the translation: tables from the routing model to encoded Envoy resources. */
import { isDeepStrictEqual } from 'node:util';
import type { Graph, Look, Table } from '../cluster/table.ts';
import { planConnections } from '../features/output.ts';
import { bare } from '../features/ssl-passthrough.ts';
import { clientAuthenticationOf, clientTlsOf, isPassedThrough } from '../features/policies.ts';
import { backendName } from '../model/backend.ts';
import type { Certificate } from '../model/certificate.ts';
import { anyHost, isRoot, knownHosts, wildcardOf } from '../model/host.ts';
import type { Host } from '../model/host.ts';
import { noPolicies } from '../model/policy.ts';
import { typeUrl } from '../proto/type-url.ts';
import { translateClusterLoadAssignment } from '../translate/cluster-load-assignment.ts';
import { translateCluster } from '../translate/cluster.ts';
import { translateHttpListener } from '../translate/listener.ts';
import type { ListenAddress } from '../translate/listener.ts';
import {
  routeConfigurationNames,
  translateRouteConfiguration,
  translateVhdsRouteConfiguration,
} from '../translate/route-configuration.ts';
import type { RouteConfigurationName } from '../translate/route-configuration.ts';
import { translateSecret } from '../translate/secret.ts';
import { virtualHostName } from '../translate/virtual-host.ts';
import { encodeValid } from '../validation/wall.ts';
import { createResource } from '../xds/resource.ts';
import type { Resource } from '../xds/resource.ts';
import { availableHost } from '../ingress/host-availability.ts';
import type { MergedHost } from '../ingress/host-merge.ts';
import { connectionDefaults } from './connection-defaults.ts';
import type { ConnectionDefaults } from './connection-defaults.ts';
import { encodeHost } from './host-isolation.ts';
import { encodeHttpsListener } from './listener-isolation.ts';
import type { Refusal } from './host-isolation.ts';
import type { RoutingTables } from './routing-tables.ts';

/** One that may lack what would have been refused. */
export interface BuiltResource extends Resource {
  readonly refusals?: readonly Refusal[];
}

/** Resources of one type; a key stands for the resource of the name that `nameOf` gives it, even when it is gone. */
export interface ResourceTable {
  readonly typeUrl: string;
  readonly table: Table<BuiltResource>;
  readonly nameOf: (key: string) => string;
}

/** @param standIn under one key, ``, the certificate for TLS clients that name no host with its own, if there is to be one */
export function resourceTables(
  graph: Graph,
  routing: RoutingTables,
  listen: ListenAddress,
  standIn: Table<Certificate>,
): readonly ResourceTable[] {
  const served = servedCertificates(graph, routing, standIn);
  const below = graph.group('hosts with certificates by wildcard', served, (_secrets, host) => {
    const wildcard = wildcardOf(host);
    return wildcard === undefined ? [] : [wildcard];
  });
  const connections = graph.derive('what goes for all connections', routing.defaults, (_key, each) =>
    connectionDefaults(listen, each),
  );
  const believing = graph.derive('whether proxies are believed', connections, (_key, { policies }) =>
    planConnections(listen, policies).trustedHops > 0 ? (true as const) : undefined,
  );
  return [
    clusterTable(graph, routing),
    loadAssignmentTable(graph, routing),
    secretTable(graph, routing, standIn),
    httpListenerTable(graph, connections, listen),
    httpsListenerTable(graph, routing, served, connections, listen),
    routeConfigurationTable(graph, connections, listen),
    ...routeConfigurationNames.map((name) => virtualHostTable(graph, routing, { served, below, believing }, name)),
  ];
}

type Connections = Table<ConnectionDefaults>;

/** While it is not known what goes for all connections. */
function unconditional(listen: ListenAddress): ConnectionDefaults {
  return { listen, policies: noPolicies, refusals: [] };
}

const sameVersion = (a: Resource, b: Resource): boolean => a.version === b.version;
const sameBuilt = (a: BuiltResource, b: BuiltResource): boolean =>
  a.version === b.version && isDeepStrictEqual(a.refusals, b.refusals);
const sameName = (key: string): string => key;

function withRefusals(resource: Resource, refusals: readonly Refusal[]): BuiltResource {
  return refusals.length === 0 ? resource : { ...resource, refusals };
}

function clusterTable(graph: Graph, { backends }: RoutingTables): ResourceTable {
  const table = graph.derive(
    'Cluster',
    backends,
    (name, { transport, backend }) =>
      createResource(
        typeUrl.cluster,
        name,
        encodeValid('envoy.config.cluster.v3.Cluster', translateCluster(name, transport, backend.policies)),
      ),
    sameVersion,
  );
  return { typeUrl: typeUrl.cluster, table, nameOf: sameName };
}

function loadAssignmentTable(graph: Graph, { endpoints }: RoutingTables): ResourceTable {
  const type = typeUrl.clusterLoadAssignment;
  const table = graph.derive(
    'ClusterLoadAssignment',
    endpoints,
    (name, resolved) => {
      if (resolved.isExternal) return undefined;
      const assignment = translateClusterLoadAssignment(name, resolved.endpoints);
      return createResource(type, name, encodeValid('envoy.config.endpoint.v3.ClusterLoadAssignment', assignment));
    },
    sameVersion,
  );
  return { typeUrl: type, table, nameOf: sameName };
}

function secretTable(graph: Graph, { certificates }: RoutingTables, standIn: Table<Certificate>): ResourceTable {
  const own = graph.derive('own certificates', certificates, (_name, { certificate }) => certificate, Object.is);
  const all = graph.union('served certificates', own, standIn);
  const table = graph.derive(
    'TLS Secret',
    all,
    (key, certificate) => {
      const name = secretName(key);
      const secret = encodeValid(
        'envoy.extensions.transport_sockets.tls.v3.Secret',
        translateSecret(name, certificate),
      );
      return createResource(typeUrl.secret, name, secret);
    },
    sameVersion,
  );
  return { typeUrl: typeUrl.secret, table, nameOf: secretName };
}

/** No Secret of a cluster has this name, since theirs have a namespace. */
const standInName = 'default certificate';

function secretName(key: string): string {
  return key === '' ? standInName : key;
}

function httpListenerTable(graph: Graph, connections: Connections, listen: ListenAddress): ResourceTable {
  const input = graph.input<ListenAddress>('listen address');
  input.set('http', listen);
  const table = graph.derive(
    'Listener http',
    input,
    (name, address, look) => {
      const found = look(connections, '') ?? unconditional(address);
      const listener = translateHttpListener(found.listen, found.policies);
      const body = encodeValid('envoy.config.listener.v3.Listener', listener);
      return withRefusals(createResource(typeUrl.listener, name, body), found.refusals);
    },
    sameBuilt,
  );
  return { typeUrl: typeUrl.listener, table, nameOf: sameName };
}

/** One listener for all certificates, so it is sent anew whenever one comes or goes; a renewed one leaves it alone. */
function httpsListenerTable(
  graph: Graph,
  { hosts: hostsOfRouting, backends }: RoutingTables,
  served: Table<readonly string[]>,
  connections: Connections,
  listen: ListenAddress,
): ResourceTable {
  const clients = graph.derive('what clients of hosts are asked for', hostsOfRouting, (_name, { host }) =>
    clientAuthenticationOf(host.policies),
  );
  const ciphers = graph.derive('ciphers of hosts', hostsOfRouting, (_name, { host }) => clientTlsOf(host.policies));
  const passed = graph.derive('hosts whose TLS is passed through', hostsOfRouting, (_name, { host }, look) => {
    const cluster = passedThroughTo(host);
    const external = cluster === undefined ? undefined : look(backends, cluster)?.transport.external;
    // Nobody looks at what a name resolves to before connections of this kind (src/translate/resolved-address.ts).
    return external === undefined || external.mayBeLocal === true ? cluster : undefined;
  });
  const places = graph.union<unknown>('hosts with places in the listener', served, passed);
  const grouped = graph.group('all hosts with certificates', places, () => ['https']);
  const table = graph.derive(
    'Listener https',
    grouped,
    (name, hosts, look) => {
      const servedHosts = new Map(
        hosts.map((host) => [
          host,
          {
            secrets: look(served, host) ?? [],
            clients: look(clients, host),
            tls: look(ciphers, host),
            cluster: look(passed, host),
          },
        ]),
      );
      const all = look(connections, '') ?? unconditional(listen);
      const { body, left } = encodeHttpsListener(all.listen, servedHosts, all.policies);
      if (body === undefined) return undefined;
      const refusals = left.flatMap(({ host, error }) => {
        const asking = look(hostsOfRouting, host)?.host.routes.find(({ policies }) => clientAuthenticationOf(policies));
        const cost = `Clients that ask for "${host}" get no connection, or that of another host`;
        return asking === undefined
          ? []
          : [{ origin: { ...asking.origin, field: 'metadata.annotations' }, error, cost }];
      });
      return withRefusals(createResource(typeUrl.listener, name, body), refusals);
    },
    sameBuilt,
  );
  return { typeUrl: typeUrl.listener, table, nameOf: sameName };
}

/** The cluster to which TLS connections to a host go as they are: that of its root, as no annotation changes it. */
function passedThroughTo({ name, policies, routes }: Host): string | undefined {
  // The catch-all host has no server name that a client could send.
  const root = name !== anyHost && isPassedThrough(policies) ? routes.find(isRoot) : undefined;
  if (root?.action.kind !== 'backend') return undefined;
  const cluster = backendName(bare(root.action.backend));
  const clusters = [root.action.backend, ...(root.upstreams ?? [])].map(backendName);
  return clusters.includes(cluster) ? cluster : undefined;
}

/** For each host with certificates that can be used their Secrets. */
function servedCertificates(
  graph: Graph,
  routing: RoutingTables,
  standIn: Table<Certificate>,
): Table<readonly string[]> {
  const hasStandIn = graph.derive('whether there is a default certificate', standIn, () => true as const);
  const usable = graph.derive('usable certificates', routing.certificates, (_key, { certificate }) =>
    certificate === undefined ? undefined : true,
  );
  return graph.derive('hosts with certificates', routing.hosts, (_name, { host }, look) => {
    const usableOf = (each: Host): readonly string[] => {
      const own = each.certificates.filter((secret) => look(usable, secret) === true);
      const isBare = own.length === 0 && each.name === anyHost && look(hasStandIn, '') === true;
      return isBare ? [standInName] : own;
    };
    const served = usableOf(host);
    if (served.length > 0) return served;
    if (clientAuthenticationOf(host.policies) === undefined && clientTlsOf(host.policies) === undefined)
      return undefined;
    // What a host asks of clients needs a place of its own, also for one that is served with the certificate of another.
    for (const name of [wildcardOf(host.name), anyHost]) {
      const covering = name === undefined ? undefined : look(routing.hosts, name)?.host;
      const found = covering === undefined ? [] : usableOf(covering);
      if (found.length > 0) return found;
    }
    return undefined;
  });
}

function routeConfigurationTable(graph: Graph, connections: Connections, listen: ListenAddress): ResourceTable {
  const names = graph.input<RouteConfigurationName>('RouteConfiguration names');
  for (const name of routeConfigurationNames) names.set(name, name);
  const table = graph.derive(
    'RouteConfiguration',
    names,
    (_key, name, look) => {
      const all = look(connections, '') ?? unconditional(listen);
      const plan = planConnections(all.listen, all.policies);
      return createResource(
        typeUrl.routeConfiguration,
        name,
        encodeValid('envoy.config.route.v3.RouteConfiguration', translateVhdsRouteConfiguration(name, plan)),
        encodeValid('envoy.config.route.v3.RouteConfiguration', translateRouteConfiguration(name, plan)),
      );
    },
    sameVersion,
  );
  return { typeUrl: typeUrl.routeConfiguration, table, nameOf: sameName };
}

function virtualHostTable(
  graph: Graph,
  { hosts, unmatched, populated }: RoutingTables,
  tls: TlsHosts,
  routes: RouteConfigurationName,
): ResourceTable {
  const nameOf = (host: string): string => virtualHostName(routes, host);
  const table = graph.derive(
    `VirtualHost ${routes}`,
    hosts,
    (name, { host }, look) => {
      // An Envoy waits for the first virtual host of a table, so the catch-all is there even when it has no routes.
      if (name === knownHosts || (host.routes.length === 0 && name !== anyHost)) return undefined;
      if (routes === 'https' && !isReachableOverTls(host, look, tls)) return undefined;
      const hasEndpoints = (backend: string): boolean => look(populated, backend) === true;
      const catchAll = name.startsWith('*.') ? look(hosts, anyHost)?.host : undefined;
      const { body, refusals } = encodeHost(routes, availableHost(host, hasEndpoints), {
        unmatched: name === anyHost ? undefined : unmatched,
        catchAll: catchAll && availableHost(catchAll, hasEndpoints),
        defaultBackend: unmatched?.action.kind === 'backend' ? unmatched.action.backend : undefined,
        hasEndpoints: (backend) => hasEndpoints(backendName(backend)),
        isCoveredByTls: (routes === 'http' || look(tls.believing, '') === true) && isCoveredByTls(host, look, hosts),
        believesProxies: look(tls.believing, '') === true,
      });
      return withRefusals(createResource(typeUrl.virtualHost, nameOf(name), body), refusals);
    },
    sameBuilt,
  );
  return { typeUrl: typeUrl.virtualHost, table, nameOf };
}

/** Whether the wildcard above the host has TLS. */
function isCoveredByTls({ name, hasTls }: Host, look: Look, hosts: Table<MergedHost>): boolean {
  const wildcard = hasTls ? undefined : wildcardOf(name);
  return wildcard !== undefined && look(hosts, wildcard)?.host.hasTls === true;
}

/** Which hosts have certificates that can be used. */
interface TlsHosts {
  readonly served: Table<readonly string[]>;
  /** Under the key ``. */
  readonly believing: Table<true>;
  /** By the wildcard host that covers them. */
  readonly below: Table<readonly string[]>;
}

/**
 * Whether a TLS client that asks for this host is shown a certificate: its own, that of a host which covers it, or, for a
 * wildcard host, that of a single host below it.
 */
function isReachableOverTls({ name }: Host, look: Look, { served, below }: TlsHosts): boolean {
  const wildcard = wildcardOf(name);
  const covering = [name, ...(wildcard === undefined ? [] : [wildcard]), anyHost];
  if (name === anyHost || covering.some((each) => look(served, each) !== undefined)) return true;
  return look(below, name) !== undefined;
}
