/** A fleet of simulated Envoys, as the harness sees it. */
import { join } from 'node:path';
import { type Child, startChild } from './child.ts';
import type {
  Arrival,
  FleetAudit,
  FleetCounts,
  FleetOrder,
  FromFleet,
  Sighting,
  StreamRange,
  ToFleet,
} from './fleet-protocol.ts';

export interface Span {
  /** When the first and the last stream had it, on the monotonic clock in milliseconds. */
  readonly first: number;
  readonly last: number;
}

/** Whatever is waited for throws when a stream fails meanwhile. */
export interface Fleet {
  /** When all have a complete snapshot. */
  readonly complete: Span;
  /** To be called before the write: fulfilled when every stream has been sent the text, in a version that is new to it. */
  expect(marker: string, within?: number): Promise<Arrival>;
  /** Reports the numbers in load assignments of the first stream, see `follow` of the protocol. */
  follow(prefix: string, take: (at: number, seen: readonly Sighting[]) => void): () => void;
  /** Closes connections without a word. */
  drop(range: StreamRange): Promise<void>;
  /** Connects streams again with what they hold. It is said, and no more: `expect` tells what reaches them. */
  resume(range: StreamRange): void;
  /** Connects streams again as new ones, and waits until all of them have everything. */
  renew(range: StreamRange): Promise<Span>;
  counts(): Promise<FleetCounts>;
  audit(): Promise<FleetAudit>;
}

/** A process without streams yet, so that its own start is not measured. */
export interface IdleFleet {
  /** Opens all streams and waits until all of them have everything. */
  open(order: FleetOrder): Promise<Fleet>;
  stop(): Promise<void>;
}

const snapshotWithin = 240_000;

export async function launchFleet(logFile: string): Promise<IdleFleet> {
  const args = [
    '--max-old-space-size=8192',
    '--import',
    join(import.meta.dirname, 'loader.js'),
    join(import.meta.dirname, 'clients.ts'),
  ];
  const child = await startChild<ToFleet, FromFleet>(args, logFile);
  await child.next('ready', 10_000, (message) => message.kind === 'ready' || undefined);
  return { open: (order) => openFleet(child, order), stop: () => child.stop() };
}

async function openFleet(child: Child<ToFleet, FromFleet>, order: FleetOrder): Promise<Fleet> {
  const failures: string[] = [];
  child.listen((message) => {
    if (message.kind === 'failed') failures.push(message.message);
  });
  /* oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- it is what the callback takes */
  const next = async <T>(what: string, within: number, pick: (message: FromFleet) => T | undefined): Promise<T> => {
    const outcome = await child.next(what, within, (message) =>
      message.kind === 'failed' ? { failed: message.message } : wrapped(pick(message)),
    );
    if ('failed' in outcome) throw new Error(`a simulated Envoy failed: ${outcome.failed}`);
    if (failures[0] !== undefined) throw new Error(`a simulated Envoy failed: ${failures[0]}`);
    return outcome.picked;
  };
  const completion = () =>
    next('complete snapshot', snapshotWithin, (message) => (message.kind === 'complete' ? message : undefined));
  child.tell({ kind: 'open', order });
  const complete = await completion();
  return {
    complete,
    expect: (marker, within = 60_000) => {
      child.tell({ kind: 'expect', marker });
      return next(`arrival of ${marker}`, within, (message) =>
        message.kind === 'arrived' && message.marker === marker ? message : undefined,
      );
    },
    follow: (prefix, take) => {
      child.tell({ kind: 'follow', prefix });
      const end = child.listen((message) => {
        if (message.kind === 'followed') take(message.at, message.seen);
      });
      return () => {
        child.tell({ kind: 'follow', prefix: '' });
        end();
      };
    },
    drop: async (range) => {
      child.tell({ kind: 'drop', ...range });
      await next('drop', 60_000, (message) => message.kind === 'dropped' || undefined);
    },
    resume: (range) => child.tell({ kind: 'connect', resume: true, ...range }),
    renew: (range) => {
      child.tell({ kind: 'connect', resume: false, ...range });
      return completion();
    },
    counts: () => {
      child.tell({ kind: 'count' });
      return next('counts', 60_000, (message) => (message.kind === 'counts' ? message.counts : undefined));
    },
    audit: () => {
      child.tell({ kind: 'audit' });
      return next('audit', 60_000, (message) => (message.kind === 'audited' ? message.audit : undefined));
    },
  };
}

function wrapped<T>(picked: T | undefined): { readonly picked: T } | undefined {
  return picked === undefined ? undefined : { picked };
}
