/**
 * Finds out for which of several objects a resource is refused: by what happens when some of them are held at another form. It says
 * what is to be held, is told how that fares, and goes on until it knows.
 */

/** What is held, by object: the number of the form, the first of those that are tried being 0. */
export type Holding = ReadonlyMap<string, number>;

export type Outcome =
  | { readonly kind: 'trying'; readonly holding: Holding }
  /** The culprits with the forms in which nobody refuses anything; none of them when it is not for these objects. */
  | { readonly kind: 'found'; readonly holding: Holding };

/** So many are tried one by one before all are held: with one culprit, nobody else is held at any time. */
const singles = 6;

export class Trial {
  /** The likeliest first. */
  readonly suspects: readonly string[];
  readonly #forms: number;
  #phase: 'one by one' | 'all' | 'release' | 'over' = 'one by one';
  #index = 0;
  #form = 0;
  /** Phase 'release': what is still held and not known to be to blame, in groups; the first is released at the moment. */
  #groups: readonly string[][] = [];
  #culprits = new Set<string>();

  /** @param forms how many forms there are to try for each */
  constructor(suspects: readonly string[], forms: number) {
    this.suspects = suspects;
    this.#forms = forms;
    if (suspects.length === 0) this.#phase = 'over';
    else if (suspects.length === 1 || suspects.length > singles) this.#phase = 'all';
  }

  get outcome(): Outcome {
    switch (this.#phase) {
      case 'one by one':
        return { kind: 'trying', holding: this.#hold([this.suspects[this.#index] ?? '']) };
      case 'all':
        return { kind: 'trying', holding: this.#hold(this.suspects) };
      case 'release':
        return { kind: 'trying', holding: this.#hold([...this.#culprits, ...this.#groups.slice(1).flat()]) };
      case 'over':
        return { kind: 'found', holding: this.#hold([...this.#culprits]) };
    }
  }

  /** How what `outcome` says to hold has fared. */
  judge(isAccepted: boolean): void {
    switch (this.#phase) {
      case 'one by one':
        this.#judgeOne(isAccepted);
        break;
      case 'all':
        this.#judgeAll(isAccepted);
        break;
      case 'release':
        this.#judgeRelease(isAccepted);
        break;
      case 'over':
        break;
    }
  }

  #judgeOne(isAccepted: boolean): void {
    if (isAccepted) this.#end([this.suspects[this.#index] ?? '']);
    else if (this.#index + 1 < this.suspects.length) this.#index += 1;
    else this.#phase = 'all';
  }

  #judgeAll(isAccepted: boolean): void {
    if (isAccepted && this.suspects.length === 1) this.#end(this.suspects);
    else if (isAccepted) {
      this.#phase = 'release';
      this.#groups = halves(this.suspects);
    } else if (this.#form + 1 < this.#forms) this.#form += 1;
    else this.#end([]);
  }

  #judgeRelease(isAccepted: boolean): void {
    const [group = [], ...others] = this.#groups;
    if (isAccepted) this.#groups = others;
    else if (group.length === 1) {
      for (const id of group) this.#culprits.add(id);
      this.#groups = others;
    } else this.#groups = [...halves(group), ...others];
    if (this.#groups.length === 0) this.#end([...this.#culprits]);
  }

  #end(culprits: readonly string[]): void {
    this.#phase = 'over';
    this.#culprits = new Set(culprits);
  }

  #hold(ids: readonly string[]): Holding {
    return new Map(ids.map((id) => [id, this.#form]));
  }
}

function halves(ids: readonly string[]): readonly string[][] {
  if (ids.length < 2) return [[...ids]];
  const middle = Math.ceil(ids.length / 2);
  return [ids.slice(0, middle), ids.slice(middle)];
}
