/**
 * Keyed collections that are computed from one another, and recomputed only where something they looked at has changed.
 * This is what makes the cost of a change follow the change: a derived value is kept together with the keys it was
 * computed from, and computed again when one of these has another value.
 */
import { isDeepStrictEqual } from 'node:util';

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
}

/** Reads a table that was made before the one that is being computed, and remembers that this key was read. */
export type Look = <V>(table: Table<V>, key: string) => V | undefined;

/** What a commit changed: for each table the keys whose value is now another one, in no particular order. */
export type Changes = ReadonlyMap<Table<unknown>, ReadonlySet<string>>;

type Equal<V> = (a: V, b: V) => boolean;

/** The tables of one computation, in the order in which they were made, which is the order in which they are computed. */
export class Graph {
  readonly #nodes = new Map<Table<unknown>, Cells>();

  input<V>(name: string, equal: Equal<V> = isDeepStrictEqual): Input<V> {
    const pending = new Map<string, V | undefined>();
    const node: Node<V> = this.#add<V>(name, equal, (key): V | undefined => {
      // A key that was set again while a commit was at it has been taken over already.
      const value = pending.has(key) ? pending.get(key) : node.table.get(key);
      pending.delete(key);
      return value;
    });
    return Object.assign(node.table, {
      set: (key: string, value: V | undefined) => {
        pending.set(key, value);
        node.dirty.add(key);
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
    const node = this.#add<V>(name, equal, (key, look) => {
      const value = parent.get(key);
      return value === undefined ? undefined : compute(key, value, look);
    });
    this.#nodeOf(parent).children.push((key) => node.dirty.add(key));
    return node.table;
  }

  /** The keys of `parent` by what `groupsOf` says of their values: group to sorted keys; a group without keys is absent. */
  group<P>(
    name: string,
    parent: Table<P>,
    groupsOf: (value: P, key: string) => Iterable<string> & object,
  ): Table<readonly string[]> {
    const memberships = new Map<string, ReadonlySet<string>>();
    const members = new Map<string, Set<string>>();
    const node = this.#add<readonly string[]>(name, isDeepStrictEqual, (group) => {
      const keys = members.get(group);
      return keys === undefined ? undefined : [...keys].toSorted();
    });
    this.#nodeOf(parent).children.push((key) => {
      const value = parent.get(key);
      const before = memberships.get(key) ?? noGroups;
      const after = value === undefined ? noGroups : new Set(groupsOf(value, key));
      for (const group of before) if (!after.has(group)) leave(members, group, key, node.dirty);
      for (const group of after) if (!before.has(group)) join(members, group, key, node.dirty);
      if (after.size === 0) memberships.delete(key);
      else memberships.set(key, after);
    });
    return node.table;
  }

  /** The entries of both tables, which must not share a key. */
  union<V>(name: string, first: Table<V>, second: Table<V>): Table<V> {
    const node = this.#add<V>(name, Object.is, (key) => first.get(key) ?? second.get(key));
    for (const table of [first, second]) this.#nodeOf(table).children.push((key) => node.dirty.add(key));
    return node.table;
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
    for (const node of this.#nodes.values()) {
      const changed = yield* node.recompute();
      if (changed.size > 0) changes.set(node.table, changed);
    }
    return changes;
  }

  /** How many values each table has computed since this was last asked: the measure of what a change costs. */
  takeRecomputed(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const node of this.#nodes.values()) {
      if (node.computed > 0) counts.set(node.table.name, node.computed);
      node.computed = 0;
    }
    return counts;
  }

  #add<V>(name: string, equal: Equal<V>, compute: (key: string, look: Look) => V | undefined): Node<V> {
    const order = this.#nodes.size;
    const node = new Node<V>(name, equal, compute, (table) => {
      const earlier = this.#nodeOf(table);
      if (earlier.order >= order) throw new Error(`table ${name} must not look at ${table.name}, which is made later`);
      return earlier;
    });
    this.#nodes.set(node.table, node);
    node.order = order;
    return node;
  }

  #nodeOf(table: Table<unknown>): Cells {
    const node = this.#nodes.get(table);
    if (node === undefined) throw new Error(`table ${table.name} belongs to another graph`);
    return node;
  }
}

const noGroups: ReadonlySet<string> = new Set();

/** Values computed in one step: well below a millisecond's worth of most tables. */
const stepSize = 32;

function join(members: Map<string, Set<string>>, group: string, key: string, dirty: Set<string>): void {
  const keys = members.get(group);
  if (keys === undefined) members.set(group, new Set([key]));
  else keys.add(key);
  dirty.add(group);
}

function leave(members: Map<string, Set<string>>, group: string, key: string, dirty: Set<string>): void {
  const keys = members.get(group);
  keys?.delete(key);
  if (keys?.size === 0) members.delete(group);
  dirty.add(group);
}

/** What the tables of a graph see of each other, whatever their values. */
interface Cells {
  readonly table: Table<unknown>;
  readonly order: number;
  /** Keys to compute anew. */
  readonly dirty: Set<string>;
  /** Told of every key whose value changed. */
  readonly children: ((key: string) => void)[];
  computed: number;
  /** Computes what is dirty, makes dirty what has looked at it, and says what changed. */
  recompute(): Generator<undefined, ReadonlySet<string>>;
  addReader(read: string, reader: Cells, key: string): void;
  forgetReader(read: string, reader: Cells, key: string): void;
}

/** One look-up: a key of one table. */
interface Dependency {
  readonly node: Cells;
  readonly key: string;
}

class Node<V> implements Cells {
  readonly table: Table<V>;
  readonly dirty = new Set<string>();
  readonly children: ((key: string) => void)[] = [];
  computed = 0;
  order = 0;
  readonly #values = new Map<string, V>();
  /** For each key of this table: which keys of later tables have looked at it. */
  readonly #readers = new Map<string, Map<Cells, Set<string>>>();
  /** For each key of this table: what its value was computed from, besides the parent's value. */
  readonly #dependencies = new Map<string, readonly Dependency[]>();
  readonly #equal: Equal<V>;
  readonly #compute: (key: string, look: Look) => V | undefined;
  readonly #nodeOf: (table: Table<unknown>) => Cells;

  constructor(
    name: string,
    equal: Equal<V>,
    compute: (key: string, look: Look) => V | undefined,
    nodeOf: (table: Table<unknown>) => Cells,
  ) {
    this.#equal = equal;
    this.#compute = compute;
    this.#nodeOf = nodeOf;
    const values = this.#values;
    this.table = {
      name,
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
      for (const child of this.children) child(key);
      for (const [reader, reading] of this.#readers.get(key) ?? []) for (const each of reading) reader.dirty.add(each);
    }
    return changed;
  }

  #recomputeKey(key: string): boolean {
    this.computed += 1;
    const dependencies: Dependency[] = [];
    const value = this.#compute(key, (table, tableKey) => {
      dependencies.push({ node: this.#nodeOf(table), key: tableKey });
      return table.get(tableKey);
    });
    this.#depend(key, dependencies);
    const before = this.#values.get(key);
    if (value === undefined) return this.#values.delete(key);
    if (before !== undefined && this.#equal(before, value)) return false;
    this.#values.set(key, value);
    return true;
  }

  #depend(key: string, dependencies: readonly Dependency[]): void {
    for (const { node, key: read } of this.#dependencies.get(key) ?? []) node.forgetReader(read, this, key);
    for (const { node, key: read } of dependencies) node.addReader(read, this, key);
    if (dependencies.length === 0) this.#dependencies.delete(key);
    else this.#dependencies.set(key, dependencies);
  }

  addReader(read: string, reader: Cells, key: string): void {
    const readers = this.#readers.get(read) ?? new Map<Cells, Set<string>>();
    this.#readers.set(read, readers);
    const keys = readers.get(reader) ?? new Set<string>();
    readers.set(reader, keys);
    keys.add(key);
  }

  forgetReader(read: string, reader: Cells, key: string): void {
    const readers = this.#readers.get(read);
    const keys = readers?.get(reader);
    keys?.delete(key);
    if (keys?.size === 0) readers?.delete(reader);
    if (readers?.size === 0) this.#readers.delete(read);
  }
}
