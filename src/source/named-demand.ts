// Counts who names which object of a kind, so that it is known when the first one comes and the last one goes.

import type { KubernetesObject } from '../cluster/kubernetes-object.ts';

/**
 * So many of one object are looked for by name. Each costs a list and a watch, so that whoever may write one large Ingress
 * could else hold up the start of the control plane and the API server with it. Secrets of the type for certificates are
 * found without being looked for.
 */
const mostOfOneObject = 100;

export class NamedDemand {
  readonly #namesIn: (object: KubernetesObject) => readonly string[];
  readonly #references = new Map<string, readonly string[]>();
  readonly #counts = new Map<string, number>();

  /**
   * @param namesIn the objects, as `namespace/name`, that an object names
   * @param always those that are wanted whether or not an object names them
   */
  constructor(namesIn: (object: KubernetesObject) => readonly string[], always: readonly string[]) {
    this.#namesIn = namesIn;
    for (const key of always) this.#count(key, 1);
  }

  /** `namespace/name` of each that is named. */
  get wanted(): Iterable<string> {
    return this.#counts.keys();
  }

  has(key: string): boolean {
    return this.#counts.has(key);
  }

  /**
   * Takes note of an object, undefined when it is gone. Answers what it names or named.
   *
   * @param origin tells objects apart.
   */
  note(origin: string, object: KubernetesObject | undefined): readonly string[] {
    const before = this.#references.get(origin) ?? [];
    const now = object === undefined ? [] : [...new Set(this.#namesIn(object))].slice(0, mostOfOneObject);
    for (const key of now) this.#count(key, 1);
    for (const key of before) this.#count(key, -1);
    if (now.length > 0) this.#references.set(origin, now);
    else this.#references.delete(origin);
    return [...before, ...now];
  }

  #count(key: string, by: number): void {
    const count = (this.#counts.get(key) ?? 0) + by;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
  }
}
