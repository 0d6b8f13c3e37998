/** Ingresses that turn bad by themselves keep their last good form: found between the computation of a change and its publication. */
import type { Ingress } from './cluster/kubernetes-object.ts';
import type { Quarantine } from './quarantine/quarantine.ts';
import type { Translation } from './translation/translation.ts';

export class LastForms {
  readonly #translation: Translation;
  readonly #quarantine: Quarantine;
  /** Of the Ingresses that have changed since the last publication, the forms that were served without a fault. */
  readonly #good = new Map<string, Ingress>();
  /** Those of them that are held now. */
  readonly #held = new Set<string>();

  constructor(translation: Translation, quarantine: Quarantine) {
    this.#translation = translation;
    this.#quarantine = quarantine;
  }

  /** An Ingress (`namespace/name`) changes; to be called before the translation is told. */
  noteChange(ingress: string): void {
    if (this.#good.has(ingress)) return;
    const good = this.#translation.goodForm(ingress);
    if (good !== undefined) this.#good.set(ingress, good);
  }

  /**
   * To be called after each commit: whether it takes another one before anything may be published. Each Ingress is held once at the most
   * and released once, so that this ends.
   */
  judge(now: number): boolean {
    let isDone = true;
    for (const [ingress, good] of this.#good) {
      const faults = this.#translation.faultsOf(ingress);
      if (faults.length === 0) continue;
      const of = { kind: 'Ingress', key: ingress } as const;
      if (this.#held.delete(ingress)) {
        // Something else has changed as well, so that what was good is no more.
        this.#good.delete(ingress);
        this.#quarantine.releaseFaulty(of);
        this.#translation.release(of, now);
        isDone = false;
      } else if (!this.#translation.isHeld(of)) {
        const newest = this.#translation.objectOf(of);
        // What was made anew under the same name is another object, and what cannot even be compared is not in use.
        if (newest?.kind !== 'Ingress' || newest === good || newest.metadata.uid !== good.metadata.uid) continue;
        if (!this.#translation.mayStandFor(good, newest, faults)) continue;
        this.#held.add(ingress);
        this.#translation.hold(this.#quarantine.holdFaulty(newest, good, faults, now), now);
        isDone = false;
      }
    }
    if (isDone) {
      this.#good.clear();
      this.#held.clear();
    }
    return !isDone;
  }
}
