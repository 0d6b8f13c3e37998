/** Logs problems as they appear, once each, so that whoever only reads the log learns of them. */
import type { Logger } from './log.ts';
import { describeObject } from './model/object-ref.ts';
import type { Problem } from './model/problem.ts';

/** More than this at once are counted instead; the admin address lists them all. */
const mostAtOnce = 20;

export class ProblemLog {
  readonly #log: Logger;
  #known: ReadonlySet<string> = new Set();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @param problems all there are now */
  note(problems: readonly Problem[]): void {
    const current = new Map(problems.map((problem) => [JSON.stringify(problem), problem]));
    const appeared = [...current].filter(([key]) => !this.#known.has(key)).map(([, problem]) => problem);
    const solved = [...this.#known].filter((key) => !current.has(key)).length;
    this.#known = new Set(current.keys());
    for (const problem of appeared.slice(0, mostAtOnce)) {
      const { object, field, severity, reason, message, fix } = problem;
      this.#log.info({ object: describeObject(object), field, severity, reason, fix }, message);
    }
    const more = appeared.length - mostAtOnce;
    if (more > 0) this.#log.info({ more }, 'more problems; /debug/problems on the admin address has them all');
    if (solved > 0) this.#log.info({ solved, open: problems.length }, 'problems solved');
  }
}
