/**
 * The resources of one type that clients of one protocol variant see. Names have small numbers here, so that what each stream notes
 * about them takes a bit; a number is given away again when there is neither a resource nor a subscription of its name.
 */
import { BatchCache } from './batch.ts';
import type { Held } from './dirty-names.ts';
import { IdSet } from './id-set.ts';
import type { Resource } from './resource.ts';
import { VersionIndex } from './version-index.ts';
import type { Subscriber } from './view.ts';

/** One subscription to the type. */
export interface Watcher {
  readonly subscriber: Subscriber;
  readonly coversId: (id: number) => boolean;
  /** A resource that it covers has changed. `held` is what it was; `sequence`, when it changed. */
  readonly changed: (name: string, held: Held | undefined, sequence: number) => void;
}

export class ResourceTable {
  readonly typeUrl: string;
  readonly batches = new BatchCache();
  readonly #ids = new Map<string, number>();
  readonly #names: string[] = [];
  /** How many subscriptions name it, and one more if the resource exists. */
  readonly #users: number[] = [];
  readonly #free: number[] = [];
  readonly #resources: (Resource | undefined)[] = [];
  readonly #watchers = new Set<Watcher>();
  /** Of the resources that exist. Not to be changed by others. */
  readonly ids = new IdSet();
  /** Characters in the names of the resources that exist. */
  #nameLength = 0;
  #all: readonly Resource[] | undefined;
  #sortedNames: readonly string[] | undefined;
  #digest = 0n;
  #version: string | undefined;
  #versionIndex: VersionIndex | undefined;

  constructor(typeUrl: string) {
    this.typeUrl = typeUrl;
  }

  /** How many resources there are. */
  get size(): number {
    return this.ids.size;
  }

  get nameLength(): number {
    return this.#nameLength;
  }

  /** How many names are only asked for: nothing has them. */
  get unknownNames(): number {
    return this.#ids.size - this.ids.size;
  }

  get(name: string): Resource | undefined {
    const id = this.#ids.get(name);
    return id === undefined ? undefined : this.#resources[id];
  }

  at(id: number): Resource | undefined {
    return this.#resources[id];
  }

  /** Sorted by name; the same array until something changes. */
  all(): readonly Resource[] {
    this.#all ??= this.names().flatMap((name) => this.get(name) ?? []);
    return this.#all;
  }

  names(): readonly string[] {
    this.#sortedNames ??= this.#resources.flatMap((resource) => resource?.name ?? []).toSorted();
    return this.#sortedNames;
  }

  /** The same for the same resources, whatever the order in which they came. */
  version(): string {
    this.#version ??= this.#digest.toString(16).padStart(16, '0');
    return this.#version;
  }

  /** By what clients that come back hold; made when the first of them does. */
  versionIndex(): VersionIndex {
    if (this.#versionIndex !== undefined) return this.#versionIndex;
    const index = new VersionIndex((id) => this.#resources[id]);
    for (const [id, resource] of this.#resources.entries()) if (resource !== undefined) index.add(id, resource);
    this.#versionIndex = index;
    return index;
  }

  find(name: string): number | undefined {
    return this.#ids.get(name);
  }

  nameOf(id: number): string {
    return this.#names[id] ?? '';
  }

  /** The number of a name, which holds until it is released as often as it was acquired. */
  acquire(name: string): number {
    const known = this.#ids.get(name);
    if (known !== undefined) {
      this.#users[known] = (this.#users[known] ?? 0) + 1;
      return known;
    }
    const id = this.#free.pop() ?? this.#names.length;
    this.#ids.set(name, id);
    this.#names[id] = name;
    this.#resources[id] = undefined;
    this.#users[id] = 1;
    return id;
  }

  release(id: number): void {
    const users = (this.#users[id] ?? 0) - 1;
    this.#users[id] = users;
    if (users > 0) return;
    this.#ids.delete(this.nameOf(id));
    this.#names[id] = '';
    this.#free.push(id);
  }

  watch(watcher: Watcher): void {
    this.#watchers.add(watcher);
  }

  unwatch(watcher: Watcher): void {
    this.#watchers.delete(watcher);
  }

  /** Puts a resource in the place of what had its name, or removes it, and tells whom it concerns; they are added to `told`. */
  replace(
    name: string,
    resource: Resource | undefined,
    sequence: number,
    told: Set<Subscriber>,
    isForced = false,
  ): void {
    const before = this.get(name);
    if (before?.version === resource?.version && !isForced) return;
    // Held until the watchers have been told, whoever of them gives the name up.
    const id = this.acquire(name);
    this.#put(id, before, resource);
    // Of what was withdrawn silently, clients may have any state.
    const held =
      before === undefined ? (isForced ? { version: '' } : undefined) : { version: before.version, resource: before };
    for (const watcher of this.#watchers) {
      if (!watcher.coversId(id)) continue;
      watcher.changed(name, held, sequence);
      told.add(watcher.subscriber);
    }
    this.release(id);
  }

  /** Removes a resource without telling those who have it. */
  withdraw(name: string): void {
    const before = this.get(name);
    if (before === undefined) return;
    const id = this.acquire(name);
    this.#put(id, before, undefined);
    this.release(id);
  }

  #put(id: number, before: Resource | undefined, after: Resource | undefined): void {
    // Exclusive or is its own inverse, so what leaves is taken out by the same step that puts in what comes.
    if (before !== undefined) this.#digest ^= BigInt(`0x${before.version}`);
    if (after !== undefined) this.#digest ^= BigInt(`0x${after.version}`);
    this.#version = undefined;
    this.#all = undefined;
    this.#resources[id] = after;
    if (before !== undefined) this.#versionIndex?.delete(id, before);
    if (after !== undefined) this.#versionIndex?.add(id, after);
    if ((before === undefined) === (after === undefined)) return;
    this.#sortedNames = undefined;
    if (after === undefined) {
      this.ids.delete(id);
      this.#nameLength -= this.nameOf(id).length;
      this.release(id);
    } else {
      this.ids.add(id);
      this.#nameLength += after.name.length;
      this.acquire(after.name);
    }
  }
}
