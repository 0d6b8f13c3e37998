/** A steady stream of endpoint changes: how late each one is, and whether the last state of every object arrives everywhere. */
import { setTimeout as pause } from 'node:timers/promises';
import { now } from './clock.ts';
import { cpuMs } from './control-plane.ts';
import type { Sighting } from './fleet-protocol.ts';
import { type Summary, summarize } from './statistics.ts';
import type { Subject, Testbed } from './testbed.ts';
import { churnPrefix, numberedAddress } from './workload.ts';

/** Endpoint changes a second, for so many seconds; 0 seconds for none. */
export interface ChurnPlan {
  readonly perSecond: number;
  readonly seconds: number;
}

export interface ChurnCost extends ChurnPlan {
  /** From each write being sent to its state, or a newer one of the same object, at the first stream. */
  readonly latency: Summary;
  readonly serverCpuMs: number;
  readonly messages: number;
  readonly bytes: number;
  /** From the last write to the last state that arrived. */
  readonly behindMs: number;
  /** Objects whose last state had not arrived ten seconds after the last write. */
  readonly wrong: number;
  /** Streams that hold something else than the first when all is over. */
  readonly differing: number;
}

const patienceMs = 10_000;

/**
 * Where the numbers of the next churn begin: one that set the addresses that the last one left behind would change nothing. All are
 * multiples of the number of applications.
 */
let nextNumber = 0;
const numbers = 65_000;

function takeNumbers(count: number): number {
  const begin = nextNumber + count > numbers ? 0 : nextNumber;
  nextNumber = begin + Math.ceil(count / 500) * 500;
  return begin;
}

export async function measureChurn(
  { workload }: Testbed,
  { server, fleet }: Subject,
  { perSecond, seconds }: ChurnPlan,
): Promise<ChurnCost> {
  const ledger = new Ledger(Math.min(workload.size, 500));
  const endFollow = fleet.follow(churnPrefix, (at, seen) => {
    for (const sighting of seen) ledger.arrived(sighting, at);
  });
  const cpuBefore = await cpuMs(server.pid);
  const before = await fleet.counts();
  const startedAt = now();
  const writes: Promise<void>[] = [];
  const begin = takeNumbers(perSecond * seconds);
  for (let i = 0; i < perSecond * seconds; i += 1) {
    const number = begin + i;
    await pause(Math.max(0, startedAt + (i * 1_000) / perSecond - now()));
    writes.push(workload.moveEndpoint(ledger.sent(number), numberedAddress(churnPrefix, number)));
  }
  await Promise.all(writes);
  const lastWriteAt = now();
  while (ledger.isWaiting && now() < lastWriteAt + patienceMs) await pause(50);
  // For the other streams, which may be some milliseconds behind the first.
  await pause(500);
  const after = await fleet.counts();
  endFollow();
  return {
    perSecond,
    seconds,
    latency: summarize(ledger.latencies),
    serverCpuMs: (await cpuMs(server.pid)) - cpuBefore,
    messages: after.messages - before.messages,
    bytes: after.bytes - before.bytes,
    behindMs: Math.max(0, ledger.lastArrival - lastWriteAt),
    wrong: ledger.wrong(),
    differing: (await fleet.audit()).differing,
  };
}

/** Change number n is of application n modulo their number, so those of one application are so many apart. */
export class Ledger {
  readonly #applications: number;
  /** When each change that has not arrived was sent. */
  readonly #pending = new Map<number, number>();
  readonly #misplaced = new Set<number>();
  readonly latencies: number[] = [];
  lastArrival = 0;

  constructor(applications: number) {
    this.#applications = applications;
  }

  get isWaiting(): boolean {
    return this.#pending.size > 0;
  }

  /** Notes the change as sent now and answers its application. */
  sent(number: number): number {
    this.#pending.set(number, now());
    return number % this.#applications;
  }

  arrived({ name, number }: Sighting, at: number): void {
    const application = number % this.#applications;
    if (!new RegExp(`\\bapp-${application}\\b`).test(name)) {
      this.#misplaced.add(application);
      return;
    }
    this.lastArrival = at;
    // A newer state makes up for those of the same application that were skipped.
    for (let each = number; each >= 0; each -= this.#applications) {
      const sentAt = this.#pending.get(each);
      if (sentAt === undefined) continue;
      this.latencies.push(at - sentAt);
      this.#pending.delete(each);
    }
  }

  /** How many applications' last state has not arrived, or arrived in the load assignment of another. */
  wrong(): number {
    const waiting = [...this.#pending.keys()].map((number) => number % this.#applications);
    return new Set([...waiting, ...this.#misplaced]).size;
  }
}
