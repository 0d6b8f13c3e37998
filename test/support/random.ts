/** Numbers by chance that are the same for the same seed (mulberry32), for runs too long for a property library. */

export class Random {
  #state: number;

  /** @param seed a number, or `random` for one that nobody has seen */
  constructor(seed: string) {
    this.#state = seed === 'random' ? Math.floor(Math.random() * 2 ** 32) : Number(seed);
  }

  /** At least 0 and below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(from: readonly T[]): T {
    const [picked] = from.slice(this.below(from.length));
    if (picked === undefined) throw new Error('there is nothing to pick from');
    return picked;
  }

  /** One of the first, each as often as the number beside it says. */
  weighted<K>(weights: readonly (readonly [K, number])[]): K {
    let left = this.next() * weights.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [key, weight] of weights) {
      left -= weight;
      if (left < 0) return key;
    }
    throw new Error('there are no weights');
  }
}
