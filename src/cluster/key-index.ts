/**
 * From keys to sets of keys, made for a hundred thousand sets of which nearly all have one member: these are kept as the
 * bare string, which costs no memory of its own.
 */
export class KeyIndex {
  readonly #sets = new Map<string, string | Set<string>>();

  get(at: string): Iterable<string> {
    const found = this.#sets.get(at);
    if (found === undefined) return nothing;
    return typeof found === 'string' ? [found] : found;
  }

  /** Adds the members of a set to another set. */
  addTo(others: Set<string>, at: string): void {
    const found = this.#sets.get(at);
    if (typeof found === 'string') others.add(found);
    else if (found !== undefined) for (const member of found) others.add(member);
  }

  has(at: string): boolean {
    return this.#sets.has(at);
  }

  add(at: string, member: string): void {
    const found = this.#sets.get(at);
    if (found === undefined) this.#sets.set(at, member);
    else if (typeof found !== 'string') found.add(member);
    else if (found !== member) this.#sets.set(at, new Set([found, member]));
  }

  delete(at: string, member: string): void {
    const found = this.#sets.get(at);
    if (found === undefined) return;
    if (typeof found === 'string') {
      if (found === member) this.#sets.delete(at);
      return;
    }
    found.delete(member);
    if (found.size === 0) this.#sets.delete(at);
  }

  /** All members at once. */
  set(at: string, members: ReadonlySet<string>): void {
    const [only] = members;
    if (only === undefined) this.#sets.delete(at);
    else this.#sets.set(at, members.size === 1 ? only : new Set(members));
  }
}

const nothing: readonly string[] = [];
