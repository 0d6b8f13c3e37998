/**
 * `npm run bench:envoy`: a real Envoy behind the built `sluice serve` on a real API server. Measures what a user waits for: from the
 * write of an Ingress to the first 200, from a moved endpoint to its first answer, from a new TLS host to its first answer; and what
 * Envoy and Sluice need for it. Runs in a network namespace of its own, because the API server takes no loopback addresses for endpoints.
 */
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { networkNamespace } from '../scripts/network-namespace.js';
import { renderBootstrap } from '../src/cli/bootstrap.ts';
import { type Backend, startBackend } from '../test/support/backend.ts';
import { certificate } from '../test/support/certificates.ts';
import { type RunningEnvoy, startEnvoy } from '../test/support/envoy.ts';
import { startKubeCluster } from '../test/support/kube-cluster.ts';
import { hasPodNetwork, podAddress } from '../test/support/pod-network.ts';
import { type ApiClient, apiClient, concurrently } from './api-client.ts';
import { now } from './clock.ts';
import { type ControlPlane, cpuMs, memoryMb, sluice } from './control-plane.ts';
import { type Probe, openProbe } from './http-probe.ts';
import { describeMachine } from './report.ts';
import { type Summary, summarize } from './statistics.ts';
import { collections, Workload } from './workload.ts';

const { values } = parseArgs({
  options: {
    objects: { type: 'string', multiple: true, default: ['1000'] },
    tls: { type: 'string', default: '0' },
    repetitions: { type: 'string', default: '20' },
    main: { type: 'string', default: join(import.meta.dirname, '..', 'dist', 'main.js') },
    help: { type: 'boolean', default: false },
  },
});

const usage = `npm run bench:envoy -- [options]
  --objects N        Ingresses, Services and EndpointSlices (repeatable); 1000 when left out
  --tls N            so many TLS hosts beside them, each with a Secret of its own; 0 when left out
  --repetitions R    changes of each kind, 20 when left out
  --main FILE        the built program, dist/main.js when left out
`;

/** Milliseconds and megabytes; `cpu` is of the whole process for each change. */
interface Row {
  readonly objects: number;
  readonly tlsHosts: number;
  /** From the start of Envoy until it serves the last host. */
  readonly start: number;
  readonly newIngress: Cost;
  readonly endpointMoved: Cost;
  readonly newTlsHost: Cost | undefined;
  readonly envoyRss: number;
  /** What Envoy itself says it has allocated (/memory). */
  readonly envoyAllocated: number;
  readonly sluiceRss: number;
}

interface Cost {
  /** From the write of the change until it is served. */
  readonly latency: Summary;
  /** The part of it until the API server has answered the write. */
  readonly written: Summary;
  readonly envoyCpu: number;
  readonly sluiceCpu: number;
}

function runInNamespace(): void {
  const network = networkNamespace();
  if ('problem' in network) throw new Error(network.problem);
  const [command = '', ...args] = [...network.prefix, process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  process.exitCode = spawnSync(command, args, { stdio: 'inherit' }).status ?? 1;
}

async function run(): Promise<void> {
  const directory = join(import.meta.dirname, 'results');
  await mkdir(directory, { recursive: true });
  const backends = await Promise.all([1, 2].map((pod) => startNamedBackend(podAddress(pod))));
  const cluster = await startKubeCluster();
  const api = apiClient(cluster);
  const workload = new Workload(api);
  const rows: Row[] = [];
  try {
    await workload.createClasses();
    await createLive(api, backends);
    const tlsHosts = Number(values.tls);
    await createTlsHosts(api, tlsHosts);
    for (const size of values.objects.map(Number).toSorted((a, b) => a - b)) {
      say(`growing to ${size} Ingresses, Services and EndpointSlices`);
      await workload.growTo(size);
      const server = await sluice(resolve(values.main)).start(cluster, join(directory, 'real-envoy.log'), undefined);
      try {
        rows.push(await measure({ api, server, backends, size, tlsHosts }));
      } finally {
        await server.stop();
      }
    }
  } finally {
    api.close();
    await cluster.stop();
    for (const backend of backends) await backend.close();
  }
  const machine = await describeMachine();
  const command = ['npm run bench:envoy --', ...process.argv.slice(2)].join(' ');
  const file = join(directory, `real-envoy-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`);
  await writeFile(`${file}.json`, JSON.stringify({ machine, command, rows }, null, 2));
  say(`written to ${file}.json\n\n${tableOf(rows)}`);
}

/** Tells in a header which address has answered. */
function startNamedBackend(address: string): Promise<Backend> {
  return startBackend({ address, handler: (_request, response) => response.setHeader('x-backend', address).end() });
}

interface Testbed {
  readonly api: ApiClient;
  readonly server: ControlPlane;
  readonly backends: readonly Backend[];
  readonly size: number;
  readonly tlsHosts: number;
}

async function measure(testbed: Testbed): Promise<Row> {
  const { api, server, backends, size, tlsHosts } = testbed;
  const startedAt = now();
  const envoy = await startEnvoy({ bootstrap: bootstrapFor(server.access.port), waitUntilReady: false });
  try {
    await envoy.ready({ within: 120_000 });
    const http = openProbe({ port: await envoy.listenerPort('http', { within: 60_000 }) });
    await http.until('live.example.com', ({ status }) => status === 200);
    // Its backends do not exist, but its route does.
    await http.until(`app-${size - 1}.example.com`, ({ status }) => status >= 502 && status <= 504);
    const start = now() - startedAt;
    const each = (change: (round: number) => Promise<Change>) => repeat(envoy, server, change);
    say(`measuring at ${size} objects and ${tlsHosts} TLS hosts`);
    const newIngress = await each((round) => addIngress(api, http, `new-${size}-${round}`));
    const endpointMoved = await each((round) => moveEndpoint(api, http, backends, round));
    const newTlsHost =
      tlsHosts === 0
        ? undefined
        : await envoy
            .listenerPort('https')
            .then((port) => each((round) => addTlsHost(api, port, `s-${size}-${round}`)));
    http.close();
    const memory: { allocated: string } = JSON.parse(await envoy.admin('/memory'));
    return {
      objects: size,
      tlsHosts,
      start,
      newIngress,
      endpointMoved,
      newTlsHost,
      envoyRss: (await memoryMb(envoy.pid)).resident,
      envoyAllocated: Math.round(Number(memory.allocated) / 2 ** 20),
      sluiceRss: (await memoryMb(server.pid)).resident,
    };
  } finally {
    await envoy.stop();
  }
}

/** Milliseconds since it was begun. */
interface Change {
  readonly written: number;
  readonly served: number;
}

/** The probe asks from before the write on, and tells when the change was served. */
async function timed(probe: () => Promise<number>, write: () => Promise<void>): Promise<Change> {
  const sentAt = now();
  const [servedAt, writtenAt] = await Promise.all([probe(), write().then(now)]);
  return { written: writtenAt - sentAt, served: servedAt - sentAt };
}

/** Lets each change settle, so that it is measured alone. The first does not count: it finds both programs cold. */
async function repeat(
  envoy: RunningEnvoy,
  server: ControlPlane,
  change: (round: number) => Promise<Change>,
): Promise<Cost> {
  await change(0);
  const repetitions = Number(values.repetitions);
  const before = [await cpuMs(envoy.pid), await cpuMs(server.pid)] as const;
  const made: Change[] = [];
  for (let round = 1; round <= repetitions; round += 1) {
    await pause(150);
    made.push(await change(round));
  }
  return {
    latency: summarize(made.map(({ served }) => served)),
    written: summarize(made.map(({ written }) => written)),
    envoyCpu: ((await cpuMs(envoy.pid)) - before[0]) / repetitions,
    sluiceCpu: ((await cpuMs(server.pid)) - before[1]) / repetitions,
  };
}

async function addIngress(api: ApiClient, http: Probe, name: string): Promise<Change> {
  const host = `${name}.example.com`;
  return timed(
    () => http.until(host, ({ status }) => status === 200),
    () => api.create(collections.ingresses, ingress(name, host)),
  );
}

async function moveEndpoint(api: ApiClient, http: Probe, backends: readonly Backend[], round: number): Promise<Change> {
  // Away from where it is, so that every round is a move.
  const target = backends[(round + 1) % backends.length];
  if (target === undefined) throw new Error('there are two backends');
  return timed(
    () => http.until('live.example.com', ({ address }) => address === target.address),
    () => api.replace(`${collections.endpointSlices}/live`, slice(target)),
  );
}

async function addTlsHost(api: ApiClient, port: number, name: string): Promise<Change> {
  const host = `${name}.example.com`;
  await api.create('/api/v1/namespaces/default/secrets', secret(name));
  const probe = openProbe({ port, serverName: host });
  const change = await timed(
    () => probe.until(host, ({ status }) => status === 200),
    () => api.create(collections.ingresses, ingress(name, host, name)),
  );
  probe.close();
  return change;
}

async function createLive(api: ApiClient, [backend]: readonly Backend[]): Promise<void> {
  if (backend === undefined) throw new Error('there are two backends');
  const spec = { clusterIP: 'None', ports: [{ name: 'http', port: 80 }] };
  await api.create(collections.services, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'live' }, spec });
  await api.create(collections.endpointSlices, slice(backend));
  await api.create(collections.ingresses, ingress('live', 'live.example.com'));
}

async function createTlsHosts(api: ApiClient, count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, i) => `tls-${i}`);
  await concurrently(
    16,
    names.flatMap((name) => [
      () => api.create('/api/v1/namespaces/default/secrets', secret(name)),
      () => api.create(collections.ingresses, ingress(name, `${name}.example.com`, name)),
    ]),
  );
}

function slice({ address, port }: Backend): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'live', labels: { 'kubernetes.io/service-name': 'live' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port, protocol: 'TCP' }],
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
  };
}

function ingress(name: string, host: string, secretName?: string): object {
  const backend = { service: { name: 'live', port: { name: 'http' } } };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name },
    spec: {
      ingressClassName: 'sluice',
      rules: [{ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
      ...(secretName !== undefined && { tls: [{ hosts: [host], secretName }] }),
    },
  };
}

const pair = certificate({ names: ['*.example.com'] });

function secret(name: string): object {
  const stringData = { 'tls.crt': pair.cert, 'tls.key': pair.key };
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name }, type: 'kubernetes.io/tls', stringData };
}

function bootstrapFor(port: number): string {
  return renderBootstrap({
    nodeId: 'bench',
    cluster: 'default',
    xds: { host: '127.0.0.1', port },
    admin: { host: '127.0.0.1', port: 0 },
    maxHeapBytes: 8 * 2 ** 30,
  });
}

const heading =
  '| N | TLS hosts | start | new Ingress (p99, written) | Envoy / Sluice CPU | endpoint moved (p99, written) | new TLS host (p99, written) | Envoy / Sluice CPU | Envoy RSS (allocated) | Sluice RSS |';

function tableOf(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const tls = row.newTlsHost;
    return [
      row.objects,
      row.tlsHosts,
      Math.round(row.start),
      latency(row.newIngress),
      cpus(row.newIngress),
      latency(row.endpointMoved),
      tls === undefined ? '' : latency(tls),
      tls === undefined ? '' : cpus(tls),
      `${row.envoyRss} (${row.envoyAllocated}) MB`,
      `${row.sluiceRss} MB`,
    ].join(' | ');
  });
  return [heading, heading.replaceAll(/[^|]+/g, ' --- '), ...lines.map((line) => `| ${line} |`)].join('\n');
}

function latency({ written, latency: { median, p99 } }: Cost): string {
  return `${median.toFixed(1)} (${p99.toFixed(1)}, ${written.median.toFixed(1)})`;
}

function cpus({ envoyCpu, sluiceCpu }: Cost): string {
  return `${envoyCpu.toFixed(1)} / ${sluiceCpu.toFixed(1)}`;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

if (values.help) process.stdout.write(usage);
else if (hasPodNetwork()) await run();
else runInNamespace();
