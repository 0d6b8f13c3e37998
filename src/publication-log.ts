/**
 * Logs what was published and which problems came and went: at once after a pause, and under churn gathered, because telling of a small
 * change costs as much as making it, and comparing all problems grows with their number.
 */
import type { Logger } from './log.ts';
import type { Problem } from './model/problem.ts';
import { ProblemLog } from './problem-log.ts';
import { realTiming } from './source/timing.ts';
import type { Timing } from './source/timing.ts';

/** Under churn, a line for each so many milliseconds. */
const restMs = 1_000;

/** Telling may take one part in so many of the time. */
const restFactor = 20;

/** How many resources a publication changed and removed. */
export interface PublishedCounts {
  /** The first is 1. */
  readonly sequence: number;
  readonly changed: number;
  readonly removed: number;
}

export class PublicationLog {
  readonly #log: Logger;
  readonly #problemLog: ProblemLog;
  readonly #problems: () => readonly Problem[];
  readonly #timing: Timing;
  #published: (PublishedCounts & { readonly publications: number }) | undefined;
  #haveProblemsChanged = false;
  /** Ends the rest, in which what comes is gathered; absent outside of one. */
  #cancelRest: (() => void) | undefined;

  /** @param problems all there are now */
  constructor(log: Logger, problems: () => readonly Problem[], timing: Timing = realTiming) {
    this.#log = log;
    this.#problemLog = new ProblemLog(log);
    this.#problems = problems;
    this.#timing = timing;
  }

  /** @param published undefined when nothing was */
  note(published: PublishedCounts | undefined, haveProblemsChanged: boolean): void {
    if (published !== undefined) this.#gather(published);
    this.#haveProblemsChanged ||= haveProblemsChanged;
    if (this.#cancelRest === undefined) this.#tellAndRest();
  }

  /** Tells what is left. */
  stop(): void {
    this.#cancelRest?.();
    this.#tell();
  }

  #gather({ sequence, changed, removed }: PublishedCounts): void {
    const { publications, ...before } = this.#published ?? { publications: 0, changed: 0, removed: 0 };
    this.#published = {
      sequence,
      publications: publications + 1,
      changed: before.changed + changed,
      removed: before.removed + removed,
    };
  }

  #tellAndRest(): void {
    if (this.#published === undefined && !this.#haveProblemsChanged) return;
    const began = this.#timing.now();
    this.#tell();
    const rest = Math.max(restMs, (this.#timing.now() - began) * restFactor);
    this.#cancelRest = this.#timing.after(rest, () => {
      this.#cancelRest = undefined;
      this.#tellAndRest();
    });
  }

  #tell(): void {
    if (this.#haveProblemsChanged) this.#problemLog.note(this.#problems());
    if (this.#published !== undefined) this.#log.info(this.#published, 'published');
    this.#haveProblemsChanged = false;
    this.#published = undefined;
  }
}
