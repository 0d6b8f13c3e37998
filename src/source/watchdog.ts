// Ends what has been silent for too long: on a half-open connection nothing else would.

import { ApiFailure } from './api-failure.ts';
import type { Timing } from './timing.ts';

export class Watchdog {
  readonly #silenceMs: number;
  readonly #timing: Timing;
  #lastByteAt = 0;
  #bark: (failure: ApiFailure) => void = () => undefined;
  #cancel: (() => void) | undefined;

  constructor(silenceMs: number, timing: Timing) {
    this.#silenceMs = silenceMs;
    this.#timing = timing;
  }

  /** From now on, silence ends in `bark`. */
  guard(bark: (failure: ApiFailure) => void): void {
    this.#bark = bark;
    this.feed();
    if (this.#cancel === undefined) this.#wait(this.#silenceMs);
  }

  feed(): void {
    this.#lastByteAt = this.#timing.now();
  }

  end(): void {
    this.#cancel?.();
  }

  /** Setting a timer for each byte would cost more than reading it; this one looks at the time when it rings. */
  #wait(ms: number): void {
    this.#cancel = this.#timing.after(ms, () => {
      const left = this.#lastByteAt + this.#silenceMs - this.#timing.now();
      if (left > 0) this.#wait(left);
      else this.#bark(new ApiFailure('the connection has been silent for too long', { isSilence: true }));
    });
  }
}
