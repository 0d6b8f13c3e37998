/** What the harness asks of a control plane that it measures, and Sluice as one; bench/peer.ts has those it is compared with. */
import { existsSync } from 'node:fs';
import { access, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { eventually } from '../test/support/eventually.ts';
import type { KubeCluster } from '../test/support/kube-cluster.ts';
import { freePorts } from '../test/support/ports.ts';
import { type Child, startChild } from './child.ts';
import type { FleetOrder } from './fleet-protocol.ts';
import type { HostKind } from './workload.ts';

/** What `--profile` and `--heap` ask for. */
export type ProfileKind = 'cpu' | 'heap';

export type ToProbe =
  | { readonly kind: 'stall' | 'memory' }
  /** A heap profile is of what is still held at its end, or of all that was allocated. */
  | { readonly kind: 'start-profile'; readonly of: ProfileKind; readonly scope: ProfileScope }
  | { readonly kind: 'stop-profile'; readonly file: string };

export type ProfileScope = 'held' | 'allocated';

export type FromProbe =
  | { readonly kind: 'stall'; readonly longestMs: number }
  | { readonly kind: 'memory'; readonly heldMb: HeldMemory }
  | { readonly kind: 'profile' };

/** In megabytes, after a garbage collection; `external` is what lies outside of the heap of JavaScript, such as buffers. */
export interface HeldMemory {
  readonly heap: number;
  readonly external: number;
  readonly resident: number;
}

/** Of one that is not Node, all figures are undefined and profiles are not taken. */
export interface ControlPlane {
  readonly pid: number;
  /** What the Envoys need to know of it. */
  readonly access: Pick<FleetOrder, 'port' | 'service' | 'tls' | 'nodeCluster'>;
  /** The longest stall of the event loop since the last call, in milliseconds. */
  longestStall(): Promise<number | undefined>;
  heldMemory(): Promise<HeldMemory | undefined>;
  startProfile(kind: ProfileKind, scope: ProfileScope): Promise<void>;
  stopProfile(file: string): Promise<void>;
  stop(): Promise<void>;
}

export interface Contender {
  readonly name: string;
  readonly protocols: readonly FleetOrder['protocol'][];
  readonly hostKind: HostKind;
  /** To be called before the first start. Throws when it cannot take part here, with the reason. */
  prepare(): Promise<void>;
  /** Whether `prepare` has nothing left to build. */
  isPrepared(): boolean;
  /** What must be in the cluster before it starts. */
  declare(cluster: KubeCluster): Promise<void>;
  /** With `profiled`, a profile of the start is under way, where that is possible; stopProfile ends it. */
  start(cluster: KubeCluster, logFile: string, profiled?: ProfileKind): Promise<ControlPlane>;
}

/** `main` is the built program. */
export function sluice(main: string): Contender {
  return {
    name: 'Sluice',
    protocols: ['delta', 'sotw'],
    hostKind: 'Ingress',
    prepare: () => access(main),
    isPrepared: () => existsSync(main),
    declare: () => Promise.resolve(),
    async start(cluster, logFile, profiled) {
      const probe = pathToFileURL(join(import.meta.dirname, 'probe.js'));
      if (profiled !== undefined) probe.search = `?${profiled}`;
      const [port = 0, adminPort = 0] = await freePorts(2);
      const flags = [
        `--kubeconfig=${cluster.kubeconfig}`,
        `--xds-address=127.0.0.1:${port}`,
        `--admin-address=127.0.0.1:${adminPort}`,
        '--log-format=json',
      ];
      const child = await startChild<ToProbe, FromProbe>([`--import=${probe.href}`, main, 'serve', ...flags], logFile);
      await listens(port);
      return { pid: child.pid, access: { port, service: 'ads' }, ...probed(child), stop: () => child.stop() };
    },
  };
}

function probed(child: Child<ToProbe, FromProbe>): Omit<ControlPlane, 'pid' | 'access' | 'stop'> {
  const profileAnswer = async (): Promise<void> => {
    await child.next('profile', 60_000, (message) => message.kind === 'profile' || undefined);
  };
  return {
    longestStall: () => {
      child.tell({ kind: 'stall' });
      return child.next('stall', 60_000, (message) => (message.kind === 'stall' ? message.longestMs : undefined));
    },
    heldMemory: () => {
      child.tell({ kind: 'memory' });
      return child.next('memory', 60_000, (message) => (message.kind === 'memory' ? message.heldMb : undefined));
    },
    startProfile: (of, scope) => {
      child.tell({ kind: 'start-profile', of, scope });
      return profileAnswer();
    },
    stopProfile: (file) => {
      child.tell({ kind: 'stop-profile', file });
      return profileAnswer();
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
