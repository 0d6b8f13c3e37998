/** An Envoy, or a control plane, that stands still (SIGSTOP) amid changes and goes on later, with its connections open all the while. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Backend, startBackend } from '../support/backend.ts';
import type { RunningEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { recordFault } from '../support/fault-record.ts';
import { freeAddresses } from '../support/control-plane-process.ts';
import { httpRequest } from '../support/http-request.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { endpointSlice, ingress, ingressClass, service } from '../support/objects.ts';
import type { RunningProcess } from '../support/process.ts';
import { type Serving, startServing } from '../support/serving.ts';
import { startSluice } from '../support/sluice.ts';
import { underTraffic } from '../support/steady-traffic.ts';
import { describeWithEnvoy } from '../support/tools.ts';
import { rawEndpointSlice, rawIngress, rawIngressClass, rawService } from '../source/raw-objects.ts';
import { defaultServerLimits } from '../../src/xds/limits.ts';

/** Longer than the server waits for an answer, several times over, and less than it waits for a sign of life. */
const stoppedMs = 6_000;

describeWithEnvoy('Envoys that stand still under changes', () => {
  const standing = ['delta', 'sotw'] as const;
  let backend: Backend;
  let serving: Serving;
  let good: RunningEnvoy;
  let stopped: readonly RunningEnvoy[] = [];

  beforeAll(async () => {
    backend = await startBackend();
    serving = await startServing();
    serving.apply(
      ingressClass(),
      service('web', { http: 80 }),
      endpointSlice('web', 'web', { http: backend.port }, ['127.0.0.1']),
    );
    change(0);
    good = await joinEnvoy({ xdsPort: serving.port, nodeId: 'good' });
    stopped = await Promise.all(
      standing.map((protocol) => joinEnvoy({ xdsPort: serving.port, protocol, nodeId: protocol })),
    );
  });

  afterAll(async () => {
    for (const { pid } of stopped) process.kill(pid, 'SIGCONT');
    await Promise.all([good, ...stopped].map((envoy) => envoy?.stop()));
    await serving?.stop();
    await backend?.close();
  });

  const web = 'web:80';
  /** A host comes, the one before goes, and one that is large becomes another. */
  function change(edition: number): void {
    const large = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`=/${edition}/${at}`, web]));
    serving.apply(
      ingress('large', { hosts: { 'large.test': large } }),
      ingress('new', { hosts: { [`new${edition}.test`]: { '/': web } } }),
    );
  }

  async function statuses(envoy: RunningEnvoy, edition: number): Promise<readonly number[]> {
    const port = await envoy.listenerPort('http');
    const asked = [
      { host: `new${edition}.test` },
      { host: `new${edition - 1}.test` },
      { host: 'large.test', path: `/${edition}/299` },
      { host: 'large.test', path: `/${edition - 1}/299` },
    ];
    return Promise.all(asked.map(async (each) => (await httpRequest({ port, ...each })).status));
  }

  const hasNewest = (envoy: RunningEnvoy, edition: number): Promise<void> =>
    eventually(async () => expect(await statuses(envoy, edition)).toEqual([200, 404, 200, 404]));

  it('hold up nobody, are sent little meanwhile, and have the newest state when they go on', async () => {
    await Promise.all([good, ...stopped].map((envoy) => hasNewest(envoy, 0)));
    const before = serving.events.length;
    for (const { pid } of stopped) process.kill(pid, 'SIGSTOP');
    const began = performance.now();
    let edition = 0;
    while (edition < 20 || performance.now() - began < stoppedMs) {
      edition += 1;
      change(edition);
      // oxlint-disable-next-line no-await-in-loop -- one change after the other
      await hasNewest(good, edition);
    }
    const elapsed = performance.now() - began;
    const sent = serving.events.slice(before).filter(({ kind }) => kind === 'response');
    const sentTo = (id: string): number => sent.filter(({ node }) => node === id).length;
    expect(sentTo('good')).toBeGreaterThanOrEqual(edition);
    // Of the one type that changes, one response for each wait.
    for (const id of standing) expect(sentTo(id)).toBeLessThanOrEqual(elapsed / defaultServerLimits.answerMs + 1);
    expect(serving.server.streams()).toHaveLength(3);

    for (const { pid } of stopped) process.kill(pid, 'SIGCONT');
    const wentOn = performance.now();
    await Promise.all(stopped.map((envoy) => hasNewest(envoy, edition)));
    recordFault({
      injected: `Envoys of both protocols stopped (SIGSTOP) for ${Math.round(elapsed / 1_000)} s under ${edition} changes`,
      expected: 'another Envoy gets every change; these get the newest when they go on',
      seen: `sent ${sentTo('good')} responses to the other, ${standing.map(sentTo).join(' and ')} to these`,
      healMs: performance.now() - wentOn,
    });
    await eventually(() => {
      const all = serving.server.streams().flatMap(({ session }) => session.subscriptions());
      expect(all.filter(({ inFlight, isWaiting }) => inFlight !== undefined || isWaiting)).toEqual([]);
    });
  }, 60_000);
});

describeWithEnvoy('a control plane that stands still', () => {
  let folder = '';
  let backend: Backend;
  let sluice: RunningProcess;
  let envoy: RunningEnvoy;
  let httpPort: number;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-stopped-'));
    backend = await startBackend();
    const slice = { ...rawEndpointSlice('web', 'web', ['127.0.0.1']), ports: [{ name: '', port: backend.port }] };
    await write('first', rawIngressClass('sluice'), rawService('web'), slice, rawIngress('first'));
    const addresses = await freeAddresses();
    ({ httpPort } = addresses);
    const flags = {
      dir: folder,
      'xds-address': addresses.xds,
      'admin-address': `127.0.0.1:${addresses.adminPort}`,
      'listen-address': '127.0.0.1',
      'http-port': String(httpPort),
      'https-port': String(addresses.httpsPort),
      'log-format': 'json',
    };
    sluice = await startSluice([
      'serve',
      '--watch-ingress-without-class',
      ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]),
    ]);
    await sluice.waitForOutput(/"msg":"published"/, { within: 20_000 });
    envoy = await joinEnvoy({ xdsPort: Number(addresses.xds.split(':')[1]) });
    await isServed('first.test');
  }, 40_000);

  afterAll(async () => {
    sluice?.signal('SIGCONT');
    await envoy?.stop();
    await sluice?.stop();
    await backend?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** JSON is YAML. */
  const write = (file: string, ...objects: readonly object[]): Promise<void> =>
    writeFile(join(folder, `${file}.yaml`), objects.map((each) => JSON.stringify(each)).join('\n---\n'));

  const isServed = (host: string): Promise<void> =>
    eventually(async () => expect((await httpRequest({ port: httpPort, host })).status).toBe(200));

  it('costs no request, and passes on what changed meanwhile when it goes on', async () => {
    const { sent, failures } = await underTraffic([{ port: httpPort, host: 'first.test' }], async (traffic) => {
      sluice.signal('SIGSTOP');
      await write('second', rawIngress('second'));
      await Promise.all([traffic.more(100), pause(4_000)]);
      expect((await httpRequest({ port: httpPort, host: 'second.test' })).status).toBe(404);
      sluice.signal('SIGCONT');
      const wentOn = performance.now();
      await isServed('second.test');
      recordFault({
        injected: 'the only control plane stopped (SIGSTOP) for 4 s',
        expected: 'what is served stays; afterwards what changed meanwhile is served',
        seen: 'so it was',
        healMs: performance.now() - wentOn,
      });
      await traffic.more(20);
    });
    expect(failures).toEqual([]);
    expect(sent).toBeGreaterThan(100);
    expect(sluice.output().split('xDS stream opened')).toHaveLength(2);
  }, 40_000);
});
