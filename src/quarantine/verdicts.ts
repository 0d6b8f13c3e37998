/**
 * Whether what an Envoy refuses is bad, or only that Envoy's own matter: it is bad when every Envoy that has an opinion refuses it,
 * and one that has it in use shows that it is not. Who has never taken anything has no opinion.
 */

/** What one Envoy says of one version of one resource. */
export interface Refusal {
  readonly typeUrl: string;
  readonly name: string;
  readonly version: string;
  /** Redacted text of the Envoy. */
  readonly message: string;
  /** The number of the stream. */
  readonly stream: number;
  readonly node: string;
}

/** Of the streams that have not refused it: whether one has accepted it, or may still. */
export type Others = 'accepted' | 'open' | 'none';

export interface Verdicts {
  /** Refused by all; the same bytes are not to be sent to anybody any more. */
  readonly bad: readonly Refusal[];
  /** Refused by some and used by others, or refused by those only who take nothing at all. */
  readonly own: readonly Refusal[];
}

/** The others are waited for so long: one that starts, or is busy, answers late. */
export const opinionMs = 1_500;

export class OpenRefusals {
  readonly #open = new Map<string, { readonly first: Refusal; readonly refusals: Refusal[]; readonly since: number }>();

  add(refusal: Refusal, now: number): void {
    const key = versionKey(refusal);
    const known = this.#open.get(key) ?? { first: refusal, refusals: [], since: now };
    known.refusals.push(refusal);
    this.#open.set(key, known);
  }

  has(key: string): boolean {
    return this.#open.has(key);
  }

  get size(): number {
    return this.#open.size;
  }

  /** Judges what can be judged now; the rest stays open. */
  judge(
    others: (refusal: Refusal, refusers: ReadonlySet<number>) => Others,
    isBelieved: (stream: number) => boolean,
    now: number,
  ): Verdicts {
    const bad: Refusal[] = [];
    const own: Refusal[] = [];
    for (const [key, { first, refusals, since }] of this.#open) {
      const opinion = others(first, new Set(refusals.map(({ stream }) => stream)));
      if (opinion === 'open' && now - since < opinionMs) continue;
      this.#open.delete(key);
      const isBad = opinion !== 'accepted' && refusals.some(({ stream }) => isBelieved(stream));
      if (isBad) bad.push(first);
      else own.push(...refusals);
    }
    return { bad, own };
  }
}

export function versionKey(of: { readonly typeUrl: string; readonly name: string; readonly version: string }): string {
  return `${of.typeUrl} ${of.name} ${of.version}`;
}
