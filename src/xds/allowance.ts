/**
 * How much of the server's time one connection may take by what it asks: a lot at once, as an Envoy that starts does, but only a share of
 * what follows. Who asks for more waits, and so is held back by HTTP/2; nobody else is.
 */

export class Allowance {
  readonly #burstMs: number;
  readonly #shareMs: number;
  #leftMs: number;
  #countedAt: number;

  /** @param shareMs of each second; @param now milliseconds on a monotonic clock, here and below */
  constructor(burstMs: number, shareMs: number, now: number) {
    this.#burstMs = burstMs;
    this.#shareMs = shareMs;
    this.#leftMs = burstMs;
    this.#countedAt = now;
  }

  spend(ms: number, now: number): void {
    this.#refill(now);
    this.#leftMs -= ms;
  }

  /** Milliseconds until there is something left again; 0 if there is. */
  waitMs(now: number): number {
    this.#refill(now);
    return this.#leftMs > 0 ? 0 : Math.ceil(((1 - this.#leftMs) / this.#shareMs) * 1_000);
  }

  #refill(now: number): void {
    const earned = ((now - this.#countedAt) / 1_000) * this.#shareMs;
    this.#leftMs = Math.min(this.#burstMs, this.#leftMs + Math.max(0, earned));
    this.#countedAt = now;
  }
}
