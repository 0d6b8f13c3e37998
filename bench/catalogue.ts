/**
 * What the simulated Envoys of one process know in common, so that thousands of them, with thousands of resources each, hold a few
 * bytes for each resource and write their equal requests once.
 */
import { encodeFields } from './wire-message.ts';

/** Gives each text a number: 1, 2, 3... */
export class Numbering {
  readonly #numbers = new Map<string, number>();
  readonly #texts = [''];

  of(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#numbers.set(text, this.#texts.length);
    this.#texts.push(text);
    return this.#texts.length - 1;
  }

  text(number: number): string {
    return this.#texts[number] ?? '';
  }
}

/** The version of each resource of one type that one Envoy holds, by the number of its name; 0 where it holds none. */
export class Holding {
  #versions = new Uint32Array(0);
  #count = 0;

  /** How many resources it holds. */
  get count(): number {
    return this.#count;
  }

  get(name: number): number {
    return this.#versions[name] ?? 0;
  }

  set(name: number, version: number): void {
    if (name >= this.#versions.length) {
      const grown = new Uint32Array(Math.max(64, Math.ceil(name * 1.25) + 1));
      grown.set(this.#versions);
      this.#versions = grown;
    }
    this.#count += Number(version !== 0) - Number(this.get(name) !== 0);
    this.#versions[name] = version;
  }

  /** Numbers of the names it holds, in order. */
  *names(): Generator<number> {
    for (let name = 0; name < this.#versions.length; name += 1) if (this.get(name) !== 0) yield name;
  }

  equals(other: Holding): boolean {
    if (this.#count !== other.#count) return false;
    for (let name = 0; name < this.#versions.length; name += 1) if (this.get(name) !== other.get(name)) return false;
    return true;
  }

  copy(): Holding {
    const copy = new Holding();
    copy.#versions = this.#versions.slice();
    copy.#count = this.#count;
    return copy;
  }
}

export class Catalogue {
  readonly versions = new Numbering();
  readonly #assignmentOf = new Map<number, number>();
  readonly #clusterOf = new Map<number, number>();
  readonly #names = new Map<string, Numbering>();
  readonly #subscriptions = new Map<string, { readonly names: readonly number[]; readonly encoded: Buffer }>();
  readonly #initial = new Map<string, { readonly holding: Holding; readonly encoded: Buffer }>();

  /** By the numbers of their names; the assignment is 0 for a cluster that has none. */
  link(cluster: number, assignment: number): void {
    this.#assignmentOf.set(cluster, assignment);
    this.#clusterOf.set(assignment, cluster);
  }

  knows(cluster: number): boolean {
    return this.#assignmentOf.has(cluster);
  }

  clusterOf(assignment: number): number {
    return this.#clusterOf.get(assignment) ?? 0;
  }

  names(typeUrl: string): Numbering {
    const known = this.#names.get(typeUrl);
    if (known !== undefined) return known;
    const made = new Numbering();
    this.#names.set(typeUrl, made);
    return made;
  }

  /** The field of a request that lists the names, which has the same number in delta and in SotW. */
  subscribe(typeUrl: string, names: readonly number[]): Buffer {
    const last = this.#subscriptions.get(typeUrl);
    if (last !== undefined && isSame(last.names, names)) return last.encoded;
    const numbering = this.names(typeUrl);
    const encoded = encodeFields(names.map((name) => [3, numbering.text(name)]));
    this.#subscriptions.set(typeUrl, { names, encoded });
    return encoded;
  }

  /** `initial_resource_versions` of a delta request. */
  initialVersions(typeUrl: string, holding: Holding): Buffer {
    const last = this.#initial.get(typeUrl);
    if (last?.holding.equals(holding) === true) return last.encoded;
    const numbering = this.names(typeUrl);
    const entries = [...holding.names()].map((name) =>
      encodeFields([
        [1, numbering.text(name)],
        [2, this.versions.text(holding.get(name))],
      ]),
    );
    const encoded = encodeFields(entries.map((entry) => [5, entry]));
    this.#initial.set(typeUrl, { holding: holding.copy(), encoded });
    return encoded;
  }

  /** The load assignments of the clusters that an Envoy holds. */
  assignments(clusters: Iterable<number>): readonly number[] {
    return [...clusters].map((cluster) => this.#assignmentOf.get(cluster) ?? 0).filter((name) => name !== 0);
  }
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((each, i) => each === b[i]);
}
