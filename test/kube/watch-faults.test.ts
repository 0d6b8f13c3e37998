/** Everything between Sluice and a real API server that can break, on the level of TCP: TLS and HTTP/2 stay as they are. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import { KubeConfig } from '@kubernetes/client-node';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadKubeConfig } from '../../src/source/kube-config.ts';
import { rawIngress } from '../source/raw-objects.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { type KubeCluster, startKubeCluster } from '../support/kube-cluster.ts';
import { describeWithKubernetes } from '../support/tools.ts';
import { readerRights } from './reader-rights.ts';
import {
  apply,
  type FaultReport,
  FaultScene,
  mostFailures,
  playFault,
  printReports,
  recordReport,
} from './fault-scene.ts';

jest.setTimeout(120_000);

interface NetworkFault {
  readonly name: string;
  readonly inject: (proxy: FaultProxy) => void;
  readonly heal: (proxy: FaultProxy) => void;
  readonly lastsMs: number;
  /** How often lists and watches have to fail before it ends. */
  readonly failures: number;
}

const faults: readonly NetworkFault[] = [
  {
    name: 'connections cut',
    inject: (proxy) => proxy.cut(),
    heal: () => undefined,
    lastsMs: 0,
    failures: 5,
  },
  {
    name: 'connections cut again and again',
    inject: (proxy) => {
      proxy.accept('cut');
      proxy.cut();
    },
    heal: (proxy) => proxy.accept('pass'),
    lastsMs: 12_000,
    failures: 5,
  },
  {
    name: 'half-open connection, new ones work',
    inject: (proxy) => proxy.freeze(),
    heal: () => undefined,
    lastsMs: 0,
    failures: 0,
  },
  {
    name: 'half-open connections, new ones too',
    inject: (proxy) => {
      proxy.accept('freeze');
      proxy.freeze();
    },
    heal: (proxy) => proxy.accept('pass'),
    lastsMs: 15_000,
    failures: 5,
  },
  {
    name: 'bytes that are no TLS',
    inject: (proxy) => proxy.garble(),
    heal: () => undefined,
    lastsMs: 0,
    failures: 5,
  },
  {
    name: 'every byte 2 s late',
    inject: (proxy) => proxy.delay(2_000),
    heal: (proxy) => proxy.delay(0),
    lastsMs: 8_000,
    failures: 0,
  },
];

function through(proxy: FaultProxy, cluster: KubeCluster, token = cluster.token): KubeConfig {
  const kubeConfig = new KubeConfig();
  const server = `https://127.0.0.1:${proxy.port}`;
  const caData = Buffer.from(cluster.ca).toString('base64');
  kubeConfig.loadFromClusterAndUser({ name: 'proxied', server, caData, skipTLSVerify: false }, { name: 'user', token });
  return kubeConfig;
}

/** Through a proxy of its own, from a namespace of its own. */
async function play(cluster: KubeCluster, fault: NetworkFault, index: number): Promise<FaultReport> {
  const proxy = await FaultProxy.start(cluster.port);
  try {
    const way = { kubeConfig: through(proxy, cluster), namespace: `fault-${index}` };
    const { name, inject, heal, lastsMs, failures } = fault;
    return await playFault(cluster, way, name, {
      inject: () => inject(proxy),
      heal: () => heal(proxy),
      lastsMs,
      failures,
    });
  } finally {
    await proxy.stop();
  }
}

/** The same with a token that ends, and a file in which the next one is put. */
async function playToken(cluster: KubeCluster, folder: string): Promise<FaultReport> {
  const proxy = await FaultProxy.start(cluster.port);
  const file = join(folder, 'kubeconfig');
  const renew = async (): Promise<void> => {
    await cluster.kubectl(['create', 'serviceaccount', 'sluice']);
    await writeFile(join(folder, 'token'), `${(await cluster.kubectl(['create', 'token', 'sluice'])).trim()}\n`);
  };
  try {
    await apply(cluster, ...readerRights('default', 'sluice'));
    await renew();
    const text = through(proxy, cluster, '').exportConfig();
    await writeFile(file, text.replace(/"token":""/, '"tokenFile":"token"'));
    const reload = (): Promise<KubeConfig> => loadKubeConfig(file);
    const way = { kubeConfig: await reload(), reload, namespace: 'fault-token' };
    return await playFault(cluster, way, 'token expired, then renewed', {
      inject: async () => {
        await cluster.kubectl(['delete', 'serviceaccount', 'sluice']);
      },
      failures: 5,
      lastsMs: 12_000,
      heal: renew,
    });
  } finally {
    await proxy.stop();
  }
}

/** @throws Error with what went wrong as its cause. */
function played(outcome: PromiseSettledResult<FaultReport> | undefined): FaultReport {
  if (outcome?.status !== 'fulfilled') throw new Error('it could not be played', { cause: outcome?.reason });
  return outcome.value;
}

describeWithKubernetes('a source behind a network that breaks', () => {
  let cluster: KubeCluster;
  let proxy: FaultProxy;
  let scene: FaultScene | undefined;
  let folder: string;
  let plays: readonly PromiseSettledResult<FaultReport>[] = [];
  const reports: FaultReport[] = [];

  const noted = (report: FaultReport): FaultReport => {
    reports.push(report);
    recordReport(report);
    return report;
  };

  beforeAll(async () => {
    cluster = await startKubeCluster();
    folder = await mkdtemp(join(tmpdir(), 'sluice-faults-'));
    // All at once, because nearly all of each is waiting. What breaks the cluster itself comes afterwards.
    plays = await Promise.allSettled([
      ...faults.map((fault, index) => play(cluster, fault, index)),
      playToken(cluster, folder),
    ]);
  });
  beforeEach(async () => {
    proxy = await FaultProxy.start(cluster.port);
  });
  afterEach(async () => {
    await scene?.end();
    scene = undefined;
    await proxy.stop();
  });
  afterAll(async () => {
    printReports(reports);
    await cluster.stop();
    await rm(folder, { recursive: true });
  });

  it('reads everything over one connection', async () => {
    scene = await FaultScene.begin(cluster, { kubeConfig: through(proxy, cluster) });
    expect(proxy.accepted).toBe(1);
  });

  it.each(faults.map(({ name }, index) => [name, index] as const))('recovers from: %s', (_name, index) => {
    const report = noted(played(plays[index]));
    expect(report.removed).toEqual(['goes']);
    expect(report.failures).toBeLessThan(mostFailures(report));
  });

  it.each(['kill', 'gracefully'] as const)(
    'recovers from an API server that is gone and comes back (%s)',
    async (how) => {
      scene = await FaultScene.begin(cluster, { kubeConfig: through(proxy, cluster) });
      const report = noted(
        await scene.play(`API server gone and back (${how})`, {
          inject: () => cluster.stopApiServer(how),
          lastsMs: 6_000,
          failures: 5,
          repair: () => cluster.startApiServer(),
          heal: () => undefined,
        }),
      );
      expect(report.removed).toEqual(['goes']);
      expect(report.failures).toBeLessThan(mostFailures(report));
    },
  );

  it('follows a cluster that is set back to a backup', async () => {
    await apply(cluster, rawIngress('of-the-backup'));
    await cluster.backUp();
    scene = await FaultScene.begin(cluster, { kubeConfig: through(proxy, cluster) });
    const { recorder } = scene;
    await cluster.restore();
    await recorder.until('what the backup does not hold is gone', () => !recorder.objects.has('Ingress default/stays'));
    expect(recorder.names).toContain('Ingress default/of-the-backup');
    await apply(cluster, rawIngress('later'));
    await recorder.until('changes come', () => recorder.objects.has('Ingress default/later'));
  });

  it('recovers when the token has expired and another is in its file', () => {
    const report = noted(played(plays.at(-1)));
    expect(report.removed).toEqual(['goes']);
    expect(report.failures).toBeLessThan(mostFailures(report));
    expect(report.lines.join('\n')).toContain('Kubernetes refuses our credentials');
  });
});
