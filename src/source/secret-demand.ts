// Counts who names which Secret, so that it is known when the first one comes and the last one goes.

import type { KubernetesObject } from '../cluster/kubernetes-object.ts';
import { referencedSecrets } from '../cluster/secret-reference.ts';

/**
 * So many of one object are looked for by name. Each costs a list and a watch, so that whoever may write one large Ingress
 * could else hold up the start of the control plane and the API server with it. Secrets of the type for certificates are
 * found without being looked for.
 */
const mostOfOneObject = 100;

export class SecretDemand {
  readonly #references = new Map<string, readonly string[]>();
  readonly #counts = new Map<string, number>();

  /** @param always Secrets, as `namespace/name`, that are wanted whether or not an object names them. */
  constructor(always: readonly string[]) {
    for (const secret of always) this.#count(secret, 1);
  }

  /** `namespace/name` of each Secret that is named. */
  get wanted(): Iterable<string> {
    return this.#counts.keys();
  }

  has(secret: string): boolean {
    return this.#counts.has(secret);
  }

  /**
   * Takes note of an object, undefined when it is gone. Answers the Secrets that it names or named.
   *
   * @param origin tells objects apart.
   */
  note(origin: string, object: KubernetesObject | undefined): readonly string[] {
    const before = this.#references.get(origin) ?? [];
    const now = object === undefined ? [] : [...new Set(referencedSecrets(object))].slice(0, mostOfOneObject);
    for (const secret of now) this.#count(secret, 1);
    for (const secret of before) this.#count(secret, -1);
    if (now.length > 0) this.#references.set(origin, now);
    else this.#references.delete(origin);
    return [...before, ...now];
  }

  #count(secret: string, by: number): void {
    const count = (this.#counts.get(secret) ?? 0) + by;
    if (count > 0) this.#counts.set(secret, count);
    else this.#counts.delete(secret);
  }
}
