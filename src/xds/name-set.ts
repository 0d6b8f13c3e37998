/** The names that a stream has asked for by name, kept as numbers of the resource table. */
import { IdSet } from './id-set.ts';
import type { ResourceTable } from './resource-table.ts';

export class NameSet implements Iterable<string> {
  readonly #table: ResourceTable;
  readonly #ids = new IdSet();

  constructor(table: ResourceTable) {
    this.#table = table;
  }

  get size(): number {
    return this.#ids.size;
  }

  has(name: string): boolean {
    if (this.#ids.size === 0) return false;
    const id = this.#table.find(name);
    return id !== undefined && this.#ids.has(id);
  }

  hasId(id: number): boolean {
    return this.#ids.has(id);
  }

  /** Gives back the number of the name. */
  add(name: string): number {
    const id = this.#table.acquire(name);
    if (!this.#ids.add(id)) this.#table.release(id);
    return id;
  }

  delete(name: string): void {
    const id = this.#table.find(name);
    if (id !== undefined && this.#ids.delete(id)) this.#table.release(id);
  }

  clear(): void {
    for (const id of this.#ids) this.#table.release(id);
    this.#ids.clear();
  }

  /** Names may be deleted meanwhile. */
  *[Symbol.iterator](): Generator<string> {
    for (const id of this.#ids) yield this.#table.nameOf(id);
  }
}
