/**
 * What is measured of one control plane at one size: cold start, the latency of single changes, churn, memory and stalls.
 */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { KubeCluster } from '../test/support/kube-cluster.ts';
import type { ApiClient } from './api-client.ts';
import { now } from './clock.ts';
import { type Contender, type ControlPlane, cpuMs, memoryMb } from './control-plane.ts';
import { type Fleet, type IdleFleet, launchFleet } from './fleet.ts';
import type { Protocol } from './fleet-protocol.ts';
import { type Summary, summarize } from './statistics.ts';
import { churnPrefix, collections, numberedAddress, type Workload } from './workload.ts';

export interface Testbed {
  readonly cluster: KubeCluster;
  readonly api: ApiClient;
  readonly workload: Workload;
  readonly resultsDirectory: string;
}

export interface Plan {
  readonly protocol: Protocol;
  readonly streams: number;
  readonly repetitions: number;
  /** Endpoint changes a second, for so many seconds; 0 seconds for none. */
  readonly churn: { readonly perSecond: number; readonly seconds: number };
  /** Also write CPU profiles of the start, of the fill and of the changes. */
  readonly profile: boolean;
}

/** Times are in milliseconds. */
export interface Measurement {
  readonly contender: string;
  readonly protocol: Protocol;
  readonly objects: number;
  readonly streams: number;
  /** From the start of the process to a complete snapshot at one client that is already waiting. */
  readonly coldStart: number;
  /** From the first connection to a complete snapshot on every stream. */
  readonly fill: number;
  readonly endpointChange: ChangeCost;
  readonly newIngress: ChangeCost;
  readonly churn: ChurnCost | undefined;
  readonly memoryMb: { readonly resident: number; readonly peak: number };
  /** The longest stall of the event loop: while it started and filled, and during the changes. */
  readonly stall: { readonly start: number | undefined; readonly changes: number | undefined };
}

export interface ChangeCost {
  /** The server's own share: until the first and the last stream, less the arrival at a plain watch of the API server. */
  readonly first: Summary;
  readonly last: Summary;
  /** From the write being sent, the API server's share included. */
  readonly total: Summary;
  /** Each per change, over all streams; CPU of the server and of the simulated Envoys. */
  readonly serverCpuMs: number;
  readonly clientCpuMs: number;
  readonly messages: number;
  readonly bytes: number;
}

export interface ChurnCost {
  readonly perSecond: number;
  readonly seconds: number;
  /** From each write being sent to its state, or a newer one of the same object, at the first stream. */
  readonly latency: Summary;
  readonly serverCpuMs: number;
  readonly messages: number;
  /** Objects whose last state had not arrived ten seconds after the last write. */
  readonly wrong: number;
}

let marks = 0;

export async function measure(contender: Contender, testbed: Testbed, plan: Plan): Promise<Measurement> {
  const { workload } = testbed;
  const label = `${contender.name}-${plan.protocol}-${workload.size}-${plan.streams}`.replaceAll(/[^\w-]+/g, '-');
  const log = (part: string): string => join(testbed.resultsDirectory, `${label}-${part}.log`);
  const profileFile = (part: string): string => join(testbed.resultsDirectory, `${label}-${part}.cpuprofile`);
  const running: { stop(): Promise<void> }[] = [];
  const launch = async (part: string): Promise<IdleFleet> => {
    const idle = await launchFleet(log(part));
    running.push(idle);
    return idle;
  };
  try {
    const idleScout = await launch('scout');
    const startedAt = now();
    const server = await contender.start(testbed.cluster, log('server'), plan.profile);
    running.push(server);
    const complete = { assignments: workload.size, hosts: workload.size };
    const order = { port: server.port, service: server.service, protocol: plan.protocol, complete };
    const scout = await idleScout.open({ ...order, streams: 1 });
    const coldStart = scout.complete.last - startedAt;
    if (plan.profile) await server.stopProfile(profileFile('start'));
    await idleScout.stop();
    const idleFleet = await launch('fleet');
    const profiled = async <T>(part: string, act: () => Promise<T>): Promise<T> => {
      if (plan.profile) await server.startProfile();
      const result = await act();
      if (plan.profile) await server.stopProfile(profileFile(part));
      return result;
    };
    const openedAt = now();
    const fleet = await profiled('fill', () => idleFleet.open({ ...order, streams: plan.streams }));
    const stallOfStart = await server.longestStall();
    const [endpointChange, newIngress] = await profiled(
      'changes',
      async () =>
        [
          await measureChanges(testbed, server, fleet, plan, moveEndpoint),
          await measureChanges(testbed, server, fleet, plan, addIngress),
        ] as const,
    );
    const stallOfChanges = await server.longestStall();
    const churn = plan.churn.seconds === 0 ? undefined : await measureChurn(testbed, server, fleet, plan);
    return {
      contender: contender.name,
      protocol: plan.protocol,
      objects: workload.size,
      streams: plan.streams,
      coldStart,
      fill: fleet.complete.last - openedAt,
      endpointChange,
      newIngress,
      churn,
      memoryMb: await memoryMb(server.pid),
      stall: { start: stallOfStart, changes: stallOfChanges },
    };
  } finally {
    for (const each of running) await each.stop();
  }
}

interface Change {
  readonly collection: string;
  /** A text that the change brings, in the API server's JSON and in what Envoys are sent. */
  readonly marker: string;
  readonly write: () => Promise<void>;
  readonly undo?: () => Promise<void>;
}

function moveEndpoint(workload: Workload, mark: number): Change {
  const address = numberedAddress('10.202.', mark);
  const write = () => workload.moveEndpoint((mark * 37) % workload.size, address);
  return { collection: collections.endpointSlices, marker: address, write };
}

function addIngress(workload: Workload, mark: number): Change {
  const name = `new-${mark}-ingress`;
  const host = `${name}.example.com`;
  const write = () => workload.addIngress(name, host, (mark * 37) % workload.size);
  return { collection: collections.ingresses, marker: host, write, undo: () => workload.removeIngress(name) };
}

async function measureChanges(
  { api, workload }: Testbed,
  server: ControlPlane,
  fleet: Fleet,
  plan: Plan,
  next: (workload: Workload, mark: number) => Change,
): Promise<ChangeCost> {
  const first: number[] = [];
  const last: number[] = [];
  const total: number[] = [];
  const undo: (() => Promise<void>)[] = [];
  const seen = new Watched();
  const endWatch = await api.watch(next(workload, marks).collection, (line, at) => seen.take(line, at));
  const before = { cpu: 0, ...(await fleet.counts()) };
  before.cpu = await cpuMs(server.pid);
  for (let repetition = 0; repetition < plan.repetitions; repetition += 1) {
    // A mark is never used twice, and of a fixed length, so that none is the beginning of another.
    marks += 1;
    const change = next(workload, 10_000 + marks);
    const arrival = fleet.expect(change.marker);
    const watched = seen.arrival(change.marker);
    const sentAt = now();
    const [span, watchedAt] = await Promise.all([arrival, watched, change.write()]);
    first.push(span.first - watchedAt);
    last.push(span.last - watchedAt);
    total.push(span.last - sentAt);
    if (change.undo !== undefined) undo.push(change.undo);
    // Past the settling of the change before, so that each is measured alone.
    await pause(30);
  }
  const cpu = (await cpuMs(server.pid)) - before.cpu;
  const after = await fleet.counts();
  endWatch();
  for (const act of undo) await act();
  const each = (sum: number): number => sum / plan.repetitions;
  return {
    first: summarize(first),
    last: summarize(last),
    total: summarize(total),
    serverCpuMs: each(cpu),
    clientCpuMs: each(after.cpuMs - before.cpuMs),
    messages: each(after.messages - before.messages),
    bytes: each(after.bytes - before.bytes),
  };
}

/** When a text was seen in the events of a watch. */
class Watched {
  readonly #waiting = new Map<string, (at: number) => void>();

  take(line: string, at: number): void {
    for (const [marker, fulfil] of this.#waiting) {
      if (!line.includes(marker)) continue;
      this.#waiting.delete(marker);
      fulfil(at);
    }
  }

  arrival(marker: string): Promise<number> {
    return new Promise((fulfil) => {
      this.#waiting.set(marker, fulfil);
    });
  }
}

interface Write {
  readonly application: number;
  readonly number: number;
  readonly sentAt: number;
}

async function measureChurn(
  { workload }: Testbed,
  server: ControlPlane,
  fleet: Fleet,
  { churn: { perSecond, seconds } }: Plan,
): Promise<ChurnCost> {
  const pending = new Map<number, Write>();
  const latencies: number[] = [];
  const applications = Math.min(workload.size, 500);
  const endFollow = fleet.follow(churnPrefix, (at, numbers) => {
    for (const number of numbers) {
      // Numbers of one application are so many apart; a newer state of it makes up for those that were skipped.
      for (let each = number; each >= 0; each -= applications) {
        const write = pending.get(each);
        if (write !== undefined) latencies.push(at - write.sentAt);
        pending.delete(each);
      }
    }
  });
  const cpuBefore = await cpuMs(server.pid);
  const before = await fleet.counts();
  const startedAt = now();
  const writes: Promise<void>[] = [];
  for (let number = 0; number < perSecond * seconds; number += 1) {
    await pause(Math.max(0, startedAt + (number * 1_000) / perSecond - now()));
    pending.set(number, { application: number % applications, number, sentAt: now() });
    writes.push(workload.moveEndpoint(number % applications, numberedAddress(churnPrefix, number)));
  }
  await Promise.all(writes);
  for (const deadline = now() + 10_000; pending.size > 0 && now() < deadline;) await pause(50);
  const after = await fleet.counts();
  endFollow();
  return {
    perSecond,
    seconds,
    latency: summarize(latencies),
    serverCpuMs: (await cpuMs(server.pid)) - cpuBefore,
    messages: after.messages - before.messages,
    wrong: new Set([...pending.values()].map(({ application }) => application)).size,
  };
}
