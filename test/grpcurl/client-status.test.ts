/** The client status discovery service, asked by the real grpcurl: what every connected client has, and what it refused. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { typeUrl } from '../../src/proto/type-url.ts';
import { certificate } from '../support/certificates.ts';
import type { RunningEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { grpcurlCall, openGrpcurlStream } from '../support/grpcurl.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { endpointSlice, ingress, ingressClass, service, tlsSecret } from '../support/objects.ts';
import { startServing } from '../support/serving.ts';
import type { Serving } from '../support/serving.ts';
import { describeWithEnvoy, describeWithGrpcurl } from '../support/tools.ts';

const ads = 'envoy.service.discovery.v3.AggregatedDiscoveryService';
const pair = certificate({ names: ['shop.test'] });

/** As much of a ClientConfig, in JSON, as the tests look at. */
interface Status {
  readonly node: Readonly<Record<string, unknown>>;
  readonly clientScope: string;
  readonly genericXdsConfigs: readonly ResourceState[];
}

interface ResourceState {
  readonly typeUrl: string;
  readonly name: string;
  readonly versionInfo?: string;
  readonly configStatus: string;
  readonly clientStatus: string;
  readonly xdsConfig?: { readonly '@type': string };
  readonly errorState?: { readonly details: string };
}

describeWithGrpcurl('grpcurl, which asks for the status of all clients', () => {
  let serving: Serving;
  beforeEach(async () => {
    serving = await startServing();
    serving.apply(
      ingressClass(),
      service('shop', { '': 80 }),
      endpointSlice('shop-1', 'shop', { '': 8080 }, ['127.0.0.1']),
      tlsSecret('shop-tls', pair.cert, pair.key),
      ingress('shop', {
        hosts: { 'shop.test': { '/': 'shop:80' } },
        tls: [{ hosts: ['shop.test'], secretName: 'shop-tls' }],
      }),
    );
  });
  afterEach(() => serving.stop());

  async function fetchStatus(request: unknown = {}): Promise<readonly Status[]> {
    const method = 'envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus';
    const [response] = await grpcurlCall(serving.port, method, request);
    const config: readonly Status[] | undefined = Reflect.get(Object(response), 'config');
    return config ?? [];
  }

  it('learns that nobody is connected', async () => {
    expect(await fetchStatus()).toEqual([]);
  });

  describeWithEnvoy('with a real Envoy', () => {
    const all = {
      delta: [
        [typeUrl.cluster, 'default/shop/80'],
        [typeUrl.clusterLoadAssignment, 'default/shop/80'],
        [typeUrl.secret, 'default/shop-tls'],
        [typeUrl.listener, 'http'],
        [typeUrl.listener, 'https'],
        [typeUrl.routeConfiguration, 'http'],
        [typeUrl.routeConfiguration, 'https'],
        [typeUrl.virtualHost, 'http/*'],
        [typeUrl.virtualHost, 'http/shop.test'],
        [typeUrl.virtualHost, 'https/*'],
        [typeUrl.virtualHost, 'https/shop.test'],
      ],
      get sotw() {
        return this.delta.filter(([type]) => type !== typeUrl.virtualHost);
      },
    };

    describe.each(['delta', 'sotw'] as const)('that joined over %s', (protocol) => {
      let envoy: RunningEnvoy;
      beforeEach(async () => {
        envoy = await joinEnvoy({ xdsPort: serving.port, protocol, nodeId: 'edge-1' });
      });
      afterEach(() => envoy.stop());

      it('sees each resource acknowledged in the version that is served', async () => {
        await eventually(async () => {
          const [status] = await fetchStatus({ exclude_resource_contents: true });
          expect(status?.genericXdsConfigs).toEqual(
            all[protocol].map(([type = '', name = '']) => ({
              typeUrl: type,
              name,
              versionInfo: serving.server.store[protocol].get(type, name)?.version,
              configStatus: 'SYNCED',
              clientStatus: 'ACKED',
            })),
          );
        });
      });

      it('sees who it is, without the hundreds of extensions that Envoy was built with', async () => {
        const [status] = await fetchStatus();
        expect(status).toMatchObject({
          node: { id: 'edge-1', cluster: 'default', userAgentName: 'envoy' },
          clientScope: expect.stringMatching(`^${protocol} 127\\.0\\.0\\.1:\\d+$`),
        });
        expect(Object.keys(status?.node ?? {})).not.toContain('extensions');
      });

      it('sees the contents of everything but private keys', async () => {
        const [status] = await fetchStatus();
        const shown = status?.genericXdsConfigs.filter(({ xdsConfig }) => xdsConfig !== undefined) ?? [];
        expect(shown.map(({ xdsConfig }) => xdsConfig?.['@type'])).toEqual(
          all[protocol].map(([type]) => type).filter((type) => type !== typeUrl.secret),
        );
        expect(JSON.stringify(status)).not.toContain('PRIVATE KEY');
      });
    });
  });

  it('sees which resource a client refused, with its words, until the client accepts a newer one', async () => {
    const name = 'default/shop/80';
    const stream = await openGrpcurlStream(serving.port, `${ads}/DeltaAggregatedResources`);
    try {
      stream.send({ node: { id: 'picky' }, typeUrl: typeUrl.clusterLoadAssignment, resourceNamesSubscribe: [name] });
      const [offer] = await stream.responses(1);
      stream.send(answer(offer, { errorDetail: { code: 3, message: 'I do not like it' } }));

      await eventually(async () =>
        expect((await fetchStatus()).map(({ genericXdsConfigs }) => genericXdsConfigs)).toMatchObject([
          [{ name, configStatus: 'ERROR', clientStatus: 'NACKED', errorState: { details: 'I do not like it' } }],
        ]),
      );

      serving.apply(endpointSlice('shop-1', 'shop', { '': 8080 }, ['127.0.0.2']));
      const [, second] = await stream.responses(2);
      const [waiting] = await fetchStatus();
      stream.send(answer(second, {}));

      expect(waiting?.genericXdsConfigs).toMatchObject([{ name, configStatus: 'STALE', clientStatus: 'REQUESTED' }]);
      await eventually(async () => {
        const [status] = await fetchStatus();
        expect(status?.genericXdsConfigs).toMatchObject([{ name, configStatus: 'SYNCED', clientStatus: 'ACKED' }]);
        expect(status?.genericXdsConfigs[0]).not.toHaveProperty('errorState');
      });
    } finally {
      await stream.stop();
    }
    await eventually(async () => expect(await fetchStatus()).toEqual([]));
  });

  it('can ask for one client by its node id', async () => {
    const streams = await Promise.all(
      ['edge-1', 'edge-2'].map(async (id) => {
        const stream = await openGrpcurlStream(serving.port, `${ads}/StreamAggregatedResources`);
        stream.send({ node: { id }, typeUrl: typeUrl.cluster });
        await stream.responses(1);
        return stream;
      }),
    );
    try {
      const found = await fetchStatus({ node_matchers: [{ node_id: { exact: 'edge-2' } }] });
      expect(found).toMatchObject([{ node: { id: 'edge-2' }, genericXdsConfigs: [{ name: 'default/shop/80' }] }]);
      expect(await fetchStatus({ node_matchers: [{ node_id: { prefix: 'edge-' } }] })).toHaveLength(2);
    } finally {
      await Promise.all(streams.map((stream) => stream.stop()));
    }
  });
});

/** The request that answers a response. */
function answer(response: unknown, verdict: object): object {
  const { typeUrl: type, nonce }: Record<string, unknown> = Object(response);
  return { typeUrl: type, responseNonce: nonce, ...verdict };
}
