/** Makes resources bad that objects ask for by certain values: what no check of ours can tell, Envoys refuse. */
import { decode, encode } from '../../src/proto/message.ts';
import { messageNameOf } from '../../src/proto/type-url.ts';
import { bodyOf, createResource } from '../../src/xds/resource.ts';
import type { Resource } from '../../src/xds/resource.ts';

/** What to write into objects so that what follows from them is refused. */
export const poison = {
  /** Of the annotation app-root: a header that Envoy cannot parse, in the virtual host. */
  virtualHost: '/spoil-virtual-host',
  /** Of the annotation proxy-connect-timeout: a cluster that breaks a constraint, or one that is semantically wrong. */
  clusterConstraint: '77',
  cluster: '78',
  /** Address of an endpoint. */
  endpoint: '127.66.66.66',
  /** Name in a certificate: a private key that does not belong to it. */
  secret: 'spoil-secret.test',
  /** Of the annotation auth-tls-verify-depth: authorities that are none, in the listener. */
  httpsListener: '66',
  /** Of the ConfigMap key keep-alive: no stat prefix, in both listeners. */
  listener: '666',
} as const;

export function spoil(resource: Resource): Resource {
  const body = spoiledBody(resource);
  return body === undefined ? resource : createResource(resource.typeUrl, resource.name, body, resource.inlineBody);
}

function spoiledBody(resource: Resource): Uint8Array | undefined {
  const bytes = bodyOf(resource);
  switch (messageNameOf(resource.typeUrl)) {
    case 'envoy.config.route.v3.VirtualHost': {
      if (!bytes.includes(poison.virtualHost)) return undefined;
      const host = decode('envoy.config.route.v3.VirtualHost', bytes);
      const header = { header: { key: 'x-bad', value: '100% sure' } };
      return encode('envoy.config.route.v3.VirtualHost', {
        ...host,
        routes: (host.routes ?? []).map((route) => ({ ...route, response_headers_to_add: [header] })),
      });
    }
    case 'envoy.config.cluster.v3.Cluster': {
      const cluster = decode('envoy.config.cluster.v3.Cluster', bytes);
      if (cluster.connect_timeout === `${poison.clusterConstraint}s`) {
        return encode('envoy.config.cluster.v3.Cluster', { ...cluster, connect_timeout: '0s' });
      }
      if (cluster.connect_timeout !== `${poison.cluster}s`) return undefined;
      return encode('envoy.config.cluster.v3.Cluster', { ...cluster, type: 'LOGICAL_DNS' });
    }
    case 'envoy.config.endpoint.v3.ClusterLoadAssignment': {
      if (!bytes.includes(poison.endpoint)) return undefined;
      const address = { socket_address: { address: 'fe80::1%nosuchif', port_value: 80 } };
      return encode('envoy.config.endpoint.v3.ClusterLoadAssignment', {
        cluster_name: resource.name,
        endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
      });
    }
    case 'envoy.extensions.transport_sockets.tls.v3.Secret': {
      const secret = decode('envoy.extensions.transport_sockets.tls.v3.Secret', bytes);
      const pair = secret.tls_certificate;
      const chain = pair?.certificate_chain?.inline_string ?? '';
      if (!Buffer.from(chain.replace(/-----[^-]+-----|\s/g, ''), 'base64').includes(poison.secret)) return undefined;
      return encode('envoy.extensions.transport_sockets.tls.v3.Secret', {
        ...secret,
        tls_certificate: { ...pair, private_key: { inline_string: 'garbage' } },
      });
    }
    case 'envoy.config.listener.v3.Listener':
      return spoiledListener(bytes);
    case 'envoy.config.route.v3.RouteConfiguration':
    case undefined:
      return undefined;
  }
}

function spoiledListener(bytes: Buffer): Uint8Array | undefined {
  const listener = decode('envoy.config.listener.v3.Listener', bytes);
  const text = JSON.stringify(listener);
  const asksForClients = text.includes(`"max_verify_depth":${poison.httpsListener}`);
  const isIdle = text.includes(`"idle_timeout":"${poison.listener}s"`);
  if (!asksForClients && !isIdle) return undefined;
  return encode('envoy.config.listener.v3.Listener', {
    ...listener,
    address: { socket_address: { address: 'nowhere', port_value: 80 } },
  });
}
