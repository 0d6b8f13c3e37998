/** A set of small integers in one bit each: ten thousand names of a stream take 1.25 kB instead of some hundred. */

const bitsPerWord = 32;
const none = new Uint32Array(0);

export class IdSet {
  #words: Uint32Array = none;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(id: number): boolean {
    return (((this.#words[id >>> 5] ?? 0) >>> (id & 31)) & 1) === 1;
  }

  /** Gives back whether it was missing. */
  add(id: number): boolean {
    const index = id >>> 5;
    if (index >= this.#words.length) this.#grow(index + 1);
    const word = this.#words[index] ?? 0;
    const bit = 1 << (id & 31);
    if ((word & bit) !== 0) return false;
    this.#words[index] = word | bit;
    this.#size += 1;
    return true;
  }

  /** Gives back whether it was there. */
  delete(id: number): boolean {
    if (!this.has(id)) return false;
    const index = id >>> 5;
    this.#words[index] = (this.#words[index] ?? 0) & ~(1 << (id & 31));
    this.#size -= 1;
    if (this.#size === 0) this.clear();
    return true;
  }

  /** Takes over the members of another, in place of its own. */
  copy(other: IdSet): void {
    this.#words = other.#words.slice();
    this.#size = other.#size;
  }

  clear(): void {
    this.#words = none;
    this.#size = 0;
  }

  /** The smallest member from `from` on; -1 if there is none. */
  next(from: number): number {
    if (this.#size === 0) return -1;
    let index = from >>> 5;
    // What lies below `from` in its word does not count.
    let word = (this.#words[index] ?? 0) & (-1 << (from & 31));
    while (word === 0) {
      index += 1;
      if (index >= this.#words.length) return -1;
      word = this.#words[index] ?? 0;
    }
    return index * bitsPerWord + (31 - Math.clz32(word & -word));
  }

  /** Ascending. Members may be deleted meanwhile. */
  *[Symbol.iterator](): Generator<number> {
    for (let id = this.next(0); id >= 0; id = this.next(id + 1)) yield id;
  }

  #grow(length: number): void {
    const words = new Uint32Array(Math.max(length, this.#words.length + (this.#words.length >>> 1)));
    words.set(this.#words);
    this.#words = words;
  }
}
