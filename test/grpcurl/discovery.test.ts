/** The real grpcurl asks for resources as an Envoy would, and prints them down to the messages inside their Anys. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { typeUrl } from '../../src/proto/type-url.ts';
import { certificate } from '../support/certificates.ts';
import { grpcurl, grpcurlCall, openGrpcurlStream } from '../support/grpcurl.ts';
import { endpointSlice, ingress, ingressClass, service, tlsSecret } from '../support/objects.ts';
import { startServing } from '../support/serving.ts';
import type { Serving } from '../support/serving.ts';
import { describeWithGrpcurl } from '../support/tools.ts';

const ads = 'envoy.service.discovery.v3.AggregatedDiscoveryService';
const pair = certificate({ names: ['shop.test'] });

const hcm = (table: string) => ({
  name: 'envoy.filters.network.http_connection_manager',
  typedConfig: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    statPrefix: table,
    rds: { routeConfigName: table, configSource: { ads: {} } },
    httpFilters: expect.arrayContaining([
      expect.objectContaining({
        name: 'envoy.filters.http.router',
        typedConfig: expect.objectContaining({
          '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
        }),
      }),
    ]),
  },
});

const httpListener = { name: 'http', filterChains: [{ name: 'http', filters: [hcm('http')] }] };

const httpsListener = {
  name: 'https',
  filterChains: [
    {
      name: 'default/shop-tls',
      filters: [hcm('https')],
      transportSocket: {
        name: 'envoy.transport_sockets.tls',
        typedConfig: {
          '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
          commonTlsContext: { tlsCertificateSdsSecretConfigs: [{ name: 'default/shop-tls', sdsConfig: { ads: {} } }] },
        },
      },
    },
  ],
};

const shopRoute = expect.objectContaining({
  match: { pathSeparatedPrefix: '/cart' },
  route: expect.objectContaining({ cluster: 'default/shop/80' }),
});
const shopHost = (table: string) => ({
  name: `${table}/shop.test`,
  domains: ['shop.test'],
  routes: expect.arrayContaining([shopRoute]),
});
const anyHost = (table: string) => ({ name: `${table}/*`, domains: ['*'] });

const assignment = {
  clusterName: 'default/shop/80',
  endpoints: [
    { lbEndpoints: [{ endpoint: { address: { socketAddress: { address: '10.0.0.7', portValue: 8080 } } } }] },
  ],
};

const cluster = { name: 'default/shop/80', type: 'EDS', edsClusterConfig: { serviceName: 'default/shop/80' } };

const secret = {
  name: 'default/shop-tls',
  tlsCertificate: { certificateChain: { inlineString: pair.cert }, privateKey: { inlineString: pair.key } },
};

/** For each type the names to ask for (none for all), and what must be there, in the order of names. */
const common: readonly (readonly [string, readonly string[], readonly object[]])[] = [
  [typeUrl.listener, [], [httpListener, httpsListener]],
  [typeUrl.cluster, [], [cluster]],
  [typeUrl.clusterLoadAssignment, ['default/shop/80'], [assignment]],
  [typeUrl.secret, ['default/shop-tls'], [secret]],
];

const vhds = { vhds: { configSource: { ads: {} } } };

describeWithGrpcurl('grpcurl, which asks as an Envoy does', () => {
  let serving: Serving;
  beforeAll(async () => {
    serving = await startServing();
    serving.apply(
      ingressClass(),
      service('shop', { '': 80 }),
      endpointSlice('shop-1', 'shop', { '': 8080 }, ['10.0.0.7']),
      tlsSecret('shop-tls', pair.cert, pair.key),
      ingress('shop', {
        annotations: { 'nginx.ingress.kubernetes.io/ssl-redirect': 'false' },
        hosts: { 'shop.test': { '/cart': 'shop:80' } },
        tls: [{ hosts: ['shop.test'], secretName: 'shop-tls' }],
      }),
    );
  });
  afterAll(() => serving.stop());

  describe('over StreamAggregatedResources', () => {
    it.each([
      ...common,
      [
        typeUrl.routeConfiguration,
        ['http', 'https'],
        ['http', 'https'].map((name) => ({ name, virtualHosts: [anyHost(name), shopHost(name)] })),
      ],
    ] as const)('prints %s', async (type, names, resources) => {
      const request = { node: { id: 'me' }, typeUrl: type, resourceNames: names };

      const [response] = await grpcurlCall(serving.port, `${ads}/StreamAggregatedResources`, request);

      expect(response).toMatchObject({
        typeUrl: type,
        versionInfo: serving.server.store.sotw.table(type).version(),
        nonce: expect.any(String),
        resources: resources.map((resource) => ({ '@type': type, ...resource })),
      });
    });
  });

  describe('over DeltaAggregatedResources', () => {
    it.each([
      ...common,
      [typeUrl.routeConfiguration, ['http', 'https'], ['http', 'https'].map((name) => ({ name, ...vhds }))],
      [typeUrl.virtualHost, ['*'], ['http', 'https'].flatMap((name) => [anyHost(name), shopHost(name)])],
    ] as const)('prints %s', async (type, names, resources) => {
      const request = { node: { id: 'me' }, typeUrl: type, resourceNamesSubscribe: names };

      const [response] = await grpcurlCall(serving.port, `${ads}/DeltaAggregatedResources`, request);

      expect(response).toMatchObject({
        typeUrl: type,
        nonce: expect.any(String),
        resources: resources.map((resource) => {
          const name = Reflect.get(resource, 'name') ?? Reflect.get(resource, 'clusterName');
          const version = serving.server.store.delta.get(type, name)?.version;
          return { name, version, resource: { '@type': type, ...resource } };
        }),
      });
    });
  });

  it.each([
    ['envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters', typeUrl.cluster],
    ['envoy.service.cluster.v3.ClusterDiscoveryService/DeltaClusters', typeUrl.cluster],
    ['envoy.service.listener.v3.ListenerDiscoveryService/DeltaListeners', typeUrl.listener],
    ['envoy.service.route.v3.VirtualHostDiscoveryService/DeltaVirtualHosts', typeUrl.virtualHost],
  ])('need not name the type of %s', async (method, type) => {
    const [response] = await grpcurlCall(serving.port, method, {});
    expect(response).toMatchObject({ typeUrl: type, resources: expect.any(Array) });
  });

  it('follows changes as long as it answers them', async () => {
    const stream = await openGrpcurlStream(serving.port, `${ads}/DeltaAggregatedResources`);
    try {
      const type = typeUrl.clusterLoadAssignment;
      stream.send({ node: { id: 'me' }, typeUrl: type, resourceNamesSubscribe: ['default/shop/80'] });
      const [first] = await stream.responses(1);
      stream.send({ typeUrl: type, responseNonce: nonceOf(first) });
      const acknowledged = () => serving.events.filter(({ kind }) => kind === 'ack').length;

      serving.apply(endpointSlice('shop-1', 'shop', { '': 8080 }, ['10.0.0.8']));

      const [, second] = await stream.responses(2);
      expect(second).toMatchObject({
        resources: [{ resource: { endpoints: [{ lbEndpoints: [{ endpoint: endpointAt('10.0.0.8') }] }] } }],
      });
      expect(acknowledged()).toBe(1);
    } finally {
      await stream.stop();
      serving.apply(endpointSlice('shop-1', 'shop', { '': 8080 }, ['10.0.0.7']));
    }
  });

  it('is told what it forgot', async () => {
    const { code, stderr } = await grpcurl(
      ['-plaintext', '-d', '@', `127.0.0.1:${serving.port}`, `${ads}/DeltaAggregatedResources`],
      '{}',
    );
    expect(code).not.toBe(0);
    expect(stderr).toContain('type_url is empty; every ADS request must name a type');
  });
});

function endpointAt(address: string): object {
  return { address: { socketAddress: { address } } };
}

function nonceOf(response: unknown): unknown {
  return typeof response === 'object' && response !== null ? Reflect.get(response, 'nonce') : undefined;
}
