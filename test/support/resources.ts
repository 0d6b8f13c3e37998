/** Small xDS resources for tests, told apart by an edition, and the short text in which tests write what was sent. */
import { decode, encode } from '../../src/proto/message.ts';
import { messageNameOf, typeUrl } from '../../src/proto/type-url.ts';
import { bodyOf, createResource } from '../../src/xds/resource.ts';
import type { Resource } from '../../src/xds/resource.ts';
import type { ResourceChange } from '../../src/xds/view.ts';

export function cluster(name: string, edition = 1, padding = 0): Resource {
  const alt = `${edition}${'.'.repeat(padding)}`;
  return createResource(typeUrl.cluster, name, encode('envoy.config.cluster.v3.Cluster', { name, alt_stat_name: alt }));
}

export function endpoints(name: string, edition = 1): Resource {
  const body = { cluster_name: name, endpoints: [{ priority: edition }] };
  return createResource(
    typeUrl.clusterLoadAssignment,
    name,
    encode('envoy.config.endpoint.v3.ClusterLoadAssignment', body),
  );
}

export function listener(name: string, edition = 1): Resource {
  const body = encode('envoy.config.listener.v3.Listener', { name, stat_prefix: String(edition) });
  return createResource(typeUrl.listener, name, body);
}

/** A key pair whose private key is `key <edition>`. */
export function secret(name: string, edition = 1): Resource {
  const body = encode('envoy.extensions.transport_sockets.tls.v3.Secret', {
    name,
    tls_certificate: { private_key: { inline_string: `key ${edition}` } },
  });
  return createResource(typeUrl.secret, name, body);
}

/** A route table; delta clients fetch its virtual hosts, SotW clients get them in it. */
export function table(name: string, edition = 1): Resource {
  const plain = { name, internal_only_headers: [String(edition)] };
  return createResource(
    typeUrl.routeConfiguration,
    name,
    encode('envoy.config.route.v3.RouteConfiguration', { ...plain, vhds: {} }),
    encode('envoy.config.route.v3.RouteConfiguration', plain),
  );
}

/** A virtual host, named `<table>/<host>`, whose only route names a cluster. */
export function virtualHost(name: string, clusterName: string): Resource {
  const body = encode('envoy.config.route.v3.VirtualHost', {
    name,
    domains: [name.slice(name.indexOf('/') + 1)],
    routes: [{ match: { prefix: '/' }, route: { cluster: clusterName } }],
  });
  return createResource(typeUrl.virtualHost, name, body);
}

/** The changes of a publication: resources that are to be so, and then names that are to go. */
export function changes(resources: readonly Resource[], gone: readonly Resource[] = []): readonly ResourceChange[] {
  return [
    ...resources.map((resource) => ({ typeUrl: resource.typeUrl, name: resource.name, resource })),
    ...gone.map(({ typeUrl: type, name }) => ({ typeUrl: type, name, resource: undefined })),
  ];
}

/** The clusters that the routes in a resource name. */
export function clustersIn(resource: Resource): readonly string[] {
  const body = bodyOf(resource);
  const hosts =
    resource.typeUrl === typeUrl.virtualHost
      ? [decode('envoy.config.route.v3.VirtualHost', body)]
      : resource.typeUrl === typeUrl.routeConfiguration
        ? (decode('envoy.config.route.v3.RouteConfiguration', body).virtual_hosts ?? [])
        : [];
  return hosts.flatMap(({ routes = [] }) => routes.map(({ route }) => route?.cluster ?? ''));
}

/** Such as `web=2` (edition 2), `http/a.test=web` (routes to web), `none=empty` (no endpoints). */
export function describeResource(resource: Resource): string {
  const name = messageNameOf(resource.typeUrl);
  const text = name === undefined ? '?' : editionOf(resource, name);
  return `${resource.name}=${text}`;
}

function editionOf(resource: Resource, message: NonNullable<ReturnType<typeof messageNameOf>>): string {
  const body = bodyOf(resource);
  switch (message) {
    case 'envoy.config.cluster.v3.Cluster':
      return Number.parseInt(decode(message, body).alt_stat_name ?? '', 10).toString();
    case 'envoy.config.listener.v3.Listener':
      return decode(message, body).stat_prefix ?? '';
    case 'envoy.config.endpoint.v3.ClusterLoadAssignment':
      return String(decode(message, body).endpoints?.[0]?.priority ?? 'empty');
    case 'envoy.extensions.transport_sockets.tls.v3.Secret':
      return decode(message, body).tls_certificate?.private_key?.inline_string?.replace('key ', '') ?? '';
    case 'envoy.config.route.v3.VirtualHost':
      return clustersIn(resource).join('+');
    case 'envoy.config.route.v3.RouteConfiguration':
      return [decode(message, body).internal_only_headers?.[0] ?? '', ...clustersIn(resource)].join('+');
    default:
      return '?';
  }
}
