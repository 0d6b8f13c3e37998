/**
 * Puts together what a client is sent next: what of its dirty names may go now, in the order that never lets a route name a
 * cluster that the Envoy lacks.
 */
import { typeUrl } from '../proto/type-url.ts';
import type { Dirty } from './dirty-names.ts';
import { Draft } from './draft.ts';
import type { Gates, Patience } from './gates.ts';
import { tableOfParts } from './inlined-table.ts';
import type { Resource } from './resource.ts';
import { secretVariant } from './secret-variant.ts';
import type { Subscription } from './subscription.ts';

export interface SessionLimits extends Patience {
  /** Encoded bytes of resources in one delta response; one resource larger than this goes alone. */
  readonly responseBytes: number;
  /**
   * Clusters in one delta response, once a client serves. An Envoy takes up to a millisecond for each, in which it does nothing else
   * on its main thread; between two responses, others get their turn.
   */
  readonly responseClusters: number;
}

/** Makes what a client gets for a name that it asks for and that does not exist; undefined to say that it does not. */
export type Substitute = (typeUrl: string, name: string) => Resource | undefined;

/** In SotW, a response of these types is the whole state: what it lacks is deleted. */
export const wholeState: ReadonlySet<string> = new Set([typeUrl.listener, typeUrl.cluster]);

export class Delivery {
  readonly #protocol: 'sotw' | 'delta';
  readonly #substitute: Substitute;
  readonly #limit: number;
  readonly #clusters: number;

  constructor(protocol: 'sotw' | 'delta', substitute: Substitute, limits: SessionLimits) {
    this.#protocol = protocol;
    this.#substitute = substitute;
    this.#clusters = limits.responseClusters;
    this.#limit = protocol === 'delta' ? limits.responseBytes : Infinity;
  }

  /** Takes what may be sent now out of the dirty names; undefined when there is nothing to say. */
  draft(subscription: Subscription, gates: Gates): Draft | undefined {
    const isWhole = this.#protocol === 'sotw' && wholeState.has(subscription.typeUrl);
    const draft = isWhole ? this.#draftWhole(subscription, gates) : this.#draftChanges(subscription, gates);
    const saysNothing = draft.isEmpty && !draft.isWholeState;
    return saysNothing && (!subscription.owesAnswer || subscription.dirty.size > 0) ? undefined : draft;
  }

  /** Only what is dirty, up to the size of a response; what has to wait stays dirty. */
  #draftChanges(subscription: Subscription, gates: Gates): Draft {
    const { retries, dirty } = subscription;
    for (const part of retries.slice()) {
      const retry = new Draft();
      this.#addNames(retry, subscription, gates, part);
      // What has to wait keeps its place, and nothing else waits for it; what is no longer dirty needs none.
      const isOpen = retry.isEmpty && [...part].some((name) => dirty.has(name));
      if (!isOpen) retries.splice(retries.indexOf(part), 1);
      if (!retry.isEmpty) return retry;
    }
    const draft = new Draft();
    if (this.#isCrowded(subscription)) {
      this.#addNames(draft, subscription, gates, newestFirst(dirty), Math.ceil(this.#clusters / 2));
      this.#addNames(draft, subscription, gates, dirty.keys(), this.#clusters);
      return draft;
    }
    if (this.#addAlike(draft, subscription, gates)) this.#addNames(draft, subscription, gates);
    return draft;
  }

  /** Whether so many clusters are to be sent to a client that serves that others would have to wait long for theirs. */
  #isCrowded({ typeUrl: type, dirty }: Subscription): boolean {
    if (this.#protocol !== 'delta' || type !== typeUrl.cluster || dirty.size <= this.#clusters) return false;
    return dirty.alike.size === 0 || dirty.each.first > 0;
  }

  /** Those that are all dirty in the same way, which the client lacks; gives back whether there is room for more. */
  #addAlike(draft: Draft, subscription: Subscription, gates: Gates): boolean {
    const { table } = subscription;
    const { alike, each } = subscription.dirty;
    if (alike.size === 0) return true;
    const isBlockedTogether = gates.blocksUpsert(subscription.typeUrl, each);
    if (isBlockedTogether && (subscription.typeUrl !== typeUrl.virtualHost || alike.size > fewAlike)) return true;
    if (isBlockedTogether || isSpecial(subscription)) {
      this.#addNames(draft, subscription, gates, new Set(subscription.dirty.keys()));
      return false;
    }
    const isTable = subscription.typeUrl === typeUrl.routeConfiguration;
    for (let id = alike.next(0); id >= 0; id = alike.next(id + 1)) {
      const resource = table.at(id);
      if (resource !== undefined) {
        if (!this.#hasRoom(draft, resource.record.length)) return false;
        draft.add(resource, each);
        if (isTable) draft.introduced.push(resource.name);
      }
      alike.delete(id);
    }
    return true;
  }

  /** Those that are dirty each in its own way; or, of all that are dirty, some, until there are so many in the response. */
  #addNames(draft: Draft, subscription: Subscription, gates: Gates, only?: Iterable<string>, count = Infinity): void {
    const { dirty: names } = subscription;
    for (const name of only ?? names.apart.keys()) {
      if (draft.size >= count) break;
      const dirty = names.get(name);
      if (dirty === undefined) continue;
      const step = this.#next(subscription, name, dirty);
      if (isBlocked(subscription.typeUrl, step, dirty, gates)) continue;
      if (step.kind === 'upsert' || step.kind === 'empty') {
        if (!this.#hasRoom(draft, step.resource.record.length)) break;
        draft.add(step.resource, dirty);
        if (dirty.held === undefined) draft.introduced.push(name);
      } else if (step.kind === 'remove' && this.#protocol === 'delta') {
        if (!this.#hasRoom(draft, name.length)) break;
        draft.remove(name, dirty);
      } else if (step.kind === 'remove') {
        // SotW has no words for it, so no answer will ever take the refusal back.
        subscription.rejected.delete(name);
        subscription.isolations.delete(name);
      }
      names.delete(name);
    }
  }

  #hasRoom(draft: Draft, bytes: number): boolean {
    return draft.bytes === 0 || draft.bytes + bytes <= this.#limit;
  }

  /** Everything that is subscribed to, and what may not be removed yet. */
  #draftWhole(subscription: Subscription, gates: Gates): Draft {
    const draft = new Draft();
    const { dirty: all, table, typeUrl: type, oldestRejected } = subscription;
    const { alike, each } = all;
    const isolation = subscription.isolations.get('');
    const steps = Array.from(all.apart, ([name, dirty]) => ({
      name,
      dirty,
      step: this.#next(subscription, name, dirty),
    }));
    // The response can't leave out a change that has to wait, so it waits as a whole.
    if (alike.size > 0 && gates.blocksUpsert(type, each)) return draft;
    if (steps.some(({ dirty, step }) => step.kind === 'upsert' && isBlocked(type, step, dirty, gates))) return draft;
    // It carries again what the client has refused, so its answer says something about that as well.
    const names = new Set(subscription.rejected.keys());
    const keep: Resource[] = [];
    let hasNews = alike.size > 0;
    // A refused state of the world is applied in part: what it lacks is gone, so removals wait until the rest is accepted.
    const hasUpserts = hasNews || steps.some(({ step }) => step.kind === 'upsert') || isolation?.isWaiting === true;
    for (const { name, dirty, step } of steps) {
      if (step.kind === 'remove' && (hasUpserts || isBlocked(type, step, dirty, gates))) {
        if (dirty.held?.resource !== undefined) {
          keep.push(dirty.held.resource);
          continue;
        }
        if (isBlocked(type, step, dirty, gates)) continue;
      }
      if (step.kind !== 'nothing') {
        hasNews = true;
        names.add(name);
        draft.note(dirty, step.kind !== 'remove');
      }
      all.delete(name);
    }
    if (!hasNews && !subscription.owesAnswer) return draft;
    if (alike.size > 0) draft.note(each, true);
    draft.isWholeState = true;
    const isFirst = alike.size === table.size && names.size + keep.length === 0;
    if (!isFirst) for (const id of alike) names.add(table.nameOf(id));
    draft.names = isFirst ? undefined : names;
    alike.clear();
    const covered = subscription.covered();
    const present = keep.length === 0 ? covered : [...covered, ...keep];
    // What was accepted before may have been given up since.
    draft.resources =
      isolation === undefined ? present : isolation.compose(present).filter(({ name }) => subscription.covers(name));
    // What it lacks of what was sent before a refusal is new to it, and routes may name it.
    if (isolation?.differs(draft.resources) === true) draft.oldestUpsert = Math.min(draft.oldestUpsert, oldestRejected);
    return draft;
  }

  #next(subscription: Subscription, name: string, dirty: Dirty): Step {
    const { typeUrl: type, table, names } = subscription;
    const resource = formFor(subscription, name, table.get(name));
    const isHeld = (version: string): boolean => dirty.held?.version === version && !dirty.forced;
    if (resource !== undefined) return isHeld(resource.version) ? { kind: 'nothing' } : { kind: 'upsert', resource };
    const substitute = names.has(name) ? this.#substitute(type, name) : undefined;
    if (substitute !== undefined) {
      return isHeld(substitute.version) ? { kind: 'nothing' } : { kind: 'empty', resource: substitute };
    }
    return dirty.held === undefined && !dirty.forced ? { kind: 'nothing' } : { kind: 'remove' };
  }
}

/** Of so many virtual hosts that are new together, each waits for its own clusters. */
const fewAlike = 200;

/** What came last is likely to belong to something small, unless it is more of the same. */
function newestFirst({ apart }: Subscription['dirty']): Iterable<string> {
  return [...apart.keys()].toReversed();
}

/** Whether what is sent may be another form of a resource than the one that the view has. */
function isSpecial({ typeUrl: type, isolations, variants }: Subscription): boolean {
  return variants.size > 0 || (isolations.size > 0 && !wholeState.has(type));
}

function formFor(
  { isolations, variants }: Subscription,
  name: string,
  resource: Resource | undefined,
): Resource | undefined {
  if (resource === undefined) return undefined;
  const variant = variants.get(name);
  if (variant !== undefined) return secretVariant(resource, variant);
  const isolation = resource.parts && isolations.get(name);
  return isolation === undefined ? resource : tableOfParts(isolation.compose(resource.parts ?? []), resource);
}

type Step =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'upsert'; readonly resource: Resource }
  /** It is gone, and what stands for it is sent, because the client waits for an answer under this name. */
  | { readonly kind: 'empty'; readonly resource: Resource }
  | { readonly kind: 'remove' };

function isBlocked(type: string, step: Step, dirty: Dirty, gates: Gates): boolean {
  if (step.kind === 'nothing') return false;
  return step.kind === 'upsert' ? gates.blocksUpsert(type, dirty, step.resource) : gates.blocksRemoval(type, dirty);
}
