/**
 * Computes what changes have led to, a slice at a time: ten thousand Ingresses at start must not keep streams, health
 * checks and watches waiting. Changes that come meanwhile are computed in the next round.
 */
import { setImmediate } from 'node:timers/promises';
import type { Translation } from './translation/translation.ts';
import type { ResourceChange } from './xds/view.ts';

/** How long others wait at the most, in milliseconds. */
const sliceMs = 10;

export class CommitLoop {
  readonly #translation: Translation;
  readonly #publish: (changes: readonly ResourceChange[], since: number) => void;
  /** When the oldest change came that is not computed yet. */
  #requestedAt: number | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;

  /** @param publish is given the resources that are other now, and when (on the clock of `performance`) their cause came. */
  constructor(translation: Translation, publish: (changes: readonly ResourceChange[], since: number) => void) {
    this.#translation = translation;
    this.#publish = publish;
  }

  /** The translation has been given changes, the first of them at the given time. */
  request(at: number): void {
    this.#requestedAt ??= at;
    this.#running ??= this.#run();
  }

  /** Lets the current slice end, and publishes no more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      while (this.#requestedAt !== undefined && !this.#isStopped) {
        const since = this.#requestedAt;
        this.#requestedAt = undefined;
        // oxlint-disable-next-line no-await-in-loop -- one commit must be over before the next begins
        const changes = await this.#commit();
        if (changes !== undefined) this.#publish(changes, since);
      }
    } finally {
      this.#running = undefined;
    }
  }

  async #commit(): Promise<readonly ResourceChange[] | undefined> {
    const steps = this.#translation.commitInSteps();
    let sliceStart = performance.now();
    for (let step = steps.next(); ; step = steps.next()) {
      if (step.done === true) return step.value;
      if (performance.now() - sliceStart < sliceMs) continue;
      // oxlint-disable-next-line no-await-in-loop -- this is where the others work
      await setImmediate();
      if (this.#isStopped) return undefined;
      sliceStart = performance.now();
    }
  }
}
