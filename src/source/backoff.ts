// How long to wait before the next attempt at something that failed.

import type { Timing } from './timing.ts';

export interface BackoffLimits {
  /** Upper bound of the first wait, in milliseconds; it doubles with each failure. */
  readonly firstMs: number;
  /** Upper bound of every wait, in milliseconds. */
  readonly capMs: number;
}

/** The exponent stops mattering far below this; it keeps the arithmetic finite after a million failures. */
const maxExponent = 30;

/**
 * Capped exponential backoff: a wait is random between half its bound and the bound, so that replicas that failed
 * together do not come back together, and none comes back at once.
 */
export class Backoff {
  readonly #limits: BackoffLimits;
  readonly #timing: Timing;
  #failures = 0;

  constructor(limits: BackoffLimits, timing: Timing) {
    this.#limits = limits;
    this.#timing = timing;
  }

  /** Failures since the last reset. */
  get failures(): number {
    return this.#failures;
  }

  /** Counts a failure and tells how many milliseconds to wait after it. */
  fail(): number {
    const bound = Math.min(this.#limits.capMs, this.#limits.firstMs * 2 ** Math.min(this.#failures, maxExponent));
    this.#failures += 1;
    return ((1 + this.#timing.random()) / 2) * bound;
  }

  /** To be called only after a stable period: a server that accepts and then fails at once must not be hammered. */
  reset(): void {
    this.#failures = 0;
  }
}
