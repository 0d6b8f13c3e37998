/**
 * Replicas of a control plane that are cut off from the API server without a word: every byte is swallowed, and no connection ends. An
 * Envoy that has newer configuration than such a replica must not go back to what the replica knows.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { type Backend, startBackend } from '../support/backend.ts';
import { type Addresses, freeAddresses } from '../support/control-plane-process.ts';
import type { RunningEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { recordFault } from '../support/fault-record.ts';
import { httpRequest } from '../support/http-request.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { type KubeCluster, startKubeCluster } from '../support/kube-cluster.ts';
import {
  endpointSliceManifest,
  ingressClassManifest,
  ingressManifest,
  type Manifest,
  manifestText,
  namespaceManifest,
  serviceManifest,
} from '../support/kube-manifests.ts';
import { type ProxiedReplica, startProxiedReplica } from '../support/proxied-replica.ts';
import { podAddress } from '../support/pod-network.ts';
import { startTcpForwarder, type TcpForwarder } from '../support/tcp-forwarder.ts';
import { describeWithKubernetesAndEnvoy } from '../support/tools.ts';

const patience = { within: 30_000 };
const namespace = 'shop';
const host = 'shop.test';

describeWithKubernetesAndEnvoy('replicas that are cut off from the API server', () => {
  let cluster: KubeCluster;
  let backends: readonly Backend[] = [];
  let listen: Addresses;
  let first: ProxiedReplica;
  let second: ProxiedReplica;
  let controlPlanes: TcpForwarder;
  const envoys: RunningEnvoy[] = [];

  beforeAll(async () => {
    cluster = await startKubeCluster();
    backends = await Promise.all([
      startBackend({ name: 'red', address: podAddress(11) }),
      startBackend({ name: 'blue', address: podAddress(12) }),
    ]);
    listen = await freeAddresses();
    await apply(
      ingressClassManifest(),
      namespaceManifest(namespace),
      ...backends.flatMap((backend) => [
        serviceManifest(namespace, backend.name),
        endpointSliceManifest(namespace, backend.name, backend),
      ]),
      shopIs('red'),
    );
    [first, second] = await Promise.all([
      startProxiedReplica(cluster, 'one', listen),
      startProxiedReplica(cluster, 'two', listen),
    ]);
    controlPlanes = await startTcpForwarder(second.controlPlane.xdsPort);
  }, 120_000);

  beforeEach(() => {
    heal(first);
    heal(second);
    controlPlanes.use(second.controlPlane.xdsPort);
  });

  afterAll(async () => {
    await Promise.all(envoys.map((envoy) => envoy.stop()));
    await controlPlanes?.close();
    for (const { controlPlane, proxy } of [first, second].filter((each) => each !== undefined)) {
      await controlPlane.stop();
      await proxy.stop();
    }
    await Promise.all(backends.map((backend) => backend.close()));
    await cluster?.stop();
  }, 60_000);

  function cutOff({ proxy }: ProxiedReplica): void {
    proxy.accept('freeze');
    proxy.freeze();
  }

  function heal({ proxy }: ProxiedReplica): void {
    proxy.accept('pass');
    proxy.cut();
  }

  async function apply(...items: readonly Manifest[]): Promise<void> {
    await cluster.kubectl(['apply', '-f', '-'], manifestText(...items));
  }

  function shopIs(service: string, hosts: Readonly<Record<string, string>> = {}): Manifest {
    return ingressManifest(namespace, 'shop', { hosts: { [host]: `${service}:80`, ...hosts } });
  }

  async function join(protocol: 'delta' | 'sotw', xdsPort: number): Promise<RunningEnvoy> {
    const envoy = await joinEnvoy({ xdsPort, protocol });
    envoys.push(envoy);
    return envoy;
  }

  async function leave(envoy: RunningEnvoy): Promise<void> {
    await envoy.stop();
    envoys.splice(envoys.indexOf(envoy), 1);
  }

  /** What answers: a backend by its name, or else the status. */
  async function ask(name = host): Promise<string> {
    const { status, body } = await httpRequest({ port: listen.httpPort, host: name });
    if (status !== 200) return String(status);
    const echo: { readonly backend: string } = JSON.parse(body);
    return echo.backend;
  }

  async function isAnsweredBy(backend: string, name = host): Promise<void> {
    await eventually(async () => expect(await ask(name)).toBe(backend), patience);
  }

  /** Until a replica, whose connections may have been broken a moment ago, knows where the path leads. */
  async function isKnownTo({ controlPlane }: ProxiedReplica, backend: string): Promise<void> {
    const path = `/debug/resources?type=VirtualHost&name=http/${host}`;
    await eventually(async () => {
      const { body } = await httpRequest({ port: controlPlane.adminPort, path });
      expect(body).toContain(`${namespace}/${backend}/80`);
    }, patience);
  }

  function isReady({ controlPlane }: ProxiedReplica): Promise<number> {
    return httpRequest({ port: controlPlane.adminPort, path: '/readyz' }).then(({ status }) => status);
  }

  function sentOn({ controlPlane }: ProxiedReplica): number {
    return controlPlane.process.stderr().split('an Envoy was sent on').length - 1;
  }

  it.each([
    ['delta', 'a path goes to another Service', 'blue', () => apply(shopIs('blue'))],
    ['sotw', 'a path goes to another Service', 'blue', () => apply(shopIs('blue'))],
    ['delta', 'the only Ingress goes', '404', () => cluster.kubectl(['delete', 'ingress', 'shop', '-n', namespace])],
  ] as const)(
    'leads an Envoy (%s) that moves to one nowhere that it was led away from: %s',
    async (protocol, _change, outcome, change) => {
      await apply(shopIs('red'));
      const envoy = await join(protocol, controlPlanes.port);
      await isAnsweredBy('red');
      await isKnownTo(first, 'red');

      cutOff(first);
      await change();
      await isAnsweredBy(outcome);
      controlPlanes.use(first.controlPlane.xdsPort);
      const streams = first.controlPlane.streams();
      await second.controlPlane.kill();
      await eventually(() => expect(first.controlPlane.streams()).toBeGreaterThan(streams), patience);
      const answers = new Set<string>();
      const until = performance.now() + 12_000;
      let asked = 0;
      while (performance.now() < until) {
        answers.add(await ask());
        asked += 1;
        await pause(20);
      }

      recordFault({
        injected: `a ${protocol} Envoy moves to a replica that was cut off from the API server a moment before`,
        expected: 'what the other replica had changed stays',
        seen: `${asked} requests, answered by ${[...answers].join(', ')}`,
      });
      expect([...answers]).toStrictEqual([outcome]);

      // Another replica takes it in, and so does the first one as soon as it hears from the API server.
      await second.controlPlane.restart();
      controlPlanes.use(second.controlPlane.xdsPort);
      await apply(shopIs('red'));
      await isAnsweredBy('red');
      await leave(envoy);
    },
    120_000,
  );

  it('says that it is not ready within seconds, serves on, and is ready again when it hears something', async () => {
    const envoy = await join('delta', first.controlPlane.xdsPort);
    await eventually(async () => expect(await isReady(first)).toBe(200), patience);

    cutOff(first);
    await eventually(async () => expect(await isReady(first)).toBe(503), patience);
    expect(await envoy.stat('control_plane.connected_state')).toBe(1);
    expect(await isReady(second)).toBe(200);

    heal(first);
    await eventually(async () => expect(await isReady(first)).toBe(200), patience);
    await apply(shopIs('blue'));
    await isAnsweredBy('blue');
    await leave(envoy);
  }, 60_000);

  it('serves an Envoy that has nothing, and keeps those that are connected, when all are cut off', async () => {
    await apply(shopIs('red'));
    const connected = await join('delta', second.controlPlane.xdsPort);
    await isAnsweredBy('red');
    await isKnownTo(first, 'red');
    cutOff(first);
    cutOff(second);
    await eventually(async () => expect([await isReady(first), await isReady(second)]).toStrictEqual([503, 503]), {
      within: 30_000,
    });
    expect(await connected.stat('control_plane.connected_state')).toBe(1);
    await leave(connected);

    const newcomer = await join('delta', first.controlPlane.xdsPort);
    await isAnsweredBy('red');
    await leave(newcomer);
  }, 60_000);

  it('takes an Envoy in again that it has sent on, when it hears something', async () => {
    await apply(shopIs('red'));
    const envoy = await join('delta', controlPlanes.port);
    await isAnsweredBy('red');
    const before = sentOn(first);
    cutOff(first);
    controlPlanes.use(first.controlPlane.xdsPort);
    await second.controlPlane.kill();
    await eventually(() => expect(sentOn(first)).toBeGreaterThan(before), patience);

    heal(first);
    await apply(shopIs('blue', { 'new.test': 'red:80' }));
    await isAnsweredBy('blue');
    await isAnsweredBy('red', 'new.test');
    await second.controlPlane.restart();
    await leave(envoy);
  }, 90_000);
  it('leads no Envoy back when it hears something after a long time, before it has read what it missed', async () => {
    await apply(shopIs('red'));
    const envoy = await join('delta', controlPlanes.port);
    await isAnsweredBy('red');
    await isKnownTo(first, 'red');
    cutOff(first);
    await apply(shopIs('blue'));
    await isAnsweredBy('blue');
    // Longer than a kind may be lost while the server is heard.
    await pause(40_000);
    const before = sentOn(first);
    controlPlanes.use(first.controlPlane.xdsPort);
    await second.controlPlane.kill();
    await eventually(() => expect(sentOn(first)).toBeGreaterThan(before), patience);

    heal(first);
    const answers = new Set<string>();
    const until = performance.now() + 6_000;
    while (performance.now() < until) {
      answers.add(await ask());
      await pause(5);
    }
    expect([...answers]).toStrictEqual(['blue']);
    await second.controlPlane.restart();
    controlPlanes.use(second.controlPlane.xdsPort);
    await leave(envoy);
  }, 120_000);
});
