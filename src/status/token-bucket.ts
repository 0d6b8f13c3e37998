// Limits how often something is done: at once up to the burst, then at a steady rate.

import type { Timing } from '../source/timing.ts';

export interface TokenBucketLimits {
  readonly perSecond: number;
  readonly burst: number;
}

export class TokenBucket {
  readonly #limits: TokenBucketLimits;
  readonly #timing: Timing;
  #tokens: number;
  #countedAt: number;

  constructor(limits: TokenBucketLimits, timing: Timing) {
    this.#limits = limits;
    this.#timing = timing;
    this.#tokens = limits.burst;
    this.#countedAt = timing.now();
  }

  /** Takes a token if there is one, and answers how many milliseconds to wait if not: 0 means taken. */
  take(): number {
    const { perSecond, burst } = this.#limits;
    const now = this.#timing.now();
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#countedAt) * perSecond) / 1_000);
    this.#countedAt = now;
    // A rounding error must not make somebody wait who waited as long as told.
    if (this.#tokens < 1 - 1e-6) return ((1 - this.#tokens) * 1_000) / perSecond;
    this.#tokens -= 1;
    return 0;
  }

  /** What a token was taken for did not happen. */
  giveBack(): void {
    this.#tokens += 1;
  }

  /** True when nobody who asks now could tell it from a new one. */
  isFull(): boolean {
    const { perSecond, burst } = this.#limits;
    return this.#tokens + ((this.#timing.now() - this.#countedAt) * perSecond) / 1_000 >= burst;
  }
}
