/**
 * A network between Envoys and the control plane that swallows everything without closing a connection, and an Envoy that stands still
 * for as long. Both sides find out by keepalive, as they are set up to: that takes most of the time of this test.
 */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Backend, startBackend } from '../support/backend.ts';
import type { RunningEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { recordFault } from '../support/fault-record.ts';
import { httpRequest } from '../support/http-request.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { Lab } from '../support/lab.ts';
import { endpointSlice, ingress, ingressClass, service } from '../support/objects.ts';
import { underTraffic } from '../support/steady-traffic.ts';
import { describeWithEnvoy } from '../support/tools.ts';

describeWithEnvoy('Envoys that the control plane cannot reach, without a connection being closed', () => {
  const lab = new Lab();
  let backend: Backend;
  let network: FaultProxy;
  let good: RunningEnvoy;
  let apart: RunningEnvoy;
  let stopped: RunningEnvoy;

  beforeAll(async () => {
    backend = await startBackend();
    lab.apply(
      ingressClass(),
      service('web', { http: 80 }),
      endpointSlice('web', 'web', { http: backend.port }, ['127.0.0.1']),
    );
    serve('first');
    await lab.start();
    network = await FaultProxy.start(lab.port);
    [good, apart, stopped] = await Promise.all([
      joinEnvoy({ xdsPort: lab.port, nodeId: 'good' }),
      joinEnvoy({ xdsPort: network.port, nodeId: 'apart' }),
      joinEnvoy({ xdsPort: lab.port, nodeId: 'stopped' }),
    ]);
    await Promise.all([good, apart, stopped].map((envoy) => isServed(envoy, 'first')));
  });

  afterAll(async () => {
    if (stopped !== undefined) process.kill(stopped.pid, 'SIGCONT');
    await Promise.all([good, apart, stopped].map((envoy) => envoy?.stop()));
    await network?.stop();
    await lab.stop();
    await backend?.close();
  });

  function serve(name: string): void {
    lab.apply(ingress(name, { hosts: { [`${name}.test`]: { '/': 'web:80' } } }));
  }

  async function isServed(envoy: RunningEnvoy, name: string, within = 10_000): Promise<void> {
    const port = await envoy.listenerPort('http');
    const status = async () => (await httpRequest({ port, host: `${name}.test` })).status;
    await eventually(async () => expect(await status()).toBe(200), { within });
  }

  /** The ids of the nodes whose streams are open, and of those that leave something unanswered. */
  const streams = () => lab.controlPlane.view.sessions().map(({ nodeId }) => nodeId);
  const behind = () => lab.controlPlane.view.sessions().flatMap(({ nodeId, isBehind }) => (isBehind ? [nodeId] : []));
  const metrics = async () =>
    (await httpRequest({ port: lab.controlPlane.adminPort, path: '/metrics' })).body.split('\n');

  it('are named, forgotten, and come back by themselves; their clients and other Envoys notice nothing', async () => {
    const port = await apart.listenerPort('http');
    const { sent, failures } = await underTraffic([{ port, host: 'first.test' }], async () => {
      network.freeze();
      process.kill(stopped.pid, 'SIGSTOP');
      const began = performance.now();
      const seconds = (): number => Math.round((performance.now() - began) / 1_000);
      serve('second');
      await isServed(good, 'second');

      await eventually(() => expect(behind().toSorted()).toEqual(['apart', 'stopped']), { within: 15_000 });
      const warnings = lab.log.filter((line) => line.includes('an Envoy does not answer'));
      expect(warnings.filter((line) => /"node":"(apart|stopped)"/.test(line))).toHaveLength(2);
      expect(await metrics()).toContain('sluice_xds_streams_behind 2');

      await isServed(apart, 'second', 30_000);
      const back = seconds();
      expect(network.accepted).toBe(2);

      await eventually(() => expect(streams().toSorted()).toEqual(['apart', 'good']), { within: 35_000 });
      const forgotten = seconds();
      const lines = [
        'sluice_xds_streams{protocol="delta"} 2',
        'sluice_xds_streams_behind 0',
        'sluice_xds_connections 2',
      ];
      await eventually(async () => expect(await metrics()).toEqual(expect.arrayContaining(lines)));
      serve('third');
      await isServed(apart, 'third');

      process.kill(stopped.pid, 'SIGCONT');
      const wentOn = performance.now();
      await isServed(stopped, 'third');
      recordFault({
        injected:
          'the network between an Envoy and the control plane swallows everything; another Envoy stopped (SIGSTOP)',
        expected: 'both sides find out by keepalive and the Envoys come back; nobody else notices',
        seen: `the Envoy was back after ${back} s, the dead streams were forgotten after ${forgotten} s`,
        healMs: performance.now() - wentOn,
      });
    });
    expect(failures).toEqual([]);
    expect(sent).toBeGreaterThan(100);
  }, 120_000);
});
