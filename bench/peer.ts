/** What Sluice is compared with: built with Go, where there is Go, and started against the same API server for the same work. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { eventually } from '../test/support/eventually.ts';
import type { KubeCluster } from '../test/support/kube-cluster.ts';
import { freePorts } from '../test/support/ports.ts';
import { runProcess, startProcess, tail } from '../test/support/process.ts';
import { type Contender, type ControlPlane, listens } from './control-plane.ts';

const checkout = resolve(import.meta.dirname, '..');
export const tools = resolve(process.env['SLUICE_TOOLS_DIR'] ?? join(checkout, '.tools'));

/** How bench/yardstick serves: whole route tables or virtual hosts, from go-control-plane's LinearCache or from its own index. */
const yardsticks = {
  rds: { name: 'Go yardstick, RDS', flags: [] },
  vhds: { name: 'Go yardstick, VHDS', flags: ['--vhds', '--index'] },
  linear: { name: 'Go yardstick, VHDS on LinearCache', flags: ['--vhds'] },
} as const;

/** The minimal control plane of bench/yardstick. */
export function yardstick(form: keyof typeof yardsticks): Contender {
  const executable = join(tools, 'bin', 'yardstick');
  return {
    name: yardsticks[form].name,
    protocols: ['delta'],
    hostKind: 'Ingress',
    prepare: () => build('yardstick', '.', executable),
    isPrepared: () => isBuilt('yardstick', executable),
    declare: () => Promise.resolve(),
    start: async (cluster, logFile) => {
      const [port = 0] = await freePorts(1);
      const flags = [`--kubeconfig=${cluster.kubeconfig}`, `--address=127.0.0.1:${port}`, ...yardsticks[form].flags];
      return foreign([executable, ...flags], { port, service: 'ads' }, logFile);
    },
  };
}

/** Contour serves each type on a stream of its own; `bench/contour/go.mod` pins its version. */
export function contour(): Contender {
  const executable = join(tools, 'bin', 'contour');
  return {
    name: 'Contour',
    protocols: ['sotw'],
    hostKind: 'Ingress',
    prepare: () => build('contour', 'github.com/projectcontour/contour/cmd/contour', executable),
    isPrepared: () => isBuilt('contour', executable),
    declare: declareContour,
    start: async (cluster, logFile) => {
      const [port = 0, http = 0, health = 0, debug = 0] = await freePorts(4);
      const flags = [
        'serve',
        `--kubeconfig=${cluster.kubeconfig}`,
        '--insecure',
        '--disable-leader-election',
        '--xds-address=127.0.0.1',
        `--xds-port=${port}`,
        '--ingress-class-name=sluice',
        '--stats-address=127.0.0.1',
        '--http-address=127.0.0.1',
        `--http-port=${http}`,
        '--health-address=127.0.0.1',
        `--health-port=${health}`,
        '--debug-http-address=127.0.0.1',
        `--debug-http-port=${debug}`,
      ];
      return foreign([executable, ...flags], { port, service: 'types' }, logFile);
    },
  };
}

/** Starts a program that is not Node, and waits until it listens. */
export async function foreign(
  [executable = '', ...flags]: readonly string[],
  access: ControlPlane['access'],
  logFile: string,
  env: Readonly<Record<string, string>> = {},
): Promise<ControlPlane> {
  const child = await startProcess(executable, flags, { env });
  await listens(access.port, child.isRunning);
  if (!child.isRunning()) throw new Error(`${executable} ended. It printed:\n${tail(child.output())}`);
  const nothing = (): Promise<undefined> => Promise.resolve(undefined);
  return {
    pid: child.pid,
    access,
    longestStall: nothing,
    heldMemory: nothing,
    startProfile: nothing,
    stopProfile: nothing,
    stop: async () => {
      await child.stop();
      await writeFile(logFile, child.output());
    },
  };
}

/** The custom resources that Contour does not start without, from the sources it was built from. */
async function declareContour(cluster: KubeCluster): Promise<void> {
  const file = join(
    await moduleFolder('contour', 'github.com/projectcontour/contour'),
    'examples/contour/01-crds.yaml',
  );
  await applyKinds(cluster, [file]);
}

/** Where Go keeps the sources of a module that a program is built from. */
export async function moduleFolder(folder: string, module: string): Promise<string> {
  const list = ['list', '-m', '-f', '{{.Dir}}', module];
  const { code, stdout, stderr } = await runProcess('go', list, { cwd: join(import.meta.dirname, folder) });
  if (code !== 0) throw new Error(`go ${list.join(' ')} failed:\n${stderr}`);
  return stdout.trim();
}

/** Applies files of custom resource definitions and waits until the API server's discovery, which follows a little later, has them. */
export async function applyKinds(cluster: KubeCluster, files: readonly string[]): Promise<void> {
  const flags = files.flatMap((file) => ['-f', file]);
  await cluster.kubectl(['apply', '--server-side', ...flags]);
  const names = (await cluster.kubectl(['get', 'crd', '-o', 'name'])).trim().split('\n');
  await cluster.kubectl(['wait', '--for=condition=Established', ...names]);
  const kinds = names.map((name) => name.split('/')[1]).join(',');
  await eventually(() => cluster.kubectl(['get', kinds]), { within: 30_000, every: 500 });
}

/** Builds a package in the Go module of a folder of bench. Takes minutes the first time and nothing when it is up to date. */
export async function build(folder: string, target: string, executable: string): Promise<void> {
  if (isBuilt(folder, executable)) return;
  await mkdir(dirname(executable), { recursive: true });
  const args = ['build', '-trimpath', '-buildvcs=false', '-ldflags=-s -w', '-o', executable, target];
  const cwd = join(import.meta.dirname, folder);
  const { code, stderr } = await runProcess('go', args, { cwd, env: { CGO_ENABLED: '0' }, within: 30 * 60_000 });
  if (code !== 0) throw new Error(`it cannot be built: \`go ${args.join(' ')}\` says: ${tail(stderr, 5)}`);
  await writeFile(`${executable}.stamp`, stampOf(folder));
}

export function isBuilt(folder: string, executable: string): boolean {
  const stamp = `${executable}.stamp`;
  return existsSync(executable) && existsSync(stamp) && readFileSync(stamp, 'utf8') === stampOf(folder);
}

/** Of what a folder's program is built from, but for the compiler. */
function stampOf(folder: string): string {
  const directory = join(import.meta.dirname, folder);
  const hash = createHash('sha256');
  for (const name of readdirSync(directory).toSorted()) hash.update(name).update(readFileSync(join(directory, name)));
  return hash.digest('hex');
}
