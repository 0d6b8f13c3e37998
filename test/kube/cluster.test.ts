/** Proves that the tests can start a real Kubernetes API server, use it as anybody would, restart it and end it. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Backend, startBackend } from '../support/backend.ts';
import { eventually } from '../support/eventually.ts';
import { httpRequest } from '../support/http-request.ts';
import { type KubeCluster, startKubeCluster } from '../support/kube-cluster.ts';
import { podAddress } from '../support/pod-network.ts';
import { describeWithKubernetes } from '../support/tools.ts';

describeWithKubernetes('a Kubernetes API server of the testbed', () => {
  let cluster: KubeCluster;
  let backend: Backend;
  beforeAll(async () => {
    cluster = await startKubeCluster();
    backend = await startBackend({ name: 'pod-200', address: podAddress(200) });
  }, 60_000);
  afterAll(async () => {
    await backend.close();
    await cluster.stop();
  }, 60_000);

  it('keeps an EndpointSlice that names a pod address, where a backend answers', async () => {
    await cluster.kubectl(['apply', '-f', '-'], endpointSlice(podAddress(200), backend.port));

    const address = await cluster.kubectl([
      'get',
      'endpointslice',
      'shop-1',
      '-o',
      'jsonpath={.endpoints[0].addresses[0]}',
    ]);
    const answer = await httpRequest({ address, port: backend.port });

    expect(address).toBe('10.77.0.200');
    expect(JSON.parse(answer.body)).toMatchObject({ backend: 'pod-200', path: '/' });
  }, 30_000);

  it('refuses what Kubernetes refuses, and says why', async () => {
    await expect(cluster.kubectl(['apply', '-f', '-'], endpointSlice('127.0.0.1', 80))).rejects.toThrow('loopback');
  }, 30_000);

  it('says the version it was built from', async () => {
    expect(await cluster.kubectl(['version'])).toContain('Server Version: v1.36.3');
  }, 30_000);

  it('grants a service account what RBAC grants it, and no more', async () => {
    await cluster.kubectl(['create', 'serviceaccount', 'reader']);
    await cluster.kubectl(['create', 'clusterrole', 'reader', '--verb=list', '--resource=services']);
    await cluster.kubectl([
      'create',
      'clusterrolebinding',
      'reader',
      '--clusterrole=reader',
      '--serviceaccount=default:reader',
    ]);
    const token = (await cluster.kubectl(['create', 'token', 'reader'])).trim();
    const asReader = ['--token', token, 'get', '--raw'];

    expect(await cluster.kubectl([...asReader, '/api/v1/services'])).toContain('ServiceList');
    await expect(cluster.kubectl([...asReader, '/api/v1/secrets'])).rejects.toThrow('forbidden');
  }, 30_000);

  it('has the same objects under the same address after the API server restarted', async () => {
    await cluster.kubectl(['create', 'configmap', 'kept', '--from-literal=a=b']);

    await cluster.restartApiServer();

    expect(await cluster.kubectl(['get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}'])).toBe('b');
  }, 60_000);

  it('answers 410 to a watch from a version that was compacted away', async () => {
    const version = await cluster.kubectl(['get', 'configmap', 'kept', '-o', 'jsonpath={.metadata.resourceVersion}']);
    await cluster.kubectl(['label', 'configmap', 'kept', 'label=1']);

    await cluster.compact();
    await cluster.restartApiServer();

    const path = `/api/v1/configmaps?watch=true&timeoutSeconds=5&resourceVersion=${version}`;
    await expect(cluster.kubectl(['get', '--raw', path])).resolves.toContain('"code":410');
  }, 60_000);
});

describeWithKubernetes('a cluster with a controller manager', () => {
  it('makes the EndpointSlices of a Service without a selector from its Endpoints', async () => {
    const cluster = await startKubeCluster({ controllerManager: true });
    try {
      const items = [
        { apiVersion: 'v1', kind: 'Service', metadata: { name: 'shop' }, spec: { ports: [{ port: 80 }] } },
        {
          apiVersion: 'v1',
          kind: 'Endpoints',
          metadata: { name: 'shop' },
          subsets: [{ addresses: [{ ip: podAddress(9) }], ports: [{ port: 8080 }] }],
        },
      ];
      await cluster.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));

      await eventually(async () => {
        const slices = await cluster.kubectl([
          'get',
          'endpointslices',
          '-o',
          'jsonpath={.items[*].endpoints[*].addresses[0]}',
        ]);
        expect(slices).toBe('10.77.0.9');
      });
    } finally {
      await cluster.stop();
    }
  }, 60_000);
});

function endpointSlice(address: string, port: number): string {
  return JSON.stringify({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'shop-1', labels: { 'kubernetes.io/service-name': 'shop' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port, protocol: 'TCP' }],
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
  });
}
