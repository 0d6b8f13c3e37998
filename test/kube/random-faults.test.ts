/**
 * Faults in a random order, each while clients send requests at a constant rate through a real Envoy: control planes that are killed, stopped
 * and cut off, an API server that goes away, objects that are garbage or hostile, clients that flood. After each, a new Ingress
 * must be served, and what was hostile must be named. `SLUICE_FAULT_ROUNDS=50` for more; SLUICE_TEST_SEED chooses the order.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { certificate } from '../support/certificates.ts';
import { type Load, underConstantLoad } from '../support/constant-load.ts';
import { type Addresses, freeAddresses } from '../support/control-plane-process.ts';
import { type DeafClient, openDeaf } from '../support/deaf-client.ts';
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
  type IngressManifestParts,
  type Manifest,
  manifestText,
  namespaceManifest,
  nodeManifest,
  selectingServiceManifest,
  tlsSecretManifest,
} from '../support/kube-manifests.ts';
import { type NodeAgent, nodeName, startNodeAgent } from '../support/node-agent.ts';
import { type ProxiedReplica, startProxiedReplica } from '../support/proxied-replica.ts';
import { startTcpForwarder, type TcpForwarder } from '../support/tcp-forwarder.ts';
import { describeWithKubernetesAndEnvoy } from '../support/tools.ts';
import { typeUrl } from '../../src/proto/type-url.ts';

const rounds = Number(process.env['SLUICE_FAULT_ROUNDS'] ?? 6);
const patience = { within: 40_000 };
const namespace = 'shop';
const otherNamespace = 'stranger';
const host = 'shop.test';
const plain = { 'nginx.ingress.kubernetes.io/ssl-redirect': 'false' };
const ports = { http: 8080 };

interface Fault {
  readonly injected: string;
  readonly expected: string;
  inject(): Promise<void> | void;
  heal(): Promise<void> | void;
  /** The object that must be named in a Problem before it is over; only where all control planes can be asked. */
  readonly named?: string;
}

describeWithKubernetesAndEnvoy('clients of a cluster in which things break in any order', () => {
  let cluster: KubeCluster;
  let agent: NodeAgent;
  let listen: Addresses;
  let replicas: readonly ProxiedReplica[] = [];
  let controlPlanes: TcpForwarder;
  let envoy: RunningEnvoy | undefined;
  let version = 1;
  const pair = certificate({ names: [host] });

  beforeAll(async () => {
    cluster = await startKubeCluster({
      controllerManager: true,
      controllers: ['deployment-controller', 'replicaset-controller', 'endpointslice-controller'],
    });
    agent = await startNodeAgent({ cluster, addresses: { first: 20, last: 250 }, lingerMs: 10_000, isUsed });
    listen = await freeAddresses();
    await apply(
      ingressClassManifest(),
      namespaceManifest(namespace),
      namespaceManifest(otherNamespace),
      nodeManifest(nodeName),
      tlsSecretManifest(namespace, 'shop', pair),
      deployment(),
      selectingServiceManifest(namespace, 'web', 'web', [{ name: 'http', port: 80, targetPort: 'http' }]),
      ingress('shop', { hosts: { [host]: 'web:80' }, tls: { [host]: 'shop' } }),
    );
    await rolledOut();
    replicas = await Promise.all(['one', 'two'].map((name) => startProxiedReplica(cluster, name, listen)));
    controlPlanes = await startTcpForwarder(...replicas.map(({ controlPlane }) => controlPlane.xdsPort));
    envoy = await joinEnvoy({ xdsPort: controlPlanes.port });
    await isServed(host);
  }, 120_000);

  afterAll(async () => {
    await agent?.stop();
    await envoy?.stop();
    await controlPlanes?.close();
    await Promise.all(replicas.map(({ controlPlane }) => controlPlane.stop()));
    await Promise.all(replicas.map(({ proxy }) => proxy.stop()));
    await cluster?.stop();
  }, 60_000);

  async function isUsed(address: string): Promise<boolean> {
    return ((await envoy?.admin('/clusters')) ?? '').includes(`::${address}:`);
  }

  async function apply(...items: readonly Manifest[]): Promise<void> {
    await cluster.kubectl(['apply', '-f', '-'], manifestText(...items));
  }

  async function remove(kind: string, name: string, from = namespace): Promise<void> {
    await cluster.kubectl(['delete', kind, name, '-n', from, '--ignore-not-found']);
  }

  function deployment(): Manifest {
    return deploymentManifest(namespace, 'web', { replicas: 2, version, nodeName, ports });
  }

  function ingress(name: string, parts: IngressManifestParts, of = namespace): Manifest {
    return ingressManifest(of, name, { ...parts, annotations: { ...plain, ...parts.annotations } });
  }

  async function rolledOut(): Promise<void> {
    await cluster.kubectl(['rollout', 'status', 'deployment/web', '-n', namespace, '--timeout=60s']);
    await eventually(() => expect(agent.isSettled()).toBe(true), patience);
  }

  async function isServed(name: string): Promise<void> {
    await eventually(async () => {
      expect((await httpRequest({ port: listen.httpPort, host: name })).status).toBe(200);
    }, patience);
  }

  async function problemsOf({ controlPlane }: ProxiedReplica): Promise<string> {
    const { body } = await httpRequest({ port: controlPlane.adminPort, path: '/debug/problems' });
    return body;
  }

  /** Those that break the way from a control plane to the API server. */
  function network(to: ProxiedReplica, which: string): readonly Fault[] {
    const { proxy } = to;
    const expected = 'clients notice nothing; the other replica goes on, this one catches up';
    const pass = (): void => proxy.accept('pass');
    return [
      {
        injected: `connections of replica ${which} to the API server cut again and again for 3 s`,
        expected,
        inject: async () => {
          proxy.accept('cut');
          for (let cut = 0; cut < 6; cut += 1) {
            proxy.cut();
            await pause(500);
          }
        },
        heal: pass,
      },
      {
        injected: `connections of replica ${which} to the API server half open, new ones too`,
        expected,
        inject: () => {
          proxy.accept('freeze');
          proxy.freeze();
        },
        heal: () => {
          proxy.accept('pass');
          proxy.cut();
        },
      },
      {
        injected: `every byte of the API server 1 s late for replica ${which}`,
        expected,
        inject: () => proxy.delay(1_000),
        heal: () => proxy.delay(0),
      },
      { injected: `bytes that are no TLS to replica ${which}`, expected, inject: () => proxy.garble(), heal: pass },
    ];
  }

  function processes(replica: ProxiedReplica, which: string): readonly Fault[] {
    const { controlPlane } = replica;
    return [
      {
        injected: `replica ${which} killed (-9)`,
        expected: 'the Envoy moves to the other one',
        inject: () => controlPlane.kill(),
        heal: () => controlPlane.restart(),
      },
      {
        injected: `replica ${which} stopped (SIGSTOP) for some seconds`,
        expected: 'what is served stays; afterwards it goes on',
        inject: () => controlPlane.process.signal('SIGSTOP'),
        heal: () => controlPlane.process.signal('SIGCONT'),
      },
    ];
  }

  function hostile(what: string, parts: Pick<IngressManifestParts, 'annotations'>, of = namespace): Fault {
    return {
      injected: `a hostile Ingress: ${what}`,
      expected: 'it is named; nobody else notices',
      named: 'hostile',
      inject: () => apply(ingress('hostile', { hosts: { 'hostile.test': 'web:80' }, ...parts }, of)),
      heal: () => remove('ingress', 'hostile', of),
    };
  }

  function objects(): readonly Fault[] {
    const prefix = 'nginx.ingress.kubernetes.io';
    const flood: DeafClient[] = [];
    return [
      hostile('a snippet of nginx', {
        annotations: { [`${prefix}/configuration-snippet`]: '}\nserver { listen 81; }' },
      }),
      hostile('operators of Envoy in a hash', {
        annotations: { [`${prefix}/upstream-hash-by`]: '%ENVIRONMENT(HOME)%' },
      }),
      hostile('a Secret of another namespace', {
        annotations: { [`${prefix}/auth-type`]: 'basic', [`${prefix}/auth-secret`]: 'kube-system/token' },
      }),
      hostile('line breaks in a rewrite', {
        annotations: { [`${prefix}/rewrite-target`]: '/$1\r\nset-cookie: x', [`${prefix}/use-regex`]: 'true' },
      }),
      hostile('a range that is none', { annotations: { [`${prefix}/whitelist-source-range`]: '0.0.0.0/99' } }),
      hostile('a Service that is not there, in another namespace', {}, otherNamespace),
      {
        injected: "another namespace claims the host's paths",
        expected: 'it is named; the host stays with its owner',
        named: 'claim',
        inject: () => apply(ingress('claim', { hosts: { [host]: 'web:80' } }, otherNamespace)),
        heal: () => remove('ingress', 'claim', otherNamespace),
      },
      {
        injected: 'a pair of certificate and key that is garbage',
        expected: 'it is named; the last good pair stays',
        named: 'shop',
        inject: () => apply(tlsSecretManifest(namespace, 'shop', { cert: 'garbage', key: 'garbage' })),
        heal: () => apply(tlsSecretManifest(namespace, 'shop', pair)),
      },
      {
        injected: '40 Ingresses come and go',
        expected: 'clients notice nothing',
        inject: () =>
          apply(
            ...Array.from({ length: 40 }, (_, n) => ingress(`many-${n}`, { hosts: { [`many-${n}.test`]: 'web:80' } })),
          ),
        heal: async () => {
          const names = Array.from({ length: 40 }, (_, n) => `many-${n}`);
          await cluster.kubectl(['delete', 'ingress', '-n', namespace, '--wait=false', ...names]);
        },
      },
      {
        injected: 'a Deployment rolls',
        expected: 'clients notice nothing',
        inject: async () => {
          version += 1;
          await apply(deployment());
        },
        heal: rolledOut,
      },
      {
        injected: '20 xDS clients that ask for everything and read nothing',
        expected: 'Envoys notice nothing',
        inject: () => {
          for (const { controlPlane } of replicas) {
            for (let client = 0; client < 10; client += 1) {
              const deaf = openDeaf(controlPlane.xdsPort, 'delta');
              flood.push(deaf);
              for (const type of Object.values(typeUrl)) {
                deaf.send({ node: { id: 'deaf' }, type_url: type, resource_names_subscribe: ['*'] });
              }
            }
          }
        },
        heal: () => {
          for (const client of flood.splice(0)) client.close();
        },
      },
    ];
  }

  function clusterFaults(): readonly Fault[] {
    return [
      {
        injected: 'the API server gone for some seconds',
        expected: 'what is served stays; afterwards all is caught up',
        inject: () => cluster.stopApiServer('kill'),
        heal: () => cluster.startApiServer(),
      },
      {
        injected: 'all control planes killed (-9) for some seconds',
        expected: 'what is served stays; afterwards the Envoy gets what is new',
        inject: async () => {
          await Promise.all(replicas.map(({ controlPlane }) => controlPlane.kill()));
        },
        heal: async () => {
          await Promise.all(replicas.map(({ controlPlane }) => controlPlane.restart()));
        },
      },
    ];
  }

  /** Injects, looks, heals, and then has a new Ingress served. Returns the milliseconds from the healing until it was. */
  async function play(fault: Fault, round: number, load: Load): Promise<number> {
    await fault.inject();
    await load.more(250);
    const { named } = fault;
    const asked = named === undefined ? [] : replicas;
    await eventually(async () => {
      const texts = await Promise.all(asked.map(problemsOf));
      expect(texts.filter((text) => !text.includes(`"name": "${named}"`))).toEqual([]);
    }, patience);
    await fault.heal();
    const healedAt = performance.now();
    await apply(ingress('after', { hosts: { [`after-${round}.test`]: 'web:80' } }));
    await isServed(`after-${round}.test`);
    const healMs = performance.now() - healedAt;
    await load.more(50);
    return healMs;
  }

  it('lose nothing, and are served what is new after each of them', async () => {
    const faults = [
      ...replicas.flatMap((replica, index) => [
        ...network(replica, index === 0 ? 'one' : 'two'),
        ...processes(replica, index === 0 ? 'one' : 'two'),
      ]),
      ...objects(),
      ...clusterFaults(),
    ];
    for (const [round, fault] of chosen(faults).entries()) {
      let healMs = 0;
      const { requests, failures, broken } = await underConstantLoad(
        { ...listen, host, webSockets: 4 },
        async (load) => {
          healMs = await play(fault, round, load);
        },
      );
      const { injected, expected } = fault;
      const lost = failures.length + broken.length;
      const seen = lost === 0 ? 'so it was' : ([...failures, ...broken][0] ?? '');
      recordFault({ injected, expected, seen, requests, lost, healMs });
      expect({ injected, failures, broken }).toEqual({ injected, failures: [], broken: [] });
    }
  }, 1_000_000);
});

/** So many of them in a random order, all of them before one comes again. */
function chosen(faults: readonly Fault[]): readonly Fault[] {
  const orders = Math.ceil(rounds / faults.length);
  const { seed } = fc.readConfigureGlobal();
  const order = fc.shuffledSubarray([...faults], { minLength: faults.length });
  return fc
    .sample(order, { numRuns: orders, ...(seed !== undefined && { seed }) })
    .flat()
    .slice(0, rounds);
}
