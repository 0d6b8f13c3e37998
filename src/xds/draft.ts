/** A response while it is put together. */
import type { Dirty } from './dirty-names.ts';
import type { Resource } from './resource.ts';

export class Draft {
  readonly #added: Resource[] = [];
  /** What was added, unless the response is the whole state. */
  resources: readonly Resource[] = this.#added;
  readonly removed: string[] = [];
  /** What the answer says something about; undefined when that is what is in the response. */
  names: ReadonlySet<string> | undefined;
  /** Those of the resources that the client did not have before, as far as is known. */
  readonly introduced: string[] = [];
  isWholeState = false;
  bytes = 0;
  oldest = Infinity;
  oldestUpsert = Infinity;

  get isEmpty(): boolean {
    return this.resources.length === 0 && this.removed.length === 0;
  }

  /** How many are in it, unless it is the whole state. */
  get size(): number {
    return this.#added.length + this.removed.length;
  }

  add(resource: Resource, dirty: Dirty): void {
    this.#added.push(resource);
    this.bytes += resource.record.length;
    this.note(dirty, true);
  }

  remove(name: string, dirty: Dirty): void {
    this.removed.push(name);
    this.bytes += name.length;
    this.note(dirty, false);
  }

  note(dirty: Dirty, isUpsert: boolean): void {
    this.oldest = Math.min(this.oldest, dirty.first);
    // Publication 0 is the start of a client, which nothing waits for.
    if (isUpsert && dirty.first > 0) this.oldestUpsert = Math.min(this.oldestUpsert, dirty.first);
  }
}
