/** An Envoy whose certificates for xDS are renewed under it, authorities included: it goes on, and comes back whenever it has to. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { SelfMadeCertificates } from '../../src/certificates/self-made.ts';
import { readBootstrap, renderBootstrapFiles } from '../../src/cli/bootstrap.ts';
import { XdsServer } from '../../src/xds/server.ts';
import { type CutProxy, startCutProxy } from '../support/cut-proxy.ts';
import { type RunningEnvoy, startEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { type MountedSecret, mountSecret } from '../support/mounted-secret.ts';
import { changes } from '../support/resources.ts';
import { memorySecretStore } from '../support/secret-store.ts';
import { describeWithEnvoy } from '../support/tools.ts';

/** Certificates are backdated by an hour, so that the clock may run ahead of Envoy's by less than that. */
const validityMs = 120_000;

describeWithEnvoy('an Envoy with self-made certificates', () => {
  const store = memorySecretStore('authority', 'envoy');
  let ahead = 0;
  let folder = '';
  let certificates: SelfMadeCertificates;
  let server: XdsServer;
  let proxy: CutProxy;
  let mounted: MountedSecret;
  let envoy: RunningEnvoy;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-rotation-'));
    certificates = new SelfMadeCertificates({
      store,
      authority: { namespace: 'edge', name: 'authority' },
      client: { namespace: 'edge', name: 'envoy' },
      names: ['localhost'],
      validityMs,
      log: { info: () => undefined, warn: () => undefined },
      now: () => Date.now() + ahead,
    });
    await certificates.renew();
    server = new XdsServer({ host: '127.0.0.1', port: 0, tls: certificates, observe: () => undefined });
    proxy = await startCutProxy(await server.start());
    server.publish(changes([]));
    mounted = await mountSecret(join(folder, 'xds'), secret());
    envoy = await startEnvoy({ bootstrap: await writeBootstrap() });
  });

  afterEach(async () => {
    await envoy.stop();
    await proxy.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  function secret(): Readonly<Record<string, string>> {
    return store.secrets.get('envoy')?.data ?? {};
  }

  async function writeBootstrap(): Promise<string> {
    const bootstrap = readBootstrap({
      nodeId: 'edge-1',
      xdsAddress: `localhost:${proxy.port}`,
      xdsTlsCert: mounted.path('tls.crt'),
      xdsTlsKey: mounted.path('tls.key'),
      xdsTlsCa: mounted.path('ca.crt'),
      outputDirectory: folder,
    });
    const files = renderBootstrapFiles(bootstrap);
    await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(folder, name), text)));
    // The name may stand for ::1, where nobody listens.
    return (files['bootstrap.yaml'] ?? '').replace('address: localhost', 'address: 127.0.0.1');
  }

  function streamId(): number | undefined {
    return server.streams().at(-1)?.id;
  }

  async function reconnect(): Promise<void> {
    const before = streamId();
    proxy.cut();
    await eventually(() => {
      expect(streamId()).toBeDefined();
      expect(streamId()).not.toBe(before);
    });
  }

  /** Gives the Envoy what is in the Secret now, and waits until it uses that. */
  async function sync(): Promise<void> {
    await mounted.update(secret());
    const serial = new X509Certificate(secret()['tls.crt'] ?? '').serialNumber.toLowerCase();
    await eventually(async () => expect(await envoy.admin('/certs')).toContain(serial));
  }

  it('stays connected through more than twenty renewals, and reconnects with old and with new files', async () => {
    const first = streamId();
    const broken: number[] = [];
    const leaves = new Set<string>();
    const authorities = new Set<string>();
    for (let step = 0; step < 46; step += 1) {
      ahead += 0.34 * validityMs;
      const before = streamId();
      // oxlint-disable-next-line no-await-in-loop -- one step follows another
      await certificates.renew();
      // oxlint-disable-next-line no-await-in-loop -- as above
      if (step % 4 === 1) await reconnect();
      // oxlint-disable-next-line no-await-in-loop -- as above
      await sync();
      if (step % 4 !== 1 && streamId() !== before) broken.push(step);
      // oxlint-disable-next-line no-await-in-loop -- as above
      if (step % 4 === 3) await reconnect();
      leaves.add(secret()['tls.crt'] ?? '');
      authorities.add(store.secrets.get('authority')?.data['authority.crt'] ?? '');
    }
    expect(first).toBeDefined();
    expect(broken).toEqual([]);
    expect(leaves.size).toBeGreaterThan(20);
    expect(authorities.size).toBeGreaterThan(5);
    expect(await envoy.stat('cluster.xds.ssl.fail_verify_error')).toBe(0);
    expect(await envoy.stat('cluster.xds.ssl.connection_error')).toBe(0);
  }, 120_000);
});
