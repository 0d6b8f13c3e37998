// Does writes to the API server one key at a time, a few at once, never faster than the server and its operator like.
// A key that is added again while it waits is written once, in its newest state; what fails is tried again ever later.

import { ApiFailure } from '../source/api-client.ts';
import { Backoff, type BackoffLimits } from '../source/backoff.ts';
import type { Timing } from '../source/timing.ts';
import { TokenBucket, type TokenBucketLimits } from './token-bucket.ts';

export interface WriteLimits extends TokenBucketLimits {
  /** Writes that are under way at the same time. */
  readonly concurrency: number;
  /** The server cannot be reached, fails or asks for patience: nothing is written meanwhile. */
  readonly outage: BackoffLimits;
  /** The server does not allow it: nothing of the same scope is written meanwhile. */
  readonly denial: BackoffLimits;
  /** The server refuses this one. */
  readonly refusal: BackoffLimits;
  /** The longest that a Retry-After of the server is obeyed, in milliseconds. */
  readonly retryAfterCapMs: number;
}

export interface WriteQueueOptions {
  /** Writes what the key needs now, if anything. Rejects with an ApiFailure. */
  readonly write: (key: string, signal: AbortSignal) => Promise<void>;
  /** What rights are granted for: the namespace. */
  readonly scopeOf: (key: string) => string;
  /** Nothing is begun while this says false. */
  readonly isOpen: () => boolean;
  readonly limits: WriteLimits;
  readonly timing: Timing;
  readonly observe: (failure: ApiFailure, key: string) => void;
  /** A mistake in this program. */
  readonly fail: (error: unknown) => void;
}

interface Denial {
  readonly backoff: Backoff;
  until: number;
}

export class WriteQueue {
  readonly #options: WriteQueueOptions;
  readonly #bucket: TokenBucket;
  readonly #outage: Backoff;
  readonly #denials = new Map<string, Denial>();
  readonly #refusals = new Map<string, Backoff>();
  /** In the order in which they came. */
  readonly #waiting = new Set<string>();
  readonly #later = new Map<string, () => void>();
  readonly #running = new Map<string, Promise<void>>();
  #ending = new AbortController();
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #cancelWake: (() => void) | undefined;

  constructor(options: WriteQueueOptions) {
    this.#options = options;
    this.#bucket = new TokenBucket(options.limits, options.timing);
    this.#outage = new Backoff(options.limits.outage, options.timing);
  }

  /** Keys that are to be written now; those that wait for their time are not counted. */
  get size(): number {
    return this.#waiting.size + this.#running.size;
  }

  add(key: string): void {
    this.#later.get(key)?.();
    this.#later.delete(key);
    this.#waiting.add(key);
    this.#pump();
  }

  /** Adds the key after so many milliseconds, unless it is already to be written before. */
  addAfter(key: string, ms: number): void {
    if (this.#waiting.has(key) || this.#later.has(key)) return;
    this.#later.set(
      key,
      this.#options.timing.after(ms, () => this.add(key)),
    );
  }

  /** Adds the key after so many milliseconds, even if it would be written later otherwise. */
  addSooner(key: string, ms: number): void {
    this.#later.get(key)?.();
    this.#later.delete(key);
    this.addAfter(key, ms);
  }

  /** Forgets everything that has not begun, and gives up what has. */
  clear(): void {
    this.#waiting.clear();
    for (const cancel of this.#later.values()) cancel();
    this.#later.clear();
    this.#cancelWake?.();
    this.#cancelWake = undefined;
    this.#ending.abort();
    this.#ending = new AbortController();
  }

  /** Clears, and waits until nothing is under way. */
  async stop(): Promise<void> {
    this.clear();
    await Promise.allSettled(this.#running.values());
  }

  #pump(): void {
    const { limits, isOpen, timing } = this.#options;
    while (this.#running.size < limits.concurrency && isOpen()) {
      const key = this.#next();
      if (key === undefined) return;
      const waitMs = Math.max(this.#pausedUntil - timing.now(), 0) || this.#bucket.take();
      if (waitMs > 0) {
        this.#wakeAfter(waitMs);
        return;
      }
      this.#waiting.delete(key);
      this.#begin(key);
    }
  }

  /** The first that may be written; those of a denied scope are put off on the way. */
  #next(): string | undefined {
    const { scopeOf, timing } = this.#options;
    for (const key of this.#waiting) {
      // One that is under way comes when it is over.
      if (this.#running.has(key)) continue;
      const until = this.#denials.get(scopeOf(key))?.until ?? 0;
      if (until <= timing.now()) return key;
      this.#waiting.delete(key);
      this.addAfter(key, until - timing.now());
    }
    return undefined;
  }

  #wakeAfter(ms: number): void {
    if (this.#cancelWake !== undefined) return;
    this.#cancelWake = this.#options.timing.after(ms, () => {
      this.#cancelWake = undefined;
      this.#pump();
    });
  }

  #begin(key: string): void {
    const { signal } = this.#ending;
    const running = this.#options
      .write(key, signal)
      .then(
        () => this.#succeed(key),
        (error: unknown) => {
          if (signal.aborted) return;
          if (error instanceof ApiFailure) this.#fail(key, error);
          else this.#options.fail(error);
        },
      )
      .finally(() => {
        this.#running.delete(key);
        this.#pump();
      });
    this.#running.set(key, running);
  }

  #succeed(key: string): void {
    this.#outage.reset();
    this.#denials.delete(this.#options.scopeOf(key));
    this.#refusals.delete(key);
  }

  #fail(key: string, failure: ApiFailure): void {
    const { limits, observe, scopeOf, timing } = this.#options;
    observe(failure, key);
    const asked = Math.min(failure.retryAfterMs, limits.retryAfterCapMs);
    switch (kindOf(failure)) {
      case 'gone':
        return;
      case 'outage':
        // Several may be under way when the server fails, and they are one failure.
        if (this.#pausedUntil <= timing.now()) this.#pausedUntil = timing.now() + Math.max(this.#outage.fail(), asked);
        this.#waiting.add(key);
        return;
      case 'denied': {
        const scope = scopeOf(key);
        const denial = this.#denials.get(scope) ?? { backoff: new Backoff(limits.denial, timing), until: 0 };
        if (denial.until <= timing.now()) denial.until = timing.now() + Math.max(denial.backoff.fail(), asked);
        this.#denials.set(scope, denial);
        this.#waiting.add(key);
        return;
      }
      case 'refused': {
        const backoff = this.#refusals.get(key) ?? new Backoff(limits.refusal, timing);
        this.#refusals.set(key, backoff);
        this.addAfter(key, Math.max(backoff.fail(), asked));
      }
    }
  }
}

function kindOf({ status }: ApiFailure): 'gone' | 'outage' | 'denied' | 'refused' {
  if (status === 404) return 'gone';
  if (status === 403) return 'denied';
  return status === 0 || status === 401 || status === 429 || status >= 500 ? 'outage' : 'refused';
}
