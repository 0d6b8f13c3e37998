/** What single Envoys refuse though others have it in use: told, and of no consequence. */
import type { Problem } from '../model/problem.ts';
import { ownMatterProblem } from './telling.ts';
import type { Refusal } from './verdicts.ts';

interface Suspect {
  readonly kind: string;
  readonly key: string;
}

/** Of a client that refuses everything, so much is told. */
const limit = 20;

export class OwnMatters {
  /** By stream and resource. */
  readonly #matters = new Map<string, { readonly refusal: Refusal; readonly suspect: Suspect | undefined }>();

  get isEmpty(): boolean {
    return this.#matters.size === 0;
  }

  add(refusal: Refusal, suspectOf: () => Suspect | undefined): void {
    const others = [...this.#matters.values()].filter((each) => each.refusal.stream === refusal.stream);
    if (others.length >= limit) return;
    const { stream, typeUrl, name } = refusal;
    this.#matters.set(`${stream} ${typeUrl} ${name}`, { refusal, suspect: suspectOf() });
  }

  /** Gives back whether there was any such. */
  forget(isOver: (refusal: Refusal) => boolean): boolean {
    const over = [...this.#matters].filter(([, { refusal }]) => isOver(refusal));
    for (const [key] of over) this.#matters.delete(key);
    return over.length > 0;
  }

  problems(): readonly Problem[] {
    return Array.from(this.#matters.values(), ({ refusal, suspect }) => ownMatterProblem(refusal, suspect));
  }
}
