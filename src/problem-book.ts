/** The problems that sources report, each origin's list replacing the one before. */
import type { Problem } from './model/problem.ts';

export class ProblemBook {
  readonly #byOrigin = new Map<string, readonly Problem[]>();
  #changes = 0;

  /** Grows with each report. */
  get changes(): number {
    return this.#changes;
  }

  replace(origin: string, problems: readonly Problem[]): void {
    this.#changes += 1;
    if (problems.length === 0) this.#byOrigin.delete(origin);
    else this.#byOrigin.set(origin, problems);
  }

  all(): readonly Problem[] {
    return [...this.#byOrigin.values()].flat();
  }
}
