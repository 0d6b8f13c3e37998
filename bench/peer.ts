/** What Sluice is compared with: built with Go, where there is Go, and started against the same API server for the same work. */
import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { eventually } from '../test/support/eventually.ts';
import type { KubeCluster } from '../test/support/kube-cluster.ts';
import { freePorts } from '../test/support/ports.ts';
import { runProcess, startProcess, tail } from '../test/support/process.ts';
import { type Contender, type ControlPlane, listens } from './control-plane.ts';
import type { FleetOrder } from './fleet-protocol.ts';

const checkout = resolve(import.meta.dirname, '..');
const tools = resolve(process.env['SLUICE_TOOLS_DIR'] ?? join(checkout, '.tools'));

/** The minimal control plane of bench/yardstick, with whole route tables or with VHDS. */
export function yardstick(routes: 'rds' | 'vhds'): Contender {
  const executable = join(tools, 'bin', 'yardstick');
  return {
    name: `Go yardstick, ${routes.toUpperCase()}`,
    protocols: ['delta'],
    prepare: () => build('yardstick', '.', executable),
    start: async (cluster) => {
      const [port = 0] = await freePorts(1);
      const flags = [
        `--kubeconfig=${cluster.kubeconfig}`,
        `--address=127.0.0.1:${port}`,
        `--vhds=${routes === 'vhds'}`,
      ];
      return foreign(executable, flags, port, 'ads');
    },
  };
}

/** Contour serves each type on a stream of its own; `bench/contour/go.mod` pins its version. */
export function contour(): Contender {
  const executable = join(tools, 'bin', 'contour');
  return {
    name: 'Contour',
    protocols: ['sotw'],
    prepare: () => build('contour', 'github.com/projectcontour/contour/cmd/contour', executable),
    start: async (cluster) => {
      const [port = 0, http = 0, health = 0, debug = 0] = await freePorts(4);
      await declareContour(cluster);
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
      return foreign(executable, flags, port, 'types');
    },
  };
}

async function foreign(
  executable: string,
  flags: readonly string[],
  port: number,
  service: FleetOrder['service'],
): Promise<ControlPlane> {
  const child = await startProcess(executable, flags);
  await listens(port, child.isRunning);
  if (!child.isRunning()) throw new Error(`${executable} ended. It printed:\n${tail(child.output())}`);
  const nothing = (): Promise<undefined> => Promise.resolve(undefined);
  return {
    pid: child.pid,
    port,
    service,
    longestStall: nothing,
    startProfile: nothing,
    stopProfile: nothing,
    stop: async () => {
      await child.stop();
    },
  };
}

/** The custom resources that Contour does not start without, from the sources it was built from. */
async function declareContour(cluster: KubeCluster): Promise<void> {
  const list = ['list', '-m', '-f', '{{.Dir}}', 'github.com/projectcontour/contour'];
  const { code, stdout, stderr } = await runProcess('go', list, { cwd: join(import.meta.dirname, 'contour') });
  if (code !== 0) throw new Error(`go ${list.join(' ')} failed:\n${stderr}`);
  const file = join(stdout.trim(), 'examples', 'contour', '01-crds.yaml');
  await cluster.kubectl(['apply', '--server-side', '-f', file]);
  await cluster.kubectl(['wait', '--for=condition=Established', '-f', file]);
  const kinds = 'httpproxies,tlscertificatedelegations,extensionservices,contourconfigurations,contourdeployments';
  // The API server's discovery, which Contour asks, follows a little later.
  await eventually(() => cluster.kubectl(['get', kinds]), { within: 30_000, every: 500 });
}

/** Builds a package in the Go module of a folder of bench. Takes minutes the first time and nothing when it is up to date. */
async function build(folder: string, target: string, executable: string): Promise<void> {
  await mkdir(dirname(executable), { recursive: true });
  const args = ['build', '-trimpath', '-buildvcs=false', '-ldflags=-s -w', '-o', executable, target];
  const cwd = join(import.meta.dirname, folder);
  const { code, stderr } = await runProcess('go', args, { cwd, within: 20 * 60_000 });
  if (code !== 0) throw new Error(`it cannot be built: \`go ${args.join(' ')}\` says: ${tail(stderr, 5)}`);
}
