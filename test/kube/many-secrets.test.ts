/** A cluster full of Secrets that nobody names in an Ingress; `SLUICE_TEST_SECRETS=10000` makes it as many, and says what it costs. */
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { KubeConfig } from '@kubernetes/client-node';
import { type ClientHttp2Session, connect } from 'node:http2';
import { kubernetesSource } from '../../src/source/kubernetes.ts';
import { type RawObject, rawIngress, rawSecret } from '../source/raw-objects.ts';
import { Recorder } from '../source/recorder.ts';
import { silentLog } from '../source/silent-log.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { type KubeCluster, startKubeCluster } from '../support/kube-cluster.ts';
import { describeWithKubernetes } from '../support/tools.ts';
import { apply } from './fault-scene.ts';

jest.setTimeout(300_000);

const { SLUICE_TEST_SECRETS: wanted } = process.env;
const unrelated = Number(wanted ?? 1_000);
const secretBytes = 4_096;

describeWithKubernetes('a cluster with very many Secrets', () => {
  let cluster: KubeCluster;
  let proxy: FaultProxy;

  beforeAll(async () => {
    cluster = await startKubeCluster();
    proxy = await FaultProxy.start(cluster.port);
    const session = connect(cluster.url, { ca: cluster.ca });
    for (let from = 0; from < unrelated; from += 50) {
      const batch = Array.from({ length: Math.min(50, unrelated - from) }, (_, index) => from + index);
      // oxlint-disable-next-line no-await-in-loop -- a batch at a time
      await Promise.all(batch.map((index) => create(session, cluster.token, opaque(`unrelated-${index}`))));
    }
    session.close();
  });
  afterAll(async () => {
    await proxy.stop();
    await cluster.stop();
  });

  it('costs no more than one without them, and those that are named are there', async () => {
    const ingress = rawIngress('web');
    const tls = ['typed', 'opaque'].map((secretName) => ({ hosts: ['web.test'], secretName }));
    await apply(cluster, rawSecret('typed'), opaque('opaque'), {
      ...ingress,
      spec: { ...Object(ingress['spec']), tls },
    });
    const kubeConfig = new KubeConfig();
    const caData = Buffer.from(cluster.ca).toString('base64');
    const server = { name: 'c', server: `https://127.0.0.1:${proxy.port}`, caData, skipTLSVerify: false };
    kubeConfig.loadFromClusterAndUser(server, { name: 'u', token: cluster.token });
    const before = { cpu: process.cpuUsage(), heap: process.memoryUsage().heapUsed };
    const recorder = new Recorder(kubernetesSource({ kubeConfig, namespaces: [], log: silentLog }));
    await recorder.synced(20_000);
    expect(recorder.names.filter((name) => name.startsWith('Secret'))).toEqual([
      'Secret default/opaque',
      'Secret default/typed',
    ]);
    // Everything that came: TLS, all kinds, the two Secrets. One in fifty of what the others alone would be.
    expect(proxy.bytes).toBeLessThan(Math.max(60_000, (unrelated * secretBytes) / 50));
    if (wanted !== undefined) {
      const { user, system } = process.cpuUsage(before.cpu);
      const heap = process.memoryUsage().heapUsed - before.heap;
      process.stdout.write(
        `${unrelated} unrelated Secrets of ${secretBytes} bytes: ${proxy.bytes} bytes received, ` +
          `${Math.round((user + system) / 1_000)} ms CPU, ${Math.round(heap / 1_024)} KiB heap until synced\n`,
      );
    }
    recorder.stop();
  });
});

function opaque(name: string): RawObject {
  return { ...rawSecret(name, 'x'.repeat((secretBytes * 3) / 4)), type: 'Opaque' };
}

function create(session: ClientHttp2Session, token: string, object: RawObject): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/api/v1/namespaces/default/secrets',
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
    });
    stream.on('response', (headers) => {
      if (headers[':status'] === 201) resolve();
      else reject(new Error(`creating ${object.metadata.name} answered ${String(headers[':status'])}`));
    });
    stream.on('error', reject);
    stream.resume();
    stream.end(JSON.stringify(object));
  });
}
