/**
 * What has been published and no Envoy has accepted yet: for each such resource what it was before, and which objects changed for it.
 * It forgets both when the resource is accepted, so that memory follows what changes.
 */
import type { KubernetesObject } from '../cluster/kubernetes-object.ts';
import type { Resource } from '../xds/resource.ts';
import type { ResourceChange } from '../xds/view.ts';

interface Publication {
  readonly at: number;
  readonly objects: readonly string[];
  /** Resources that are not accepted yet. */
  readonly open: Set<string>;
}

interface Unproven {
  readonly version: string;
  /** What it was when it was accepted last; undefined when it was not there. */
  readonly lastGood: Resource | undefined;
  readonly publications: readonly Publication[];
}

/** What no Envoy has said anything of for so long is taken for good. */
const patienceMs = 600_000;

export class Ledger {
  readonly #resources = new Map<string, Unproven>();
  readonly #publications = new Set<Publication>();
  /** By object: what it was before the first of the publications that have it. */
  readonly #objects = new Map<string, { readonly before: KubernetesObject | undefined; uses: number }>();
  readonly #pending = new Set<string>();
  #isFirst = true;

  /** An object has changed; what follows from it is in the next publication. */
  noteObject(id: string, before: KubernetesObject | undefined): void {
    this.#pending.add(id);
    if (!this.#objects.has(id)) this.#objects.set(id, { before, uses: 0 });
  }

  /**
   * @param changes what is published
   * @param beforeOf what was published of a resource until now
   */
  publish(
    changes: readonly ResourceChange[],
    beforeOf: (change: ResourceChange) => Resource | undefined,
    now: number,
  ): void {
    const objects = [...this.#pending];
    this.#pending.clear();
    if (this.#isFirst) {
      // There was nothing before, and everything has changed: as much as if nothing were known.
      this.#isFirst = false;
      this.#objects.clear();
      return;
    }
    const publication: Publication = { at: now, objects, open: new Set() };
    for (const id of objects) this.#use(id, 1);
    this.#publications.add(publication);
    for (const change of changes) {
      const key = resourceKey(change);
      const known = this.#resources.get(key);
      if (change.resource === undefined) {
        this.#settle(key);
        continue;
      }
      const lastGood = known === undefined ? beforeOf(change) : known.lastGood;
      if (change.resource.version === lastGood?.version) {
        this.#settle(key);
        continue;
      }
      const publications = [...(known?.publications ?? []), publication];
      this.#resources.set(key, { version: change.resource.version, lastGood, publications });
      publication.open.add(key);
    }
    if (publication.open.size === 0) this.#close(publication);
  }

  /** An Envoy has accepted this version of a resource. */
  accept(key: string, version: string): void {
    if (this.#resources.get(key)?.version === version) this.#settle(key);
  }

  get isEmpty(): boolean {
    return this.#resources.size === 0;
  }

  lastGood(key: string): Resource | undefined {
    return this.#resources.get(key)?.lastGood;
  }

  /** The objects that have changed since the resource was accepted last; none when that is not known. */
  changedFor(key: string): readonly string[] {
    return (this.#resources.get(key)?.publications ?? []).flatMap(({ objects }) => objects);
  }

  /** Whether an object has changed since the last publication. */
  isPending(id: string): boolean {
    return this.#pending.has(id);
  }

  /** Those that have changed since the last publication. */
  pendingObjects(): Iterable<string> {
    return this.#pending;
  }

  /** What an object was before it changed, if that is not proven yet. */
  before(id: string): KubernetesObject | undefined {
    return this.#objects.get(id)?.before;
  }

  sweep(now: number): void {
    for (const publication of this.#publications) {
      if (now - publication.at < patienceMs) continue;
      for (const key of publication.open) this.#settle(key);
      this.#close(publication);
    }
  }

  #settle(key: string): void {
    const unproven = this.#resources.get(key);
    if (unproven === undefined) return;
    this.#resources.delete(key);
    for (const publication of unproven.publications) {
      publication.open.delete(key);
      if (publication.open.size === 0) this.#close(publication);
    }
  }

  #close(publication: Publication): void {
    if (!this.#publications.delete(publication)) return;
    for (const id of publication.objects) this.#use(id, -1);
  }

  #use(id: string, by: 1 | -1): void {
    const entry = this.#objects.get(id);
    if (entry === undefined) return;
    entry.uses += by;
    if (entry.uses === 0 && !this.#pending.has(id)) this.#objects.delete(id);
  }
}

/** Names a resource among those of all types. */
export function resourceKey({ typeUrl, name }: { readonly typeUrl: string; readonly name: string }): string {
  return `${typeUrl} ${name}`;
}
