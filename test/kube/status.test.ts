/** What a cluster gets to see of Sluice: addresses and Events, written by one of two replicas, with a real API server. */
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Addresses, freeAddresses, warningsOf } from '../support/control-plane-process.ts';
import { eventually } from '../support/eventually.ts';
import { httpRequest } from '../support/http-request.ts';
import { type KubeCluster, startKubeCluster } from '../support/kube-cluster.ts';
import { ingressClassManifest, ingressManifest, type Manifest, manifestText } from '../support/kube-manifests.ts';
import type { RunningProcess } from '../support/process.ts';
import { startSluice } from '../support/sluice.ts';
import { describeWithKubernetes } from '../support/tools.ts';

const patience = { within: 20_000, every: 100 };
const leaseSeconds = 6;
const toService = ['--publish-service', 'default/edge'];

const readingRights = [
  { apiGroups: ['networking.k8s.io'], resources: ['ingresses', 'ingressclasses'], verbs: ['list', 'watch'] },
  { apiGroups: [''], resources: ['services', 'secrets'], verbs: ['list', 'watch'] },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
];

/** As docs/status.md has them. */
const documentedRights = [
  { apiGroups: ['networking.k8s.io'], resources: ['ingresses/status'], verbs: ['patch'] },
  { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] },
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    resourceNames: ['sluice-leader'],
    verbs: ['get', 'update'],
  },
  { apiGroups: [''], resources: ['services'], resourceNames: ['edge'], verbs: ['get'] },
];

interface Replica {
  readonly name: string;
  readonly addresses: Addresses;
  readonly process: RunningProcess;
}

describeWithKubernetes('what Sluice writes into a cluster', () => {
  let cluster: KubeCluster;
  let replicas: readonly Replica[] = [];

  beforeAll(async () => {
    cluster = await startKubeCluster();
    await apply(ingressClassManifest(), balancer('edge'));
    await setBalancer('edge', [{ ip: '192.0.2.10' }, { hostname: 'lb.example.org' }]);
    replicas = await Promise.all(['replica-a', 'replica-b'].map((name) => start(name, cluster.kubeconfig)));
  }, 90_000);
  afterAll(async () => {
    await Promise.all(replicas.map(({ process }) => process.stop()));
    await cluster?.stop();
  }, 60_000);

  async function apply(...items: readonly Manifest[]): Promise<void> {
    await cluster.kubectl(['apply', '-f', '-'], manifestText(...items));
  }

  async function setBalancer(name: string, addresses: readonly object[]): Promise<void> {
    const patch = JSON.stringify({ status: published(...addresses) });
    await cluster.kubectl(['patch', 'service', name, '--subresource=status', '--type=merge', '-p', patch]);
  }

  async function start(name: string, kubeconfig: string, flags: readonly string[] = toService): Promise<Replica> {
    const addresses = await freeAddresses();
    const process = await startSluice(
      [
        'serve',
        '--kubeconfig',
        kubeconfig,
        '--log-format',
        'json',
        '--xds-address',
        addresses.xds,
        '--admin-address',
        `127.0.0.1:${addresses.adminPort}`,
        '--status-update-interval',
        '1s',
        '--election-ttl',
        `${leaseSeconds}s`,
        ...flags,
      ],
      { env: { POD_NAME: name } },
    );
    await process.waitForOutput(/"msg":"published"/, patience);
    return { name, addresses, process };
  }

  async function ask(replica: Replica, path: string): Promise<string> {
    return (await httpRequest({ port: replica.addresses.adminPort, path })).body;
  }

  async function isLeading(replica: Replica): Promise<boolean> {
    if (!replica.process.isRunning()) return false;
    const status: { readonly isLeading: boolean } = JSON.parse(await ask(replica, '/debug/status'));
    return status.isLeading;
  }

  async function leaders(): Promise<readonly Replica[]> {
    const leading = await Promise.all(replicas.map(isLeading));
    return replicas.filter((_, index) => leading[index] === true);
  }

  /** What a replica has written so far, by resource. */
  async function writes(replica: Replica, resource: string): Promise<number> {
    const metrics = await ask(replica, '/metrics');
    return Number(
      new RegExp(`sluice_api_writes_total\\{resource="${resource}",outcome="written"\\} (\\d+)`).exec(metrics)?.[1] ??
        0,
    );
  }

  async function ingress(name: string): Promise<{ readonly status: unknown; readonly version: string }> {
    const object: { readonly status: unknown; readonly metadata: { readonly resourceVersion: string } } = JSON.parse(
      await cluster.kubectl(['get', 'ingress', name, '-o', 'json']),
    );
    return { status: object.status, version: object.metadata.resourceVersion };
  }

  function published(...addresses: readonly object[]): object {
    return { loadBalancer: { ingress: addresses } };
  }

  it('publishes the addresses of a load balancer, by one replica only', async () => {
    await apply(ingressManifest('default', 'web', { hosts: { 'web.test': 'web:80' } }));

    await eventually(async () => {
      expect((await ingress('web')).status).toEqual(published({ ip: '192.0.2.10' }, { hostname: 'lb.example.org' }));
    }, patience);

    const [leader] = await leaders();
    expect(await leaders()).toHaveLength(1);
    const counts = await Promise.all(replicas.map((replica) => writes(replica, 'ingresses/status')));
    expect(counts.toSorted((a, b) => a - b)).toEqual([0, 1]);
    expect(await cluster.kubectl(['get', 'lease', 'sluice-leader', '-o', 'jsonpath={.spec.holderIdentity}'])).toBe(
      leader?.name,
    );
  }, 60_000);

  it('says with kubectl describe what is wrong with an Ingress and how to fix it', async () => {
    await eventually(async () => {
      const text = await cluster.kubectl(['describe', 'ingress', 'web']);
      expect(text).toMatch(
        /Warning +ServiceNotFound .* sluice\.dev\/ingress-controller +spec\.rules\[0\]\.http\.paths\[0\]: Service default\/web does not exist.* To fix it: create the Service/,
      );
      expect(text).toContain('192.0.2.10,lb.example.org');
    }, patience);
  }, 60_000);

  it('writes nothing while nothing changes, and again what changes', async () => {
    const { version } = await ingress('web');
    const before = await Promise.all(replicas.map((replica) => writes(replica, 'ingresses/status')));
    // Somebody else's edit, which is none of ours, is a sign that we have looked again.
    await apply(ingressManifest('default', 'other', { hosts: { 'other.test': 'web:80' } }));
    await eventually(async () => expect((await ingress('other')).status).not.toEqual({ loadBalancer: {} }), patience);
    const after = await Promise.all(replicas.map((replica) => writes(replica, 'ingresses/status')));
    expect((await ingress('web')).version).toBe(version);
    expect(sum(after)).toBe(sum(before) + 1);

    await setBalancer('edge', [{ ip: '192.0.2.20', ports: [{ port: 80, protocol: 'TCP' }] }]);

    await eventually(async () => {
      const wanted = published({ ip: '192.0.2.20', ports: [{ port: 80, protocol: 'TCP' }] });
      expect((await ingress('web')).status).toEqual(wanted);
      expect((await ingress('other')).status).toEqual(wanted);
    }, patience);
  }, 60_000);

  it('keeps what is published while the load balancer has no address', async () => {
    await setBalancer('edge', []);
    const [leader] = await leaders();
    await leader?.process.waitForOutput(/There is no address to publish.*load balancer has no address yet/, patience);

    expect((await ingress('web')).status).toMatchObject({ loadBalancer: { ingress: [{ ip: '192.0.2.20' }] } });
    await setBalancer('edge', [{ ip: '192.0.2.20' }]);
    await eventually(async () => {
      expect((await ingress('web')).status).toEqual(published({ ip: '192.0.2.20' }));
    }, patience);
  }, 60_000);

  it('tells that a problem is solved, and does not tell it twice', async () => {
    const reasons = async (): Promise<readonly string[]> => {
      const list = await cluster.kubectl([
        'get',
        'events',
        '--field-selector',
        'involvedObject.kind=Ingress,involvedObject.name=web',
        '-o',
        'jsonpath={range .items[*]}{.reason}{"\\n"}{end}',
      ]);
      return list.trim().split('\n').toSorted();
    };
    expect(await reasons()).toEqual(['ServiceNotFound']);

    await cluster.kubectl(['create', 'service', 'clusterip', 'web', '--tcp=80:80']);

    await eventually(async () => {
      expect(await reasons()).toEqual(['NoEndpoints', 'Resolved', 'ServiceNotFound']);
    }, patience);
  }, 60_000);

  it('tells that an Ingress has turned bad and stays as it was, and counts it at each replica', async () => {
    const backend = { service: { name: 'web', port: { number: 80 } } };
    const setPath = async (path: string): Promise<void> => {
      const value = { path, pathType: 'ImplementationSpecific', backend };
      const patch = JSON.stringify([{ op: 'replace', path: '/spec/rules/0/http/paths/0', value }]);
      await cluster.kubectl(['patch', 'ingress', 'turning', '--type=json', '-p', patch]);
    };
    const held = (): Promise<readonly string[]> =>
      Promise.all(
        replicas.map(async (replica) => {
          const [, count = ''] = /^sluice_quarantined_objects (\d+)$/m.exec(await ask(replica, '/metrics')) ?? [];
          return count;
        }),
      );
    const annotations = { 'nginx.ingress.kubernetes.io/use-regex': 'true' };
    await apply(ingressManifest('default', 'turning', { hosts: { 'turning.test': 'web:80' }, annotations }));
    await eventually(async () => expect((await ingress('turning')).status).not.toEqual({ loadBalancer: {} }), patience);
    await setPath('/x(');
    await eventually(async () => {
      expect(await held()).toEqual(['1', '1']);
      expect(await cluster.kubectl(['describe', 'ingress', 'turning'])).toMatch(
        /Warning +InvalidPath .*paths\[0\]\.path: path "\/x\(" .* Instead of this form, what the Ingress was before .* stays in use/,
      );
    }, patience);
    await setPath('/x(.*)');
    await eventually(async () => expect(await held()).toEqual(['0', '0']), patience);
    await cluster.kubectl(['delete', 'ingress', 'turning']);
  }, 60_000);

  it('takes back what it wrote from an Ingress that it serves no longer, and only that', async () => {
    await cluster.kubectl(['patch', 'ingress', 'other', '-p', '{"spec":{"ingressClassName":"elsewhere"}}']);

    await eventually(async () => expect((await ingress('other')).status).toEqual({ loadBalancer: {} }), {
      within: 40_000,
    });

    await cluster.kubectl([
      'patch',
      'ingress',
      'web',
      '--subresource=status',
      '--type=merge',
      '-p',
      '{"status":{"loadBalancer":{"ingress":[{"ip":"198.51.100.1"}]}}}',
    ]);
    await cluster.kubectl(['patch', 'ingress', 'web', '-p', '{"spec":{"ingressClassName":"elsewhere"}}']);
    await apply(ingressManifest('default', 'last', { hosts: { 'last.test': 'web:80' } }));
    await eventually(async () => {
      expect((await ingress('last')).status).toEqual(published({ ip: '192.0.2.20' }));
    }, patience);
    expect((await ingress('web')).status).toEqual(published({ ip: '198.51.100.1' }));
  }, 90_000);

  it('goes on with the other replica when the leader is killed', async () => {
    const [leader] = await leaders();
    const heir = replicas.find((replica) => replica !== leader);
    if (leader === undefined || heir === undefined) throw new Error('nobody leads');
    await eventually(
      async () => expect(await eventVersions()).toContainEqual(expect.stringMatching(/^last\./)),
      patience,
    );
    const events = await eventVersions();

    const killed = performance.now();
    leader.process.signal('SIGKILL');
    await leader.process.exited;
    await setBalancer('edge', [{ ip: '192.0.2.30' }]);
    await eventually(async () => {
      expect((await ingress('last')).status).toEqual(published({ ip: '192.0.2.30' }));
    }, patience);

    process.stdout.write(`kill -9: the other replica wrote after ${Math.round(performance.now() - killed)} ms\n`);
    expect(await leaders()).toEqual([heir]);
    // It knows by their names which Events the other has written.
    await eventually(async () => expect(await ask(heir, '/debug/status')).toContain('"events": 0'), patience);
    expect(await eventVersions()).toEqual(events);
  }, 60_000);

  it('hands over at once when the leader is told to end', async () => {
    const [leader] = await leaders();
    if (leader === undefined) throw new Error('nobody leads');
    replicas = [...replicas.filter(({ process }) => process.isRunning()), await start('replica-c', cluster.kubeconfig)];
    const stopped = performance.now();
    expect(await leader.process.stop()).toEqual({ code: 0, signal: undefined });

    await eventually(async () => expect((await leaders()).map(({ name }) => name)).toEqual(['replica-c']), patience);
    process.stdout.write(`SIGTERM: another replica leads after ${Math.round(performance.now() - stopped)} ms\n`);
  }, 60_000);

  it('publishes the addresses of the nodes on which Envoys are ready', async () => {
    await cluster.kubectl(['create', 'namespace', 'edge']);
    await Promise.all([
      addEnvoy('node-a', [{ type: 'InternalIP', address: '10.0.0.1' }], 'True'),
      addEnvoy('node-b', [{ type: 'ExternalIP', address: '203.0.113.2' }], 'True'),
      addEnvoy('node-c', [{ type: 'ExternalIP', address: '203.0.113.3' }], 'False'),
    ]);
    await Promise.all(replicas.map(({ process }) => process.stop()));
    const flags = ['--publish-envoy-nodes', 'app=envoy', '--leader-election-namespace', 'edge'];
    replicas = [await start('replica-d', cluster.kubeconfig, flags)];

    await eventually(async () => {
      expect((await ingress('last')).status).toEqual(published({ ip: '10.0.0.1' }, { ip: '203.0.113.2' }));
    }, patience);
  }, 60_000);

  it('writes with exactly the rights that the documentation lists', async () => {
    await Promise.all(replicas.map(({ process }) => process.stop()));
    await cluster.kubectl(['delete', 'lease', 'sluice-leader']);
    const kubeconfig = await account('writer', documentedRights);
    replicas = [await start('replica-e', kubeconfig, toService)];
    await apply(ingressManifest('default', 'granted', { hosts: { 'granted.test': 'missing:80' } }));

    await eventually(async () => {
      expect((await ingress('granted')).status).toEqual(published({ ip: '192.0.2.30' }));
      expect(await cluster.kubectl(['describe', 'ingress', 'granted'])).toContain('ServiceNotFound');
    }, patience);
    expect(warningsOf(only(replicas).process)).toEqual([]);
  }, 60_000);

  it('routes without any right to write, and says once which are missing', async () => {
    await Promise.all(replicas.map(({ process }) => process.stop()));
    const kubeconfig = await account('reader', []);
    replicas = [
      await start('replica-f', kubeconfig, ['--publish-status-address', '192.0.2.99', '--disable-leader-election']),
    ];
    const replica = only(replicas);
    await eventually(() => {
      expect(warningsOf(replica.process).toSorted()).toEqual([
        expect.stringMatching(/write Events: grant the verbs create and patch on events .*forbidden/),
        expect.stringMatching(/write the status of Ingresses: grant the verb patch on ingresses\/status .*forbidden/),
      ]);
    }, patience);
    await apply(ingressManifest('default', 'routed', { hosts: { 'routed.test': 'missing:80' } }));
    await eventually(async () => {
      expect(await ask(replica, '/debug/resources')).toContain('routed.test');
    }, patience);
    expect(warningsOf(replica.process)).toHaveLength(2);

    const follower = await start('replica-g', kubeconfig, toService);
    await follower.process.waitForOutput(
      /write the Lease of the leader: grant the verbs get, create and update/,
      patience,
    );
    await follower.process.stop();
  }, 60_000);

  /** A ready or unready Envoy on a node of its own. */
  async function addEnvoy(node: string, addresses: readonly object[], ready: string): Promise<void> {
    const spec = { nodeName: node, containers: [{ name: 'envoy', image: 'envoy' }] };
    const metadata = { namespace: 'edge', name: `envoy-${node}`, labels: { app: 'envoy' } };
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec };
    await apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: node } }, pod);
    const patch = async (status: object, ...object: readonly string[]): Promise<void> => {
      const text = JSON.stringify({ status });
      await cluster.kubectl(['patch', ...object, '--subresource=status', '--type=merge', '-p', text]);
    };
    await patch({ addresses }, 'node', node);
    await patch({ conditions: [{ type: 'Ready', status: ready }] }, 'pod', metadata.name, '-n', 'edge');
  }

  /** A kubeconfig with the token of a service account that may read what Sluice reads, and no more than the rules say. */
  async function account(name: string, rules: readonly object[]): Promise<string> {
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name } };
    const withRules = { ...role, rules: [...readingRights, ...rules] };
    await cluster.kubectl(['create', 'serviceaccount', name]);
    await apply(withRules);
    await cluster.kubectl([
      'create',
      'clusterrolebinding',
      name,
      `--clusterrole=${name}`,
      `--serviceaccount=default:${name}`,
    ]);
    const token = (await cluster.kubectl(['create', 'token', name])).trim();
    const config: { users: { user: object }[] } = JSON.parse(await readFile(cluster.kubeconfig, 'utf8'));
    const file = `${cluster.kubeconfig}-${name}`;
    await writeFile(file, JSON.stringify({ ...config, users: [{ name: 'administrator', user: { token } }] }));
    return file;
  }

  function sum(numbers: readonly number[]): number {
    return numbers.reduce((total, each) => total + each, 0);
  }

  async function eventVersions(): Promise<readonly string[]> {
    const path = '{range .items[*]}{.metadata.name} {.metadata.resourceVersion}{"\\n"}{end}';
    return (await cluster.kubectl(['get', 'events', '-o', `jsonpath=${path}`])).trim().split('\n').toSorted();
  }
});

function balancer(name: string): Manifest {
  const spec = { type: 'LoadBalancer', ports: [{ port: 80 }], allocateLoadBalancerNodePorts: false };
  const manifest = { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec };
  return manifest;
}

function only<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined || items.length > 1) throw new Error(`there are ${items.length}, not one`);
  return item;
}
