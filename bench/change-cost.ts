/** What single changes cost: how long until the first and the last Envoy has it, and what that takes. */
import { setTimeout as pause } from 'node:timers/promises';
import { now } from './clock.ts';
import { cpuMs } from './control-plane.ts';
import { type Summary, summarize } from './statistics.ts';
import type { Subject, Testbed } from './testbed.ts';
import { collections, numberedAddress, type Workload } from './workload.ts';

/** Times are in milliseconds. */
export interface ChangeCost {
  /** How many were made, one after the other. */
  readonly changes: number;
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

export interface Change {
  readonly collection: string;
  /** A text that the change brings, in the API server's JSON and in what Envoys are sent. */
  readonly marker: string;
  readonly write: () => Promise<void>;
  readonly undo?: () => Promise<void>;
}

type ChangeKind = (workload: Workload, mark: number) => Change;

/** After so long no more changes are begun, however few they were: some control planes need seconds for each. */
const patienceMs = 45_000;

/** A mark is never used twice, and of a fixed length, so that none is the beginning of another. */
let marks = 10_000;

export function nextChange(workload: Workload, kind: ChangeKind): Change {
  marks += 1;
  return kind(workload, marks);
}

export function moveEndpoint(workload: Workload, mark: number): Change {
  const address = numberedAddress('10.202.', mark);
  const write = () => workload.moveEndpoint((mark * 37) % workload.size, address);
  return { collection: collections.endpointSlices, marker: address, write };
}

export function addIngress(workload: Workload, mark: number): Change {
  const name = `new-${mark}-ingress`;
  const host = `${name}.example.com`;
  const write = () => workload.addHost(name, host, (mark * 37) % workload.size);
  return { collection: workload.hostCollection, marker: host, write, undo: () => workload.removeHost(name) };
}

export async function measureChanges(
  { api, workload }: Testbed,
  { server, fleet }: Subject,
  repetitions: number,
  kind: ChangeKind,
): Promise<ChangeCost> {
  const first: number[] = [];
  const last: number[] = [];
  const total: number[] = [];
  const undo: (() => Promise<void>)[] = [];
  const seen = new Watched();
  const endWatch = await api.watch(kind(workload, 0).collection, (line, at) => seen.take(line, at));
  const before = await fleet.counts();
  const cpuBefore = await cpuMs(server.pid);
  const deadline = now() + patienceMs;
  while (total.length < repetitions && now() < deadline) {
    const change = nextChange(workload, kind);
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
  const cpu = (await cpuMs(server.pid)) - cpuBefore;
  const after = await fleet.counts();
  endWatch();
  for (const act of undo) await act();
  const each = (sum: number): number => sum / total.length;
  return {
    changes: total.length,
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
