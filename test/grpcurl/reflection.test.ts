/** The real grpcurl knows what the server offers from the server alone. */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { reflectionServices } from '../../src/xds/reflection.ts';
import { grpcurl } from '../support/grpcurl.ts';
import { startServing } from '../support/serving.ts';
import type { Serving } from '../support/serving.ts';
import { describeWithGrpcurl } from '../support/tools.ts';

const services: Readonly<Record<string, readonly string[]>> = {
  'envoy.service.cluster.v3.ClusterDiscoveryService': ['DeltaClusters', 'FetchClusters', 'StreamClusters'],
  'envoy.service.discovery.v3.AggregatedDiscoveryService': ['DeltaAggregatedResources', 'StreamAggregatedResources'],
  'envoy.service.endpoint.v3.EndpointDiscoveryService': ['DeltaEndpoints', 'FetchEndpoints', 'StreamEndpoints'],
  'envoy.service.listener.v3.ListenerDiscoveryService': ['DeltaListeners', 'FetchListeners', 'StreamListeners'],
  'envoy.service.route.v3.RouteDiscoveryService': ['DeltaRoutes', 'FetchRoutes', 'StreamRoutes'],
  'envoy.service.route.v3.VirtualHostDiscoveryService': ['DeltaVirtualHosts'],
  'envoy.service.secret.v3.SecretDiscoveryService': ['DeltaSecrets', 'FetchSecrets', 'StreamSecrets'],
  'envoy.service.status.v3.ClientStatusDiscoveryService': ['FetchClientStatus', 'StreamClientStatus'],
  'grpc.health.v1.Health': ['Check', 'Watch'],
};

describeWithGrpcurl('grpcurl, which asks the server what it is', () => {
  let serving: Serving;
  beforeAll(async () => {
    serving = await startServing();
  });
  afterAll(() => serving.stop());

  /** What it prints. Throws what it complains about. */
  async function ask(...words: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await grpcurl(['-plaintext', `127.0.0.1:${serving.port}`, ...words]);
    if (code !== 0) throw new Error(stderr);
    return stdout;
  }

  it('lists all services', async () => {
    expect((await ask('list')).trim().split('\n')).toEqual(Object.keys(services));
  });

  it.each(Object.entries(services))('lists and describes the methods of %s', async (name, methods) => {
    const listed = (await ask('list', name)).trim().split('\n');
    const described = await ask('describe', name);

    expect(listed).toEqual(methods.map((method) => `${name}.${method}`));
    expect(described).toContain(`${name} is a service:`);
    expect(Array.from(described.matchAll(/\brpc (\w+) \(/g), ([, method = '']) => method).toSorted()).toEqual(methods);
  });

  it('describes everything that the server lists when it is asked for nothing in particular', async () => {
    const described = await ask('describe');
    expect(described.match(/^\S+ is a service:$/gm)).toEqual(
      Object.keys(services).map((name) => `${name} is a service:`),
    );
  });

  it.each([
    ['envoy.config.listener.v3.Listener', 'repeated .envoy.config.listener.v3.FilterChain filter_chains = 3;'],
    ['envoy.config.cluster.v3.Cluster', '.envoy.config.cluster.v3.Cluster.EdsClusterConfig eds_cluster_config = 3;'],
    ['envoy.config.route.v3.VirtualHost', 'repeated .envoy.config.route.v3.Route routes = 3;'],
    ['envoy.config.endpoint.v3.ClusterLoadAssignment', 'string cluster_name = 1;'],
    [
      'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
      'repeated .envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter http_filters = 5;',
    ],
    ['envoy.extensions.transport_sockets.tls.v3.Secret', 'string name = 1;'],
  ])('describes the message %s', async (name, field) => {
    const described = await ask('describe', name);
    expect(described).toContain(`${name} is a message:`);
    expect(described).toContain(field);
  });

  it('makes a template of a request', async () => {
    const name = 'envoy.service.discovery.v3.DeltaDiscoveryRequest';
    const { stdout } = await grpcurl(['-plaintext', '-msg-template', `127.0.0.1:${serving.port}`, 'describe', name]);
    expect(stdout).toContain('"resourceNamesSubscribe": [');
  });

  it('says so when there is no such symbol', async () => {
    await expect(ask('describe', 'no.such.Service')).rejects.toThrow('not found: no.such.Service');
  });
});

describeWithGrpcurl('grpcurl and a server with only one version of reflection', () => {
  it.each(['v1', 'v1alpha'])('understands %s', async (version) => {
    const names = ['envoy.service.discovery.v3.AggregatedDiscoveryService'];
    const [v1, v1alpha] = reflectionServices(names);
    const service = version === 'v1' ? v1 : v1alpha;
    if (service === undefined) throw new Error('there are two versions');
    const server = new Server();
    server.addService(service.definition, service.implementation);
    const port = await new Promise<number>((fulfil, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? fulfil(bound) : reject(error),
      );
    });
    try {
      const listed = await grpcurl(['-plaintext', `127.0.0.1:${port}`, 'list']);
      const described = await grpcurl([
        '-plaintext',
        `127.0.0.1:${port}`,
        'describe',
        'envoy.config.cluster.v3.Cluster',
      ]);

      expect(listed).toMatchObject({ code: 0, stdout: `${names.join('\n')}\n`, stderr: '' });
      expect(described.stdout).toContain('envoy.config.cluster.v3.Cluster is a message:');
    } finally {
      server.forceShutdown();
    }
  });
});
