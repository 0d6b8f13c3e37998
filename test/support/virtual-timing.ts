/** A clock that only moves when a test says so. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Timing } from '../../src/source/timing.ts';

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

export class VirtualTiming {
  readonly #timers = new Set<Timer>();
  #now = 0;

  get now(): number {
    return this.#now;
  }

  /** The clock as one process sees it: ahead by `offset` milliseconds, and faster by the factor `rate`. */
  timing({
    offset = 0,
    rate = 1,
    random = () => 0.5,
  }: { readonly offset?: number; readonly rate?: number; readonly random?: () => number } = {}): Timing {
    return {
      now: () => this.#now * rate + offset,
      random,
      after: (ms, callback) => {
        const timer = { at: this.#now + Math.max(0, ms) / rate, callback };
        this.#timers.add(timer);
        return () => this.#timers.delete(timer);
      },
    };
  }

  /** Lets so many milliseconds pass, and all that happens in them happen in its order; `look` is called after each step. */
  async advance(ms: number, look: () => void = () => undefined): Promise<void> {
    const end = this.#now + ms;
    await turn();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
      // oxlint-disable-next-line no-await-in-loop -- what the callback has begun goes on before time does
      await turn();
      look();
    }
    this.#now = end;
    look();
  }

  #next(end: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers)
      if (timer.at <= end && (first === undefined || timer.at < first.at)) first = timer;
    return first;
  }
}
