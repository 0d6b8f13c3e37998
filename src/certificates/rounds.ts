/** Looking after certificates: one round after the other, sooner after one that failed; why one fails is told once. */

export interface RoundsOptions {
  /** Does what is due. Rejects when it cannot be done now. */
  readonly round: () => Promise<void>;
  /** Milliseconds from the end of a round to the next. */
  readonly everyMs: number;
  /** The same after one that failed. */
  readonly retryMs: number;
  /** Told why a round failed, unless the one before failed for the same reason. */
  readonly complain: (reason: string) => void;
  /** Told when a round succeeds after one that failed. */
  readonly recovered?: () => void;
}

export class Rounds {
  readonly #options: RoundsOptions;
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();
  #isStopped = false;
  #complaint: string | undefined;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Fulfilled when the first round is over, however it went. */
  start(): Promise<void> {
    this.#round = this.#go();
    return this.#round;
  }

  /** Fulfilled when the round that is going on, if any, is over; of that one nothing is told any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#round;
  }

  async #go(): Promise<void> {
    const { round, everyMs, retryMs, recovered } = this.#options;
    let wait = everyMs;
    try {
      await round();
      if (this.#complaint !== undefined) recovered?.();
      this.#complaint = undefined;
    } catch (error) {
      this.#complain(error instanceof Error ? error.message : String(error));
      wait = retryMs;
    }
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.start(), wait);
  }

  #complain(reason: string): void {
    if (this.#isStopped || reason === this.#complaint) return;
    this.#complaint = reason;
    this.#options.complain(reason);
  }
}
