// Tells the operator what cannot be written: each kind of trouble once, and again while it lasts, however often it is met.

import type { SourceLog } from '../source/failure-log.ts';
import type { Timing } from '../source/timing.ts';

/** Trouble that lasts is repeated at this interval, in milliseconds. */
const reminderMs = 300_000;

export class TroubleLog {
  readonly #log: SourceLog;
  readonly #timing: Timing;
  readonly #loggedAt = new Map<string, number>();

  constructor(log: SourceLog, timing: Timing) {
    this.#log = log;
    this.#timing = timing;
  }

  /** @param topic what is one and the same trouble, of which there are only a few */
  warn(topic: string, message: string): void {
    const now = this.#timing.now();
    const before = this.#loggedAt.get(topic);
    if (before !== undefined && now - before < reminderMs) return;
    this.#loggedAt.set(topic, now);
    this.#log.warn(message);
  }

  info(message: string): void {
    this.#log.info(message);
  }

  /** It is over, and news when it comes again. */
  clear(topic: string): void {
    this.#loggedAt.delete(topic);
  }
}
