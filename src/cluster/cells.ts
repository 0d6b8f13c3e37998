/** The values of one table with what each was computed from; src/cluster/table.ts puts them together. */
import { KeyIndex } from './key-index.ts';
import type { Look, Table } from './table.ts';

export type Equal<V> = (a: V, b: V) => boolean;

export type Compute<V> = (key: string, look: Look) => V | undefined;

/** A key of a table. */
export interface Place {
  readonly cells: AnyCells;
  readonly key: string;
}

/** What the tables of a graph see of each other, whatever their values. */
export interface AnyCells {
  readonly table: Table<unknown>;
  readonly order: number;
  /** Keys to compute anew. */
  readonly dirty: Set<string>;
  /** Told of every key whose value changed. They may throw, which is a failure of the key. */
  readonly children: ((key: string) => void)[];
  /** What the last computation of a key threw. */
  readonly failures: ReadonlyMap<string, unknown>;
  computed: number;
  /** Computes what is dirty, makes dirty what has looked at it, and says what changed. */
  recompute(): Generator<undefined, ReadonlySet<string>>;
  /** What the value of a key is computed from. */
  sourcesOf(key: string): Iterable<Place>;
  addReader(read: string, reader: AnyCells, key: string): void;
  forgetReader(read: string, reader: AnyCells, key: string): void;
}

export interface CellsOptions<V> {
  readonly name: string;
  readonly order: number;
  readonly equal: Equal<V>;
  readonly compute: Compute<V>;
  /** The cells of a table that is made before this one. */
  readonly cellsOf: (table: Table<unknown>) => AnyCells;
  /** What a value is computed from besides what is looked at. */
  readonly parentsOf: (key: string) => Iterable<Place>;
}

/** Values computed in one step: well below a millisecond's worth of most tables. */
const stepSize = 32;

export class Cells<V> implements AnyCells {
  readonly table: Table<V>;
  readonly order: number;
  readonly dirty = new Set<string>();
  readonly children: ((key: string) => void)[] = [];
  readonly failures = new Map<string, unknown>();
  computed = 0;
  readonly #values = new Map<string, V>();
  /** For each later table: which of its keys have looked at which key of this one. */
  readonly #readers = new Map<AnyCells, KeyIndex>();
  /** For each key of this table: what was looked at for its value, tables and keys by turns. */
  readonly #dependencies = new Map<string, readonly (AnyCells | string)[]>();
  readonly #options: CellsOptions<V>;
  /** What the computation that is under way has looked at. */
  #looked: (AnyCells | string)[] = [];
  /** One for all computations: this is done a quarter of a million times at the start of a large cluster. */
  readonly #look: Look = (table, key) => {
    this.#looked.push(this.#options.cellsOf(table), key);
    return table.get(key);
  };

  constructor(options: CellsOptions<V>) {
    this.#options = options;
    this.order = options.order;
    const values = this.#values;
    this.table = {
      name: options.name,
      get: (key) => values.get(key),
      entries: () => values.entries(),
      get size() {
        return values.size;
      },
    };
  }

  *recompute(): Generator<undefined, ReadonlySet<string>> {
    const changed = new Set<string>();
    // A copy: what becomes dirty between the steps belongs to the next commit.
    const keys = [...this.dirty];
    this.dirty.clear();
    for (const [index, key] of keys.entries()) {
      if (index > 0 && index % stepSize === 0) yield;
      if (this.#recomputeKey(key)) changed.add(key);
    }
    for (const key of changed) {
      this.#tellChildren(key);
      for (const [reader, readers] of this.#readers) readers.addTo(reader.dirty, key);
    }
    return changed;
  }

  *sourcesOf(key: string): Generator<Place> {
    yield* this.#options.parentsOf(key);
    const dependencies = this.#dependencies.get(key) ?? [];
    for (let index = 0; index + 1 < dependencies.length; index += 2) {
      const cells = dependencies[index];
      const read = dependencies[index + 1];
      if (typeof cells === 'object' && typeof read === 'string') yield { cells, key: read };
    }
  }

  addReader(read: string, reader: AnyCells, key: string): void {
    let readers = this.#readers.get(reader);
    if (readers === undefined) this.#readers.set(reader, (readers = new KeyIndex()));
    readers.add(read, key);
  }

  forgetReader(read: string, reader: AnyCells, key: string): void {
    this.#readers.get(reader)?.delete(read, key);
  }

  /** Whether the value is another one now. When it cannot be computed, the last good one stays. */
  #recomputeKey(key: string): boolean {
    this.computed += 1;
    if (this.failures.size > 0) this.failures.delete(key);
    this.#looked = [];
    let isOther = false;
    try {
      isOther = this.#put(key, this.#options.compute(key, this.#look));
    } catch (error) {
      this.failures.set(key, error);
    }
    // After a failure, too: when one of these changes, it is worth another try.
    this.#depend(key, this.#looked);
    return isOther;
  }

  #put(key: string, value: V | undefined): boolean {
    if (value === undefined) return this.#values.delete(key);
    const before = this.#values.get(key);
    if (before !== undefined && this.#options.equal(before, value)) return false;
    this.#values.set(key, value);
    return true;
  }

  #tellChildren(key: string): void {
    try {
      for (const child of this.children) child(key);
    } catch (error) {
      this.failures.set(key, error);
    }
  }

  #depend(key: string, dependencies: readonly (AnyCells | string)[]): void {
    const before = this.#dependencies.get(key);
    if (before !== undefined) this.#link(key, before, false);
    this.#link(key, dependencies, true);
    // A copy, because a list that was built up keeps room for more.
    if (dependencies.length > 0) this.#dependencies.set(key, dependencies.slice());
    else if (before !== undefined) this.#dependencies.delete(key);
  }

  /** Makes the key a reader of what it looked at, or no longer one. */
  #link(key: string, dependencies: readonly (AnyCells | string)[], isReader: boolean): void {
    for (let index = 0; index + 1 < dependencies.length; index += 2) {
      const cells = dependencies[index];
      const read = dependencies[index + 1];
      if (typeof cells !== 'object' || typeof read !== 'string') continue;
      if (isReader) cells.addReader(read, this, key);
      else cells.forgetReader(read, this, key);
    }
  }
}
