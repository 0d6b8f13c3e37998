/**
 * A real Kubernetes API server with its etcd, for tests: no nodes and no pods, but everything that a client of the API sees, RBAC and
 * service account tokens included. Everything it keeps is in a temporary folder and gone when it stops.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certificate, certificateAuthority } from './certificates.ts';
import { eventually, type Patience } from './eventually.ts';
import { httpRequest } from './http-request.ts';
import { podAddress } from './pod-network.ts';
import { freePorts } from './ports.ts';
import { describeExit, type RunningProcess, runProcess, startProcess, tail } from './process.ts';
import { kubernetesBinaries } from './tools.ts';

export interface KubeClusterOptions {
  /** Also start kube-controller-manager, for garbage collection, EndpointSlices of Services, namespaces' end and the like. */
  readonly controllerManager?: boolean;
  /** The only controllers that it runs, by name; all that are on by default when left out. */
  readonly controllers?: readonly string[];
  /** More flags for kube-apiserver, such as `--feature-gates=WatchList=false`; of a flag given twice, this one wins. */
  readonly apiServerFlags?: readonly string[];
}

export interface KubeCluster {
  /** https://127.0.0.1:port; it stays the same when the API server restarts. */
  readonly url: string;
  readonly port: number;
  /** The authority that signed the API server's certificate, in PEM. */
  readonly ca: string;
  /** A bearer token that may do everything. */
  readonly token: string;
  /** A kubeconfig file with `url`, `ca` and `token`. */
  readonly kubeconfig: string;
  /** Runs kubectl as administrator and answers its standard output. Throws with its standard error when it fails. */
  kubectl(args: readonly string[], stdin?: string): Promise<string>;
  /** Ends the API server, SIGKILL at once unless told otherwise; etcd keeps the objects. */
  stopApiServer(how?: 'kill' | 'gracefully'): Promise<void>;
  /** Starts it again after stopApiServer, and waits until it is ready. */
  startApiServer(): Promise<void>;
  restartApiServer(): Promise<void>;
  /**
   * Forgets every older revision in etcd. The API server still has recent changes in memory; after a restart of it, too, a watch from
   * an older resourceVersion gets 410 Gone.
   */
  compact(): Promise<void>;
  /** Keeps a copy of everything that is stored. The API server and etcd are not there meanwhile. */
  backUp(): Promise<void>;
  /** Goes back to that copy, revisions included. Again, nothing is there meanwhile. */
  restore(): Promise<void>;
  apiServerLogs(): string;
  /** Ends everything and deletes the folder. */
  stop(): Promise<void>;
}

/** Starts a cluster and waits until it is ready. Throws with the log of the part that failed. */
export async function startKubeCluster(options: KubeClusterOptions = {}): Promise<KubeCluster> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-kube-'));
  const [port = 0, etcdPort = 0, peerPort = 0, managerPort = 0] = await freePorts(4);
  const place: Place = { directory, port, etcdPort, peerPort, managerPort, file: (name) => join(directory, name) };
  const { ca, token } = await writeFiles(place);
  const binaries = kubernetesBinaries();
  const running = new Map<string, RunningProcess>();

  const start = async (name: string, executable: string, flags: readonly string[], isReady: () => Promise<boolean>) => {
    const child = await startProcess(executable, flags);
    running.set(name, child);
    await becomesReady(name, child, isReady);
  };
  const end = async (name: string, grace?: number) => {
    await running.get(name)?.stop(grace);
    running.delete(name);
  };
  const startEtcd = () =>
    start('etcd', binaries.etcd, etcdFlags(place), () => isOk({ port: etcdPort, path: '/readyz' }));
  /** Ends what uses the stored data, copies it, and starts it again. */
  const withCopy = async (from: string, to: string) => {
    await end('kube-apiserver', 0);
    await end('etcd', 0);
    await rm(place.file(to), { recursive: true, force: true });
    await cp(place.file(from), place.file(to), { recursive: true });
    await startEtcd();
    await startApiServer();
  };
  const startApiServer = () =>
    start('kube-apiserver', binaries.apiServer, apiServerFlags(place, options), () =>
      isOk({ port, tls: { ca }, path: '/readyz', token }),
    );
  const stopApiServer = (how: 'kill' | 'gracefully' = 'kill') => end('kube-apiserver', how === 'kill' ? 0 : 30_000);
  const stop = async () => {
    await end('kube-controller-manager', 0);
    await end('kube-apiserver', 0);
    await end('etcd', 0);
    await rm(directory, { recursive: true, force: true });
  };

  try {
    await startEtcd();
    await startApiServer();
    if (options.controllerManager === true) {
      await start('kube-controller-manager', binaries.controllerManager, controllerManagerFlags(place, options), () =>
        isOk({ port: managerPort, tls: {}, path: '/healthz' }),
      );
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `https://127.0.0.1:${port}`,
    port,
    ca,
    token,
    kubeconfig: place.file('kubeconfig'),
    kubectl: (args, stdin) => kubectl(place, binaries.kubectl, args, stdin),
    stopApiServer,
    startApiServer,
    async restartApiServer() {
      await stopApiServer();
      await startApiServer();
    },
    compact: () => compact(etcdPort),
    backUp: () => withCopy('etcd', 'etcd-backup'),
    restore: () => withCopy('etcd-backup', 'etcd'),
    apiServerLogs: () => running.get('kube-apiserver')?.output() ?? '',
    stop,
  };
}

interface Place {
  readonly directory: string;
  readonly port: number;
  readonly etcdPort: number;
  readonly peerPort: number;
  readonly managerPort: number;
  readonly file: (name: string) => string;
}

async function writeFiles(place: Place): Promise<{ readonly ca: string; readonly token: string }> {
  const authority = certificateAuthority('kubernetes test authority');
  const server = certificate({
    issuer: authority,
    names: ['127.0.0.1', podAddress(1), 'localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'],
  });
  const serviceAccounts = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const token = randomBytes(16).toString('hex');
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'test',
        cluster: {
          server: `https://127.0.0.1:${place.port}`,
          'certificate-authority-data': Buffer.from(authority.cert).toString('base64'),
        },
      },
    ],
    users: [{ name: 'administrator', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'administrator' } }],
    'current-context': 'test',
  };
  const files = {
    'ca.crt': authority.cert,
    'server.crt': server.cert,
    'server.key': server.key,
    'service-accounts.key': serviceAccounts.export({ type: 'sec1', format: 'pem' }).toString(),
    'tokens.csv': `${token},administrator,1,system:masters\n`,
    // JSON is YAML, too.
    kubeconfig: JSON.stringify(kubeconfig, null, 2),
  };
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(place.file(name), text, { mode: 0o600 })));
  return { ca: authority.cert, token };
}

/** No fsync: nothing of this has to survive the machine, and it makes writes several times faster on a slow disk. */
function etcdFlags(place: Place): readonly string[] {
  const client = `http://127.0.0.1:${place.etcdPort}`;
  const peer = `http://127.0.0.1:${place.peerPort}`;
  return [
    `--data-dir=${place.file('etcd')}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
}

function apiServerFlags(place: Place, options: KubeClusterOptions): readonly string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${place.etcdPort}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${place.port}`,
    // Where the namespace has no default route the API server finds no address to advertise; nobody uses the one it gets here.
    `--advertise-address=${podAddress(1)}`,
    '--endpoint-reconciler-type=none',
    `--cert-dir=${place.directory}`,
    `--tls-cert-file=${place.file('server.crt')}`,
    `--tls-private-key-file=${place.file('server.key')}`,
    `--token-auth-file=${place.file('tokens.csv')}`,
    '--authorization-mode=RBAC',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${place.file('service-accounts.key')}`,
    `--service-account-signing-key-file=${place.file('service-accounts.key')}`,
    '--service-cluster-ip-range=10.96.0.0/16',
    // Pods could be created only after a controller had made the namespace's service account.
    '--disable-admission-plugins=ServiceAccount',
    '--allow-privileged',
    '--v=0',
    ...(options.apiServerFlags ?? []),
  ];
}

function controllerManagerFlags(place: Place, { controllers = ['*'] }: KubeClusterOptions): readonly string[] {
  return [
    `--kubeconfig=${place.file('kubeconfig')}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${place.managerPort}`,
    `--cert-dir=${place.directory}`,
    `--service-account-private-key-file=${place.file('service-accounts.key')}`,
    `--root-ca-file=${place.file('ca.crt')}`,
    '--use-service-account-credentials=false',
    '--leader-elect=false',
    `--controllers=${controllers.join(',')}`,
    '--v=0',
  ];
}

async function becomesReady(name: string, child: RunningProcess, isReady: () => Promise<boolean>): Promise<void> {
  const patience: Patience = { within: 45_000, every: 50 };
  await eventually(async () => {
    if (child.isRunning() && !(await isReady())) throw new Error(`${name} is not ready`);
  }, patience).catch((error: unknown) => {
    throw new Error(`${error instanceof Error ? error.message : String(error)}. It printed:\n${tail(child.output())}`);
  });
  if (child.isRunning()) return;
  throw new Error(`${name} ended (${describeExit(await child.exited)}). It printed:\n${tail(child.output())}`);
}

interface Probe {
  readonly port: number;
  readonly path: string;
  readonly tls?: { readonly ca?: string };
  readonly token?: string;
}

async function isOk({ port, path, tls, token }: Probe): Promise<boolean> {
  const headers: Readonly<Record<string, string>> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const answer = await httpRequest({ port, path, headers, within: 5_000, ...(tls && { tls }) });
  return answer.status === 200;
}

async function kubectl(place: Place, executable: string, args: readonly string[], stdin?: string): Promise<string> {
  // Its own home, so that no cache or configuration of the person who runs the tests plays a part.
  const env = { KUBECONFIG: place.file('kubeconfig'), HOME: place.directory };
  const { code, stdout, stderr } = await runProcess(executable, args, { env, ...(stdin !== undefined && { stdin }) });
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')} failed:\n${stderr}`);
  return stdout;
}

/** Over etcd's JSON gateway: the revision of now from an empty range, then everything before it is dropped. */
async function compact(etcdPort: number): Promise<void> {
  const call = async (path: string, message: unknown): Promise<string> => {
    const answer = await httpRequest({ port: etcdPort, path, method: 'POST', body: JSON.stringify(message) });
    if (answer.status !== 200) throw new Error(`etcd's ${path} answered ${answer.status}: ${answer.body}`);
    return answer.body;
  };
  const revision = /"revision":"(\d+)"/.exec(await call('/v3/kv/range', { key: 'AA==' }))?.[1];
  if (revision === undefined) throw new Error('etcd told no revision');
  await call('/v3/kv/compaction', { revision, physical: true });
}
