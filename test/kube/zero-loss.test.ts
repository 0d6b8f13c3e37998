/**
 * What clients notice when everything underneath them changes, under constant load through a real Envoy: backends that roll (real
 * Deployments, ReplicaSets and EndpointSlices), Services and paths that are switched, certificates that are renewed, control planes
 * that are killed and rolled. Prints what was injected, and how many requests were sent and failed.
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { certificate } from '../support/certificates.ts';
import { type Load, type LoadReport, requestsPerSecond, underConstantLoad } from '../support/constant-load.ts';
import { freeAddresses, responsesOf } from '../support/control-plane-process.ts';
import { ControlPlaneReplica, resourcesOf } from '../support/control-plane-replica.ts';
import type { RunningEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { recordFault } from '../support/fault-record.ts';
import { httpRequest } from '../support/http-request.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { type KubeCluster, startKubeCluster } from '../support/kube-cluster.ts';
import {
  deploymentManifest,
  ingressClassManifest,
  ingressManifest,
  type Manifest,
  manifestText,
  namespaceManifest,
  nodeManifest,
  selectingServiceManifest,
  type ServicePortManifest,
  tlsSecretManifest,
} from '../support/kube-manifests.ts';
import { type NodeAgent, nodeName, startNodeAgent } from '../support/node-agent.ts';
import { startTcpForwarder, type TcpForwarder } from '../support/tcp-forwarder.ts';
import { describeWithKubernetesAndEnvoy } from '../support/tools.ts';

const patience = { within: 30_000 };
const namespace = 'shop';
const host = 'shop.test';
const ports = { http: 8080, other: 9090 };
/** The load comes over both. */
const annotations = { 'nginx.ingress.kubernetes.io/ssl-redirect': 'false' };
const toHttp: ServicePortManifest = { name: 'http', port: 80, targetPort: 'http' };

/** For how long a pod serves on after it was told to end, if it is used: as with a preStop hook that sleeps for ten seconds. */
const lingerMs = 10_000;

describeWithKubernetesAndEnvoy('clients of a cluster in which everything changes', () => {
  const table: string[] = [];
  const versions = new Map<string, number>();
  let cluster: KubeCluster;
  let agent: NodeAgent;
  let first: ControlPlaneReplica;
  let second: ControlPlaneReplica;
  /** The Service of the control planes. */
  let controlPlanes: TcpForwarder;
  let envoy: RunningEnvoy | undefined;
  let pair = certificate({ names: [host] });

  beforeAll(async () => {
    cluster = await startKubeCluster({
      controllerManager: true,
      controllers: ['deployment-controller', 'replicaset-controller', 'endpointslice-controller'],
    });
    agent = await startNodeAgent({ cluster, addresses: { first: 20, last: 250 }, lingerMs, isUsed });
    const listen = await freeAddresses();
    await apply(
      ingressClassManifest(),
      namespaceManifest(namespace),
      nodeManifest(nodeName),
      tlsSecretManifest(namespace, 'shop', pair),
      ...['blue', 'green'].map((name) => deployment(name, 3)),
      ...['blue', 'green'].map((name) => selectingServiceManifest(namespace, name, name, [toHttp])),
      service('blue', toHttp),
      pathTo('web'),
    );
    [first, second] = await Promise.all([
      ControlPlaneReplica.start(cluster, listen),
      ControlPlaneReplica.start(cluster, listen),
    ]);
    controlPlanes = await startTcpForwarder(first.xdsPort, second.xdsPort);
    await rolledOut('blue');
    await rolledOut('green');
    envoy = await joinEnvoy({ xdsPort: controlPlanes.port });
    await isServed(listen.httpPort);
  }, 120_000);

  afterAll(async () => {
    const use = `a pod that was told to end was used for ${Math.ceil(agent?.longestUse() ?? 0)} ms more at most`;
    process.stdout.write(`\n${[`at ${requestsPerSecond} requests a second:`, ...table, use].join('\n')}\n\n`);
    await agent?.stop();
    await envoy?.stop();
    await controlPlanes?.close();
    await Promise.all([first?.stop(), second?.stop()]);
    await cluster?.stop();
  }, 60_000);

  /** Whether the Envoy has a pod. Before there is one, nobody has. */
  async function isUsed(address: string): Promise<boolean> {
    return (await clustersOfEnvoy()).includes(`::${address}:`);
  }

  async function clustersOfEnvoy(): Promise<string> {
    return (await envoy?.admin('/clusters')) ?? '';
  }

  async function apply(...items: readonly Manifest[]): Promise<void> {
    await cluster.kubectl(['apply', '-f', '-'], manifestText(...items));
  }

  async function isServed(port: number): Promise<void> {
    await eventually(async () => expect((await httpRequest({ port, host })).status).toBe(200), patience);
  }

  /** Always with the version that was rolled out last. */
  function deployment(name: string, replicas: number): Manifest {
    return deploymentManifest(namespace, name, { replicas, version: versions.get(name) ?? 1, nodeName, ports });
  }

  /** The Service that the Ingress names first. */
  function service(app: string, ...servicePorts: readonly ServicePortManifest[]): Manifest {
    return selectingServiceManifest(namespace, 'web', app, servicePorts);
  }

  function pathTo(name: string, ingress = 'shop'): Manifest {
    return ingressManifest(namespace, ingress, {
      hosts: { [host]: `${name}:80` },
      tls: { [host]: 'shop' },
      annotations,
    });
  }

  /** Until all new pods are ready and all old ones are gone. */
  async function rolledOut(name: string): Promise<void> {
    await cluster.kubectl(['rollout', 'status', `deployment/${name}`, '-n', namespace, '--timeout=60s']);
    await eventually(() => expect(agent.isSettled()).toBe(true), patience);
  }

  async function roll(name: string): Promise<void> {
    versions.set(name, (versions.get(name) ?? 1) + 1);
    await apply(deployment(name, 3));
    await rolledOut(name);
  }

  async function scale(name: string, replicas: number): Promise<void> {
    await apply(deployment(name, replicas));
    await rolledOut(name);
  }

  /** What clients lose while that happens; put down in the table, too. */
  async function lossDuring(
    injected: string,
    meanwhile: (load: Load) => Promise<void>,
    target = first.listen,
  ): Promise<Loss> {
    const started = agent.started();
    const report = await underConstantLoad({ ...target, host, webSockets: 4 }, meanwhile);
    const { requests, failures, messages, broken } = report;
    const pods = agent.started() - started;
    const cells = [
      injected.padEnd(64),
      `${String(requests).padStart(6)} requests`,
      `${failures.length} failed`,
      `${String(messages).padStart(4)} WebSocket messages`,
      `${broken.length} broken`,
      `${String(pods).padStart(2)} pods started`,
    ];
    table.push(cells.join('  '));
    const lost = failures.length + broken.length;
    const seen = [...failures, ...broken][0] ?? 'they notice nothing';
    recordFault({ injected, expected: 'clients notice nothing', seen, requests, lost });
    return { failures, broken };
  }

  it('lose nothing while a Deployment rolls', async () => {
    const loss = await lossDuring('Deployment rolled out twice, 3 pods each', async ({ more }) => {
      await roll('blue');
      await roll('blue');
      await more(100);
    });
    expect(loss).toEqual(nothing);
  }, 60_000);

  it('lose nothing while a Deployment is scaled down to one pod and up again', async () => {
    const loss = await lossDuring('Deployment scaled from 3 to 1 to 3', async ({ more }) => {
      await scale('blue', 1);
      await more(50);
      await scale('blue', 3);
      await more(50);
    });
    expect(loss).toEqual(nothing);
  }, 60_000);

  it('lose nothing when pods are deleted, even the only one', async () => {
    const loss = await lossDuring('a pod deleted; then the only pod', async ({ more }) => {
      const victim = agent.running().find((name) => name.startsWith('blue')) ?? '';
      await cluster.kubectl(['delete', 'pod', victim, '-n', namespace, '--wait=false']);
      await rolledOut('blue');
      await scale('blue', 1);
      const only = agent.running().find((name) => name.startsWith('blue')) ?? '';
      await cluster.kubectl(['delete', 'pod', only, '-n', namespace, '--wait=false']);
      await rolledOut('blue');
      await more(50);
      await scale('blue', 3);
    });
    expect(loss).toEqual(nothing);
  }, 60_000);

  it('lose nothing when a Service selects another Deployment', async () => {
    const loss = await lossDuring('selector of the Service switched, there and back', async ({ answeredBy }) => {
      for (const app of ['green', 'blue', 'green', 'blue']) {
        await apply(service(app, toHttp));
        await answeredBy(app);
      }
    });
    expect(loss).toEqual(nothing);
  }, 60_000);

  it('lose nothing when a path goes to another Service, which no Envoy knew', async () => {
    const loss = await lossDuring('path switched to another Service, there and back', async ({ answeredBy }) => {
      for (const name of ['green', 'blue', 'green', 'blue']) {
        await apply(pathTo(name));
        await answeredBy(name);
      }
      await apply(pathTo('web'));
      await eventually(async () => expect(await clustersOfEnvoy()).toContain(`${namespace}/web/80::`), patience);
    });
    expect(loss).toEqual(nothing);
  }, 60_000);

  it('lose nothing when the Service that a path has left is deleted at once', async () => {
    const loss = await lossDuring('path switched to another Service, the old one deleted', async ({ answeredBy }) => {
      for (let round = 0; round < 3; round += 1) {
        await apply(selectingServiceManifest(namespace, 'old', 'blue', [toHttp]), pathTo('old'));
        await answeredBy('blue');
        await apply(pathTo('green'));
        await cluster.kubectl(['delete', 'service', 'old', '-n', namespace, '--wait=false']);
        await answeredBy('green');
      }
      await apply(pathTo('web'));
      await answeredBy('blue');
    });
    expect(loss).toEqual(nothing);
  }, 60_000);

  it('lose nothing when another Ingress takes over a host', async () => {
    const loss = await lossDuring('Ingress replaced by another one with the same host', async ({ answeredBy }) => {
      for (const [from, to, name] of [
        ['shop', 'market', 'green'],
        ['market', 'shop', 'web'],
      ] as const) {
        await apply(pathTo(name, to));
        await cluster.kubectl(['delete', 'ingress', from, '-n', namespace]);
        await answeredBy(name === 'web' ? 'blue' : name);
      }
    });
    expect(loss).toEqual(nothing);
  }, 60_000);

  it('lose nothing when a port of the Service is renamed or leads to another port of the pods', async () => {
    const loss = await lossDuring('port of the Service renamed; targetPort changed', async ({ more }) => {
      for (const port of [
        { name: 'renamed', port: 80, targetPort: 8080 },
        { name: 'renamed', port: 80, targetPort: 9090 },
        { name: 'again', port: 80, targetPort: 'other' },
        toHttp,
      ]) {
        await apply(service('blue', port));
        const target = typeof port.targetPort === 'number' ? port.targetPort : port.targetPort === 'http' ? 8080 : 9090;
        await eventually(async () => {
          expect(await endpointsOf('web')).toContain(`:${target}`);
          expect(await endpointsOf('web')).not.toContain(`:${target === 8080 ? 9090 : 8080}`);
        }, patience);
        await more(30);
      }
    });
    expect(loss).toEqual(nothing);
  }, 60_000);

  /** What Envoy has. */
  async function endpointsOf(name: string): Promise<string> {
    const lines = (await clustersOfEnvoy()).split('\n');
    return lines.filter((line) => line.startsWith(`${namespace}/${name}/`) && line.includes('::hostname::')).join('\n');
  }

  it('lose nothing when certificates are renewed', async () => {
    const loss = await lossDuring('certificate renewed 5 times', async ({ more }) => {
      for (let renewal = 0; renewal < 5; renewal += 1) {
        pair = certificate({ names: [host] });
        await apply(tlsSecretManifest(namespace, 'shop', pair));
        await more(60);
      }
    });
    expect(loss).toEqual(nothing);
  }, 60_000);

  it('are served by control planes that agree to the byte', async () => {
    const [one, other] = await Promise.all([resourcesOf(first), resourcesOf(second)]);
    expect(one.size).toBeGreaterThan(8);
    expect([...one]).toEqual([...other]);
    const digest = createHash('sha256')
      .update(JSON.stringify([...one]))
      .digest('hex')
      .slice(0, 16);
    table.push(`two control planes: ${one.size} resources each, all equal (${digest})`);
  }, 60_000);

  it('lose nothing when the control plane is killed; the other one sends their Envoy nothing', async () => {
    const loss = await lossDuring('control plane killed (-9), the Envoy moves to the other', async ({ more }) => {
      const before = responsesOf(second.process).length;
      await first.kill();
      await eventually(() => expect(second.streams()).toBeGreaterThan(0), patience);
      await more(200);
      const sent = responsesOf(second.process).slice(before);
      table.push(`  responses to the Envoy that moved: ${sent.length}`);
      expect(sent).toEqual([]);
      await first.restart();
    });
    expect(loss).toEqual(nothing);
  }, 60_000);

  it('lose nothing while the control planes and a Deployment roll', async () => {
    const loss = await lossDuring('control planes rolled one by one while a Deployment rolls', async ({ more }) => {
      const rolling = roll('blue');
      for (const replica of [second, first]) {
        await replica.roll();
        await more(50);
      }
      await rolling;
    });
    expect(loss).toEqual(nothing);
  }, 60_000);

  it('lose nothing when all control planes are killed and much has changed when they are back', async () => {
    const loss = await lossDuring(
      'all control planes killed (-9); path, scale and certificate changed',
      async (load) => {
        await Promise.all([first.kill(), second.kill()]);
        pair = certificate({ names: [host] });
        await apply(tlsSecretManifest(namespace, 'shop', pair), pathTo('green'), deployment('blue', 4));
        await rolledOut('blue');
        await load.more(100);
        await Promise.all([first.restart(), second.restart()]);
        await load.answeredBy('green');
        await apply(pathTo('web'), deployment('blue', 3));
        await load.answeredBy('blue');
        await rolledOut('blue');
      },
    );
    expect(loss).toEqual(nothing);
  }, 60_000);
});

type Loss = Pick<LoadReport, 'failures' | 'broken'>;

const nothing: Loss = { failures: [], broken: [] };
