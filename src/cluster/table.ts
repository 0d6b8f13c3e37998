/**
 * Keyed collections that are computed from one another, and recomputed only where something they looked at has changed.
 * This is what makes the cost of a change follow the change: a derived value is kept together with the keys it was
 * computed from, and computed again when one of these has another value.
 */
import { isDeepStrictEqual } from 'node:util';
import { Cells } from './cells.ts';
import type { AnyCells, Compute, Equal, Place } from './cells.ts';
import { KeyIndex } from './key-index.ts';

/** A keyed collection. Values are immutable; a key without a value is absent. */
export interface Table<V> {
  readonly name: string;
  readonly get: (key: string) => V | undefined;
  readonly entries: () => IterableIterator<[string, V]>;
  readonly size: number;
}

/** A table that is filled from outside; what is set takes effect with the next `Graph.commit`. */
export interface Input<V> extends Table<V> {
  set(key: string, value: V | undefined): void;
  /** What the next commit will make of a key. */
  newest(key: string): V | undefined;
}

/** Reads a table that was made before the one that is being computed, and remembers that this key was read. */
export type Look = <V>(table: Table<V>, key: string) => V | undefined;

/** What a commit changed: for each table the keys whose value is now another one, in no particular order. */
export type Changes = ReadonlyMap<Table<unknown>, ReadonlySet<string>>;

/** A value that could not be computed; its last good one stays. */
export interface Failure {
  readonly table: Table<unknown>;
  readonly key: string;
  readonly error: unknown;
  /** The entries of inputs that it is computed from, as far as they were found in a short search. */
  readonly inputs: readonly { readonly table: Table<unknown>; readonly key: string }[];
}

/** The tables of one computation, in the order in which they were made, which is the order in which they are computed. */
export class Graph {
  readonly #cells = new Map<Table<unknown>, AnyCells>();

  input<V>(name: string, equal: Equal<V> = isDeepStrictEqual): Input<V> {
    const pending = new Map<string, V | undefined>();
    const compute: Compute<V> = (key) => {
      // A key that was set again while a commit was at it has been taken over already.
      const value = pending.has(key) ? pending.get(key) : cells.table.get(key);
      pending.delete(key);
      return value;
    };
    const cells: Cells<V> = this.#add(name, equal, compute, () => []);
    return Object.assign(cells.table, {
      newest: (key: string) => (pending.has(key) ? pending.get(key) : cells.table.get(key)),
      set: (key: string, value: V | undefined) => {
        pending.set(key, value);
        cells.dirty.add(key);
      },
    });
  }

  /** A table with the keys of `parent`, less those for which `compute` returns undefined. */
  derive<P, V>(
    name: string,
    parent: Table<P>,
    compute: (key: string, value: P, look: Look) => V | undefined,
    equal: Equal<V> = isDeepStrictEqual,
  ): Table<V> {
    const above = this.#cellsOf(parent);
    const computeOf: Compute<V> = (key, look) => {
      const value = parent.get(key);
      return value === undefined ? undefined : compute(key, value, look);
    };
    const cells = this.#add(name, equal, computeOf, (key) => [{ cells: above, key }]);
    above.children.push((key) => cells.dirty.add(key));
    return cells.table;
  }

  /** The keys of `parent` by what `groupsOf` says of their values: group to sorted keys; a group without keys is absent. */
  group<P>(
    name: string,
    parent: Table<P>,
    groupsOf: (value: P, key: string) => Iterable<string> & object,
  ): Table<readonly string[]> {
    const above = this.#cellsOf(parent);
    const memberships = new KeyIndex();
    const members = new KeyIndex();
    const cells = this.#add<readonly string[]>(
      name,
      isDeepStrictEqual,
      (group) => (members.has(group) ? [...members.get(group)].toSorted() : undefined),
      (group) => Array.from(members.get(group), (key) => ({ cells: above, key })),
    );
    above.children.push((key) => {
      const value = parent.get(key);
      const before = memberships.has(key) ? new Set(memberships.get(key)) : none;
      const after = new Set(value === undefined ? [] : groupsOf(value, key));
      for (const group of before) {
        if (after.has(group)) continue;
        members.delete(group, key);
        cells.dirty.add(group);
      }
      for (const group of after) {
        if (before.has(group)) continue;
        members.add(group, key);
        cells.dirty.add(group);
      }
      memberships.set(key, after);
    });
    return cells.table;
  }

  /** The entries of both tables, which must not share a key. */
  union<V>(name: string, first: Table<V>, second: Table<V>): Table<V> {
    const above = [first, second].map((table) => this.#cellsOf(table));
    const cells = this.#add<V>(
      name,
      Object.is,
      (key) => first.get(key) ?? second.get(key),
      (key) => above.map((each) => ({ cells: each, key })),
    );
    for (const each of above) each.children.push((key) => cells.dirty.add(key));
    return cells.table;
  }

  /** Computes what the inputs set since the last commit touch, and says which values changed. */
  commit(): Changes {
    const steps = this.commitInSteps();
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    return step.value;
  }

  /**
   * The same a little at a time, so that its caller can let others work between the steps. What is set meanwhile takes
   * effect with the next commit; one commit must be over before the next begins.
   */
  *commitInSteps(): Generator<undefined, Changes> {
    const changes = new Map<Table<unknown>, ReadonlySet<string>>();
    for (const cells of this.#cells.values()) {
      const changed = yield* cells.recompute();
      if (changed.size > 0) changes.set(cells.table, changed);
    }
    return changes;
  }

  /** How many values each table has computed since this was last asked: the measure of what a change costs. */
  takeRecomputed(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const cells of this.#cells.values()) {
      if (cells.computed > 0) counts.set(cells.table.name, cells.computed);
      cells.computed = 0;
    }
    return counts;
  }

  /** The entries of inputs that a value is computed from, the nearest first, as far as they are found in a short search. */
  inputsOf(table: Table<unknown>, key: string): Failure['inputs'] {
    return inputsOf({ cells: this.#cellsOf(table), key });
  }

  /** What cannot be computed now, by a mistake in this program. */
  failures(): readonly Failure[] {
    return [...this.#cells.values()].flatMap((cells) =>
      Array.from(cells.failures, ([key, error]) => ({
        table: cells.table,
        key,
        error,
        inputs: inputsOf({ cells, key }),
      })),
    );
  }

  #add<V>(name: string, equal: Equal<V>, compute: Compute<V>, parentsOf: (key: string) => Iterable<Place>): Cells<V> {
    const order = this.#cells.size;
    const cellsOf = (table: Table<unknown>): AnyCells => {
      const earlier = this.#cellsOf(table);
      if (earlier.order >= order) throw new Error(`table ${name} must not look at ${table.name}, which is made later`);
      return earlier;
    };
    const cells = new Cells<V>({ name, order, equal, compute, cellsOf, parentsOf });
    this.#cells.set(cells.table, cells);
    return cells;
  }

  #cellsOf(table: Table<unknown>): AnyCells {
    const cells = this.#cells.get(table);
    if (cells === undefined) throw new Error(`table ${table.name} belongs to another graph`);
    return cells;
  }
}

/** A catch-all host may have been computed from every object there is. */
const searchedPlaces = 1_000;

function inputsOf(start: Place): Failure['inputs'] {
  const seen = new Set<string>();
  const found: { table: Table<unknown>; key: string }[] = [];
  const open = [start];
  for (let place = open.shift(); place !== undefined && seen.size < searchedPlaces; place = open.shift()) {
    const { cells, key } = place;
    const id = `${cells.order} ${key}`;
    if (seen.has(id)) continue;
    seen.add(id);
    const sources = [...cells.sourcesOf(key)];
    open.push(...sources);
    if (sources.length === 0 && (place === start || cells.table.get(key) !== undefined))
      found.push({ table: cells.table, key });
  }
  return found;
}

const none: ReadonlySet<string> = new Set();
