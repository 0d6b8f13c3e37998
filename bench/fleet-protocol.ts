/** What the harness and the process that holds the simulated Envoys tell each other. */

export type Protocol = 'delta' | 'sotw';

export interface FleetOrder {
  readonly port: number;
  readonly streams: number;
  readonly protocol: Protocol;
  /** `types` is for servers without ADS: a stream for each type over the same connection. */
  readonly service: 'ads' | 'types';
  /** What a complete snapshot has at least. */
  readonly complete: { readonly assignments: number; readonly hosts: number };
}

export type ToFleet =
  | { readonly kind: 'open'; readonly order: FleetOrder }
  /** Report when a response with this text has reached the first and the last stream. */
  | { readonly kind: 'expect'; readonly marker: string }
  /** Report every number n of `<prefix>a.b` in load assignments of the first stream, n = 256 a + b; an empty prefix ends it. */
  | { readonly kind: 'follow'; readonly prefix: string }
  | { readonly kind: 'count' };

/** Times are those of the monotonic clock in milliseconds. */
export type FromFleet =
  | { readonly kind: 'ready' }
  /** All streams have a complete snapshot. */
  | { readonly kind: 'complete'; readonly first: number; readonly last: number }
  | { readonly kind: 'arrived'; readonly marker: string; readonly first: number; readonly last: number }
  | { readonly kind: 'followed'; readonly at: number; readonly numbers: readonly number[] }
  | { readonly kind: 'counts'; readonly counts: FleetCounts }
  | { readonly kind: 'failed'; readonly message: string };

/** Since the fleet was opened, over all streams. */
export interface FleetCounts {
  readonly messages: number;
  /** Of discovery responses, without the framing of gRPC and HTTP/2. */
  readonly bytes: number;
  /** CPU time of the process that holds the fleet. */
  readonly cpuMs: number;
}
