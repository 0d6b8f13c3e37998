/**
 * What goes into one response, shared by all streams that are sent the same: a thousand Envoys that connect at once, or are told of
 * one change, cost one encoded response.
 */
import type { Resource } from './resource.ts';

export interface Batch {
  readonly resources: readonly Resource[];
  /** Names; always empty for SotW. */
  readonly removed: readonly string[];
  /** The names of both. */
  readonly names: ReadonlySet<string>;
  /** The response as it was encoded last; `key` is what else stands in it. */
  encoded: { readonly key: string; readonly bytes: Buffer } | undefined;
}

/** So many are kept while they are in use: enough for streams that are at different parts of a first answer. */
const sizeLimit = 64;

/** The batches of one type that were sent of late. */
export class BatchCache {
  /** By what comes first in them, those used last at the end. */
  readonly #batches = new Map<Resource | string | undefined, { readonly batch: Batch; age: number }>();

  /** The batch with these contents, in this order. */
  of(resources: readonly Resource[], removed: readonly string[]): Batch {
    const key = resources[0] ?? removed[0];
    const known = this.#batches.get(key);
    if (known !== undefined && isSame(known.batch.resources, resources) && isSame(known.batch.removed, removed)) {
      known.age = 0;
      return known.batch;
    }
    const names = new Set([...resources.map(({ name }) => name), ...removed]);
    const batch: Batch = { resources, removed, names, encoded: undefined };
    this.#batches.delete(key);
    this.#batches.set(key, { batch, age: 0 });
    const [oldest] = this.#batches.keys();
    if (this.#batches.size > sizeLimit) this.#batches.delete(oldest);
    return batch;
  }

  /** To be called now and then: forgets what nobody has been sent for two calls. */
  sweep(): void {
    for (const [key, entry] of this.#batches) {
      entry.age += 1;
      if (entry.age > 2) this.#batches.delete(key);
    }
  }
}

function isSame<T>(left: readonly T[], right: readonly T[]): boolean {
  return left === right || (left.length === right.length && left.every((each, i) => each === right[i]));
}
