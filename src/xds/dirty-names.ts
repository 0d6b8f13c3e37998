/**
 * The names of one type whose state a client is still to be sent. A client that asks for everything has as many of them as there are
 * resources, all alike, so these are kept as a bit each; only what deviates has an entry of its own.
 */
import { IdSet } from './id-set.ts';
import type { NameSet } from './name-set.ts';
import type { Resource } from './resource.ts';
import type { ResourceTable } from './resource-table.ts';

/** What the client is known to hold of a name; from `initial_resource_versions` only the version is known. */
export interface Held {
  readonly version: string;
  readonly resource?: Resource;
}

/** A name whose state is still to be sent. */
export interface Dirty {
  /** The publication that made it dirty first, and the one that changed it last. */
  readonly first: number;
  readonly last: number;
  readonly held: Held | undefined;
  /** To be sent even if the client holds the same version, because it asked. */
  readonly forced: boolean;
}

export class DirtyNames implements Iterable<readonly [string, Dirty]> {
  readonly #table: ResourceTable;
  /** Whether it matters for names that the client does not hold which publication changed them last. */
  readonly #isOrdered: boolean;
  readonly #apart = new Map<string, Dirty>();
  /** Names of resources that exist and that the client does not hold, as far as is known; all as `#each` says. */
  readonly #alike = new IdSet();
  #each: Dirty = { first: 0, last: 0, held: undefined, forced: false };

  constructor(table: ResourceTable, isOrdered: boolean) {
    this.#table = table;
    this.#isOrdered = isOrdered;
  }

  get size(): number {
    return this.#apart.size + this.#alike.size;
  }

  /** The numbers of those that are all as `each` says; what is sent is to be deleted from it. */
  get alike(): IdSet {
    return this.#alike;
  }

  get each(): Dirty {
    return this.#each;
  }

  /** The others. */
  get apart(): ReadonlyMap<string, Dirty> {
    return this.#apart;
  }

  has(name: string): boolean {
    if (this.#apart.has(name)) return true;
    const id = this.#alike.size === 0 ? undefined : this.#table.find(name);
    return id !== undefined && this.#alike.has(id);
  }

  get(name: string): Dirty | undefined {
    return this.#apart.get(name) ?? (this.has(name) ? this.#each : undefined);
  }

  delete(name: string): void {
    if (this.#apart.delete(name) || this.#alike.size === 0) return;
    const id = this.#table.find(name);
    if (id !== undefined) this.#alike.delete(id);
  }

  deleteId(id: number): void {
    if (!this.#alike.delete(id)) this.#apart.delete(this.#table.nameOf(id));
  }

  clear(): void {
    this.#apart.clear();
    this.#alike.clear();
  }

  *keys(): Generator<string> {
    for (const id of this.#alike) yield this.#table.nameOf(id);
    yield* this.#apart.keys();
  }

  *[Symbol.iterator](): Generator<readonly [string, Dirty]> {
    for (const id of this.#alike) yield [this.#table.nameOf(id), this.#each];
    yield* this.#apart;
  }

  /** The oldest publication that made one of them dirty; Infinity if there is none. */
  oldest(): number {
    let oldest = this.#alike.size > 0 ? this.#each.first : Infinity;
    for (const { first } of this.#apart.values()) oldest = Math.min(oldest, first);
    return oldest;
  }

  /**
   * Notes that the client must be sent a name, because it changed or because the client asked.
   *
   * @param sequence the publication that changed it last
   * @param first an earlier one that did so first
   */
  mark(name: string, held: Held | undefined, sequence: number, forced: boolean, first = Infinity): void {
    this.markId(this.#table.find(name), name, held, { first, last: sequence, forced });
  }

  /** The same where the number of the name is known. */
  markId(id: number | undefined, name: string, held: Held | undefined, change: Omit<Dirty, 'held'>): void {
    const { first, last: sequence, forced } = change;
    const isAlike = id !== undefined && this.#alike.has(id);
    const exists = id !== undefined && this.#table.at(id) !== undefined;
    const earlier = isAlike ? this.#each : this.#apart.get(name);
    if (earlier === undefined) {
      const since = { ...change, first: Math.min(first, sequence) };
      if (held === undefined && exists) this.#markNew(id, since);
      else this.#apart.set(name, { ...since, held });
      return;
    }
    const last = Math.max(earlier.last, sequence);
    const isForced = forced || earlier.forced;
    if (isAlike) {
      const isLate = this.#isOrdered && last !== earlier.last;
      if (exists && !isLate && first >= earlier.first && isForced === earlier.forced) return;
      this.#alike.delete(id);
    }
    this.#apart.set(name, { first: Math.min(earlier.first, first), last, held: earlier.held, forced: isForced });
  }

  /** The same for all resources that exist and that the client does not hold, without those that it has asked for by name. */
  markAll(without: NameSet, sequence: number): void {
    if (this.size > 0) {
      for (const id of this.#table.ids) {
        if (!without.hasId(id)) this.mark(this.#table.nameOf(id), undefined, sequence, false);
      }
      return;
    }
    this.#each = { first: sequence, last: sequence, held: undefined, forced: false };
    this.#alike.copy(this.#table.ids);
    if (without.size > 0) for (const id of this.#alike) if (without.hasId(id)) this.#alike.delete(id);
  }

  /** For a resource that exists, that the client does not hold, and that is not dirty yet. */
  #markNew(id: number, { first, last, forced }: Omit<Dirty, 'held'>): void {
    const isSame = this.#each.first === first && this.#each.last === last && this.#each.forced === forced;
    const dirty = isSame ? this.#each : { first, last, held: undefined, forced };
    if (this.#alike.size === 0) this.#each = dirty;
    if (this.#each === dirty) this.#alike.add(id);
    else this.#apart.set(this.#table.nameOf(id), dirty);
  }
}
