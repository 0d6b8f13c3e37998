/** What the harness and the process that holds the simulated Envoys tell each other. */

export type Protocol = 'delta' | 'sotw';

export interface FleetOrder {
  readonly port: number;
  readonly streams: number;
  readonly protocol: Protocol;
  /** `types` is for servers without ADS: a stream for each type over the same connection. */
  readonly service: 'ads' | 'types';
  /** In PEM, for a server that wants mutual TLS. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string; readonly servername: string };
  /** The cluster of the node, for a server that looks at it. */
  readonly nodeCluster?: string;
  /** What a complete snapshot has at least. */
  readonly complete: { readonly assignments: number; readonly hosts: number };
}

/** Streams `from` up to, but not including, `to`. */
export interface StreamRange {
  readonly from: number;
  readonly to: number;
}

export type ToFleet =
  | { readonly kind: 'open'; readonly order: FleetOrder }
  /** Report when a resource with this text has reached the first and the last stream. */
  | { readonly kind: 'expect'; readonly marker: string }
  /** Report every number n of `<prefix>a.b` in load assignments of the first stream, n = 256 a + b; an empty prefix ends it. */
  | { readonly kind: 'follow'; readonly prefix: string }
  | ({ readonly kind: 'drop' } & StreamRange)
  /** Connects again all at once, as Envoys that come back with what they hold or as new ones. */
  | ({ readonly kind: 'connect'; readonly resume: boolean } & StreamRange)
  | { readonly kind: 'count' }
  | { readonly kind: 'audit' };

/** Times are those of the monotonic clock in milliseconds. */
export type FromFleet =
  | { readonly kind: 'ready' }
  /** All streams that were opened, or that came back as new ones, have a complete snapshot. */
  | { readonly kind: 'complete'; readonly first: number; readonly last: number }
  | ({ readonly kind: 'arrived'; readonly marker: string } & Arrival)
  | { readonly kind: 'followed'; readonly at: number; readonly seen: readonly Sighting[] }
  | { readonly kind: 'dropped' }
  | { readonly kind: 'counts'; readonly counts: FleetCounts }
  | { readonly kind: 'audited'; readonly audit: FleetAudit }
  | { readonly kind: 'failed'; readonly message: string };

export interface Arrival {
  readonly first: number;
  readonly last: number;
  /** The resource that brought it; streams that were sent different ones fail. */
  readonly name: string;
  readonly version: string;
}

/** A number that was followed, and the load assignment it was in. */
export interface Sighting {
  readonly name: string;
  readonly number: number;
}

/** Since the fleet was opened, over all streams. */
export interface FleetCounts {
  readonly messages: number;
  /** Of discovery responses, without the framing of gRPC and HTTP/2. */
  readonly bytes: number;
  /** CPU time of the process that holds the fleet. */
  readonly cpuMs: number;
}

export interface FleetAudit {
  /** Resources that the first stream holds. */
  readonly resources: number;
  /** Streams that hold other names than the first or, in delta, other versions. */
  readonly differing: number;
}
