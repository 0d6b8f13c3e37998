/** A fleet of simulated Envoys, as the harness sees it. */
import { join } from 'node:path';
import { type Child, startChild } from './child.ts';
import type { FleetCounts, FleetOrder, FromFleet, ToFleet } from './fleet-protocol.ts';

export interface Span {
  /** When the first and the last stream had it, on the monotonic clock in milliseconds. */
  readonly first: number;
  readonly last: number;
}

export interface Fleet {
  /** When all have a complete snapshot. */
  readonly complete: Span;
  /** To be called before the write: fulfilled when every stream has been sent the text. */
  expect(marker: string, within?: number): Promise<Span>;
  /** Reports the numbers in load assignments of the first stream, see `follow` of the protocol. */
  follow(prefix: string, take: (at: number, numbers: readonly number[]) => void): () => void;
  counts(): Promise<FleetCounts>;
}

/** A process without streams yet, so that its own start is not measured. */
export interface IdleFleet {
  /** Opens all streams and waits until all of them have everything. Throws when a stream fails meanwhile. */
  open(order: FleetOrder): Promise<Fleet>;
  stop(): Promise<void>;
}

export async function launchFleet(logFile: string): Promise<IdleFleet> {
  const args = ['--import', join(import.meta.dirname, 'loader.js'), join(import.meta.dirname, 'clients.ts')];
  const child = await startChild<ToFleet, FromFleet>(args, logFile);
  await child.next('ready', 10_000, (message) => message.kind === 'ready' || undefined);
  return { open: (order) => openFleet(child, order), stop: () => child.stop() };
}

async function openFleet(child: Child<ToFleet, FromFleet>, order: FleetOrder): Promise<Fleet> {
  child.tell({ kind: 'open', order });
  const outcome = await child.next('complete snapshot', 180_000, (message) =>
    message.kind === 'complete' || message.kind === 'failed' ? message : undefined,
  );
  if (outcome.kind === 'failed') throw new Error(`a simulated Envoy failed: ${outcome.message}`);
  return {
    complete: outcome,
    expect: (marker, within = 60_000) => {
      child.tell({ kind: 'expect', marker });
      return child.next(`arrival of ${marker}`, within, (message) =>
        message.kind === 'arrived' && message.marker === marker ? message : undefined,
      );
    },
    follow: (prefix, take) => {
      child.tell({ kind: 'follow', prefix });
      const end = child.listen((message) => {
        if (message.kind === 'followed') take(message.at, message.numbers);
      });
      return () => {
        child.tell({ kind: 'follow', prefix: '' });
        end();
      };
    },
    counts: () => {
      child.tell({ kind: 'count' });
      return child.next('counts', 30_000, (message) => (message.kind === 'counts' ? message.counts : undefined));
    },
  };
}
