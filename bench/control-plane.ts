/** What the harness asks of a control plane that it measures, and Sluice as one; bench/peer.ts has those it is compared with. */
import { access, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { eventually } from '../test/support/eventually.ts';
import type { KubeCluster } from '../test/support/kube-cluster.ts';
import { freePorts } from '../test/support/ports.ts';
import { startChild } from './child.ts';
import type { FleetOrder } from './fleet-protocol.ts';

export type ToProbe =
  { readonly kind: 'stall' | 'start-profile' } | { readonly kind: 'stop-profile'; readonly file: string };

export type FromProbe = { readonly kind: 'stall'; readonly longestMs: number } | { readonly kind: 'profile' };

export interface ControlPlane {
  readonly pid: number;
  readonly port: number;
  readonly service: FleetOrder['service'];
  /** The longest stall of the event loop since the last call, in milliseconds; undefined where there is no event loop. */
  longestStall(): Promise<number | undefined>;
  startProfile(): Promise<void>;
  stopProfile(file: string): Promise<void>;
  stop(): Promise<void>;
}

export interface Contender {
  readonly name: string;
  readonly protocols: readonly FleetOrder['protocol'][];
  /** To be called before the first start. Throws when it cannot take part here, with the reason. */
  prepare(): Promise<void>;
  /** With `profiled`, a CPU profile of the start is under way, where that is possible; stopProfile ends it. */
  start(cluster: KubeCluster, logFile: string, profiled: boolean): Promise<ControlPlane>;
}

/** `main` is the built program. */
export function sluice(main: string): Contender {
  return {
    name: 'Sluice',
    protocols: ['delta', 'sotw'],
    prepare: () => access(main),
    async start(cluster, logFile, profiled) {
      const probe = pathToFileURL(join(import.meta.dirname, 'probe.js'));
      if (profiled) probe.search = '?profile';
      const [port = 0, adminPort = 0] = await freePorts(2);
      const child = await startChild<ToProbe, FromProbe>(
        [
          `--import=${probe.href}`,
          main,
          'serve',
          `--kubeconfig=${cluster.kubeconfig}`,
          `--xds-address=127.0.0.1:${port}`,
          `--admin-address=127.0.0.1:${adminPort}`,
          '--log-format=json',
        ],
        logFile,
      );
      const answered = () => child.next('profile', 30_000, (message) => message.kind === 'profile' || undefined);
      await listens(port);
      return {
        pid: child.pid,
        port,
        service: 'ads',
        longestStall: () => {
          child.tell({ kind: 'stall' });
          return child.next('stall', 30_000, (message) => (message.kind === 'stall' ? message.longestMs : undefined));
        },
        startProfile: async () => {
          child.tell({ kind: 'start-profile' });
          await answered();
        },
        stopProfile: async (file) => {
          child.tell({ kind: 'stop-profile', file });
          await answered();
        },
        stop: () => child.stop(),
      };
    },
  };
}

/** Looks at the kernel's list instead of connecting, which would be one more client of the server. */
export async function listens(port: number, isRunning: () => boolean = () => true): Promise<void> {
  const listening = new RegExp(`:${port.toString(16).toUpperCase().padStart(4, '0')} \\S+ 0A `);
  await eventually(
    async () => {
      if (!isRunning()) return;
      const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8')));
      if (!tables.some((table) => listening.test(table))) throw new Error(`nothing listens on port ${port}`);
    },
    { within: 60_000, every: 10 },
  );
}

/** CPU time of all threads of a process, in milliseconds, from the scheduler's nanoseconds. */
export async function cpuMs(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`);
  const times = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').catch(() => '0')),
  );
  return times.reduce((sum, text) => sum + Number(text.split(' ')[0]) / 1e6, 0);
}

/** Resident memory of a process in megabytes: now and at its highest. */
export async function memoryMb(pid: number): Promise<{ readonly resident: number; readonly peak: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const read = (field: string): number =>
    Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1_024);
  return { resident: read('VmRSS'), peak: read('VmHWM') };
}
