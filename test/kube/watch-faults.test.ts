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
import { apply, type FaultReport, FaultScene, mostFailures, printReports } from './fault-scene.ts';

jest.setTimeout(120_000);

describeWithKubernetes('a source behind a network that breaks', () => {
  let cluster: KubeCluster;
  let proxy: FaultProxy;
  let scene: FaultScene | undefined;
  let folder: string;
  const reports: FaultReport[] = [];

  const through = (token: string): KubeConfig => {
    const kubeConfig = new KubeConfig();
    const server = `https://127.0.0.1:${proxy.port}`;
    const caData = Buffer.from(cluster.ca).toString('base64');
    kubeConfig.loadFromClusterAndUser(
      { name: 'proxied', server, caData, skipTLSVerify: false },
      { name: 'user', token },
    );
    return kubeConfig;
  };

  beforeAll(async () => {
    cluster = await startKubeCluster();
    folder = await mkdtemp(join(tmpdir(), 'sluice-faults-'));
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
    scene = await FaultScene.begin(cluster, through(cluster.token));
    expect(proxy.accepted).toBe(1);
  });

  it.each<[string, (proxy: FaultProxy) => { inject: () => void; heal: () => void; lastsMs: number; failures: number }]>(
    [
      ['connections cut', (to) => ({ inject: () => to.cut(), heal: () => undefined, lastsMs: 0, failures: 5 })],
      [
        'connections cut again and again',
        (to) => ({
          inject: () => {
            to.accept('cut');
            to.cut();
          },
          heal: () => to.accept('pass'),
          lastsMs: 12_000,
          failures: 5,
        }),
      ],
      [
        'half-open connection, new ones work',
        (to) => ({ inject: () => to.freeze(), heal: () => undefined, lastsMs: 0, failures: 0 }),
      ],
      [
        'half-open connections, new ones too',
        (to) => ({
          inject: () => {
            to.accept('freeze');
            to.freeze();
          },
          heal: () => to.accept('pass'),
          lastsMs: 15_000,
          failures: 5,
        }),
      ],
      [
        'bytes that are no TLS',
        (to) => ({ inject: () => to.garble(), heal: () => undefined, lastsMs: 0, failures: 5 }),
      ],
      [
        'every byte 2 s late',
        (to) => ({ inject: () => to.delay(2_000), heal: () => to.delay(0), lastsMs: 8_000, failures: 0 }),
      ],
    ],
  )('recovers from: %s', async (name, faultOf) => {
    scene = await FaultScene.begin(cluster, through(cluster.token));
    const report = await scene.play(name, faultOf(proxy));
    reports.push(report);
    expect(report.removed).toEqual(['goes']);
    expect(report.failures).toBeLessThan(mostFailures(report));
  });

  it.each(['kill', 'gracefully'] as const)(
    'recovers from an API server that is gone and comes back (%s)',
    async (how) => {
      scene = await FaultScene.begin(cluster, through(cluster.token));
      const report = await scene.play(`API server gone and back (${how})`, {
        inject: () => cluster.stopApiServer(how),
        lastsMs: 6_000,
        failures: 5,
        repair: () => cluster.startApiServer(),
        heal: () => undefined,
      });
      reports.push(report);
      expect(report.removed).toEqual(['goes']);
      expect(report.failures).toBeLessThan(mostFailures(report));
    },
  );

  it('follows a cluster that is set back to a backup', async () => {
    await apply(cluster, rawIngress('of-the-backup'));
    await cluster.backUp();
    scene = await FaultScene.begin(cluster, through(cluster.token));
    const { recorder } = scene;
    await cluster.restore();
    await recorder.until('what the backup does not hold is gone', () => !recorder.objects.has('Ingress default/stays'));
    expect(recorder.names).toContain('Ingress default/of-the-backup');
    await apply(cluster, rawIngress('later'));
    await recorder.until('changes come', () => recorder.objects.has('Ingress default/later'));
  });

  it('recovers when the token has expired and another is in its file', async () => {
    const tokenFile = join(folder, 'token');
    const file = join(folder, 'kubeconfig');
    const renew = async (): Promise<void> => {
      await cluster.kubectl(['create', 'serviceaccount', 'sluice']);
      await writeFile(tokenFile, `${(await cluster.kubectl(['create', 'token', 'sluice'])).trim()}\n`);
    };
    await apply(cluster, ...readerRights('default', 'sluice'));
    await renew();
    const text = through('').exportConfig();
    await writeFile(file, text.replace(/"token":""/, '"tokenFile":"token"'));
    const load = (): Promise<KubeConfig> => loadKubeConfig(file);
    scene = await FaultScene.begin(cluster, await load(), load);
    const report = await scene.play('token expired, then renewed', {
      inject: async () => {
        await cluster.kubectl(['delete', 'serviceaccount', 'sluice']);
      },
      failures: 5,
      lastsMs: 12_000,
      heal: renew,
    });
    reports.push(report);
    expect(report.removed).toEqual(['goes']);
    expect(report.failures).toBeLessThan(mostFailures(report));
    expect(scene.lines.join('\n')).toContain('Kubernetes refuses our credentials');
  });
});
