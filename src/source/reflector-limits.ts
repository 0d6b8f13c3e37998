// How patient a reflector is, and how much it takes. Tests give others than the defaults.

/** All times in milliseconds. */
export interface ReflectorLimits {
  /** Lists of one reflector begin at least this far apart. */
  readonly listIntervalMs: number;
  /** A long list makes the next one wait three times as long as it took, up to this. */
  readonly listIntervalCapMs: number;
  readonly backoffFirstMs: number;
  readonly backoffCapMs: number;
  /** A watch that lived this long counts as healthy: the backoff starts anew. */
  readonly stableMs: number;
  /** The longest that a Retry-After of the server is obeyed. */
  readonly retryAfterCapMs: number;
  /** Between two attempts at what the server forbids: only an administrator can change that. */
  readonly forbiddenMs: number;
  readonly watch: {
    /** Where PINGs find out that the other end is gone. */
    readonly pinged: WatchLimits;
    /** Where nothing but a short watch does. */
    readonly silent: WatchLimits;
    /** The more reflectors there are, the longer their watches, so that all together make no more requests. */
    readonly perReflectorMs: number;
  };
  /** Silence after which a list is taken for dead: at first, then twice as long each time, up to the second. */
  readonly listSilence: { readonly firstMs: number; readonly capMs: number };
  /** After so many failures in a row a new list is made: the version may be what the server fails at. */
  readonly watchAttempts: number;
  /** A page beyond this size is given up and a smaller one asked for. */
  readonly maxPageBytes: number;
  /** A list that could not be had in pages may be so large. */
  readonly maxListBytes: number;
  readonly maxLineBytes: number;
}

export interface WatchLimits {
  /** The server ends a watch after this time, less up to a fifth. */
  readonly watchMs: number;
  /** Silence after which a watch is taken for dead, on top of the time after which the server should have ended it. */
  readonly graceMs: number;
}

export const defaultReflectorLimits: ReflectorLimits = {
  listIntervalMs: 1_000,
  listIntervalCapMs: 4_000,
  backoffFirstMs: 200,
  backoffCapMs: 2_000,
  stableMs: 2_000,
  retryAfterCapMs: 120_000,
  forbiddenMs: 4_000,
  watch: {
    pinged: { watchMs: 30_000, graceMs: 5_000 },
    silent: { watchMs: 3_000, graceMs: 1_500 },
    perReflectorMs: 500,
  },
  listSilence: { firstMs: 5_000, capMs: 60_000 },
  watchAttempts: 3,
  maxPageBytes: 64 * 1024 * 1024,
  maxListBytes: 384 * 1024 * 1024,
  maxLineBytes: 16 * 1024 * 1024,
};
