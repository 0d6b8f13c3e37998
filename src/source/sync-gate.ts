// Decides when everything has been read for the first time. What has not been read must not be taken for absent: what
// it lacks, Envoys would delete.

import { reflectedResources, type ReflectorTarget, targetKey } from './reflected-resource.ts';
import type { ReflectorEvent } from './reflector.ts';

/** So many refusals in a row are an answer; one may come from an API server that has not read its own rules yet. */
const refusalsThatCount = 3;

export class SyncGate {
  readonly #targets: readonly ReflectorTarget[];
  readonly #listed = new Set<string>();
  readonly #refusals = new Map<string, number>();

  constructor(targets: readonly ReflectorTarget[]) {
    this.#targets = targets;
  }

  note(event: ReflectorEvent): void {
    const key = targetKey(event);
    if (event.kind === 'listed') this.#listed.add(key);
    if (event.kind !== 'failed' || event.operation !== 'list') return;
    this.#refusals.set(key, event.failure.status === 403 ? (this.#refusals.get(key) ?? 0) + 1 : 0);
  }

  /**
   * True when all is read. Where Sluice is told which namespaces to read, it can be without rights on the whole cluster: a
   * namespace of which everything is forbidden is left out as long as there is another one, and so are IngressClasses.
   */
  get isOpen(): boolean {
    const missing = this.#targets.filter((target) => !this.#isListed(target));
    return missing.length === 0 || (this.#hasListedNamespace() && missing.every((target) => this.#isExcused(target)));
  }

  #isExcused(target: ReflectorTarget): boolean {
    if (!reflectedResources[target.resource].isNamespaced) return this.#isForbidden(target);
    return this.#targets
      .filter(({ namespace }) => namespace === target.namespace && namespace !== '')
      .every((sibling) => this.#isForbidden(sibling));
  }

  /** True when a namespace was asked for by name, and answered. */
  #hasListedNamespace(): boolean {
    return this.#targets.some((target) => target.namespace !== '' && this.#isListed(target));
  }

  #isForbidden(target: ReflectorTarget): boolean {
    return !this.#isListed(target) && (this.#refusals.get(targetKey(target)) ?? 0) >= refusalsThatCount;
  }

  #isListed(target: ReflectorTarget): boolean {
    return this.#listed.has(targetKey(target));
  }
}
