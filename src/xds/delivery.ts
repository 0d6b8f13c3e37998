/**
 * Puts together what a client is sent next: what of its dirty names may go now, in the order that never lets a route name a
 * cluster that the Envoy lacks.
 */
import { typeUrl } from '../proto/type-url.ts';
import type { TypeUrl } from '../proto/type-url.ts';
import type { Resource } from './resource.ts';
import type { Dirty, Subscription } from './subscription.ts';
import type { SubscribableView } from './view.ts';

export interface SessionLimits {
  /** Encoded bytes of resources in one delta response; one resource larger than this goes alone. */
  readonly responseBytes: number;
  /** How long the next response of a type waits for the answer to the last. */
  readonly ackPatienceMs: number;
  /** How long routes wait for their clusters, and removals for the routes that used them. */
  readonly orderPatienceMs: number;
}

/** Makes what a client gets for a name that it asks for and that does not exist; undefined to say that it does not. */
export type Substitute = (typeUrl: string, name: string) => Resource | undefined;

/** Make before break: what is used comes before what uses it. Types that are not listed come last. */
const order: readonly string[] = [
  typeUrl.cluster,
  typeUrl.clusterLoadAssignment,
  typeUrl.secret,
  typeUrl.listener,
  typeUrl.routeConfiguration,
  typeUrl.virtualHost,
] satisfies TypeUrl[];

/** These name clusters, so their changes wait for the clusters, and the removal of a cluster waits for them. */
const routing: ReadonlySet<string> = new Set([typeUrl.listener, typeUrl.routeConfiguration, typeUrl.virtualHost]);
const routed: ReadonlySet<string> = new Set([typeUrl.cluster, typeUrl.clusterLoadAssignment, typeUrl.secret]);

/** In SotW, a response of these types is the whole state: what it lacks is deleted. */
const wholeState: ReadonlySet<string> = new Set([typeUrl.listener, typeUrl.cluster]);

export class Delivery {
  readonly #protocol: 'sotw' | 'delta';
  readonly #view: SubscribableView;
  readonly #substitute: Substitute;
  readonly #limits: SessionLimits;

  constructor(protocol: 'sotw' | 'delta', view: SubscribableView, substitute: Substitute, limits: SessionLimits) {
    this.#protocol = protocol;
    this.#view = view;
    this.#substitute = substitute;
    this.#limits = limits;
  }

  /** Takes what may be sent now out of the dirty names; undefined when there is nothing to say. */
  draft(subscription: Subscription, gates: Gates): Draft | undefined {
    if (subscription.dirty.size === 0 && !subscription.owesAnswer) return undefined;
    const isWhole = this.#protocol === 'sotw' && wholeState.has(subscription.typeUrl);
    const draft = isWhole ? this.#draftWhole(subscription, gates) : this.#draftChanges(subscription, gates);
    const isEmpty = draft.resources.length === 0 && draft.removed.length === 0 && !draft.isWholeState;
    return isEmpty && (!subscription.owesAnswer || subscription.dirty.size > 0) ? undefined : draft;
  }

  /** Only what is dirty, up to the size of a response; what has to wait stays dirty. */
  #draftChanges(subscription: Subscription, gates: Gates): Draft {
    for (let part = subscription.retries.shift(); part !== undefined; part = subscription.retries.shift()) {
      const draft = this.#draftNames(subscription, gates, part);
      if (draft.names.size > 0) return draft;
      // What has to wait keeps its place; what is no longer dirty needs none.
      if (![...part].some((name) => subscription.dirty.has(name))) continue;
      subscription.retries.unshift(part);
      return draft;
    }
    return this.#draftNames(subscription, gates);
  }

  #draftNames(subscription: Subscription, gates: Gates, only?: ReadonlySet<string>): Draft {
    const draft = new Draft();
    const limit = this.#protocol === 'delta' ? this.#limits.responseBytes : Infinity;
    for (const [name, dirty] of subscription.dirty) {
      if (only?.has(name) === false) continue;
      const step = this.#next(subscription, name, dirty);
      if (step.kind !== 'nothing' && isBlocked(subscription.typeUrl, step, dirty, gates)) continue;
      if (step.kind === 'upsert' || step.kind === 'empty') {
        if (draft.bytes > 0 && draft.bytes + step.resource.record.length > limit) break;
        draft.add(name, step.resource, dirty);
      } else if (step.kind === 'remove' && this.#protocol === 'delta') {
        if (draft.bytes > 0 && draft.bytes + name.length > limit) break;
        draft.remove(name, dirty);
      } else if (step.kind === 'remove') {
        // SotW has no words for it, so no answer will ever take the refusal back.
        subscription.rejected.delete(name);
      }
      subscription.dirty.delete(name);
    }
    return draft;
  }

  /** Everything that is subscribed to, and what may not be removed yet. */
  #draftWhole(subscription: Subscription, gates: Gates): Draft {
    const draft = new Draft();
    const keep: Resource[] = [];
    let hasNews = false;
    const steps = [...subscription.dirty].map(([name, dirty]) => ({
      name,
      dirty,
      step: this.#next(subscription, name, dirty),
    }));
    // The response can't leave out a change that has to wait, so it waits as a whole.
    const mustWait = ({ dirty, step }: (typeof steps)[number]) =>
      step.kind === 'upsert' && isBlocked(subscription.typeUrl, step, dirty, gates);
    if (steps.some(mustWait)) return draft;
    for (const { name, dirty, step } of steps) {
      if (step.kind === 'remove' && isBlocked(subscription.typeUrl, step, dirty, gates)) {
        if (dirty.held?.resource !== undefined) keep.push(dirty.held.resource);
        continue;
      }
      if (step.kind !== 'nothing') {
        hasNews = true;
        draft.note(name, dirty, step.kind !== 'remove');
      }
      subscription.dirty.delete(name);
    }
    if (!hasNews && !subscription.owesAnswer) return draft;
    draft.isWholeState = true;
    // It carries again what the client has refused, so its answer says something about that as well.
    for (const name of subscription.rejected.keys()) draft.names.add(name);
    const names = subscription.wildcard ? this.#view.names(subscription.typeUrl) : [...subscription.names].toSorted();
    draft.resources.push(...names.flatMap((name) => this.#view.get(subscription.typeUrl, name) ?? []), ...keep);
    return draft;
  }

  #next(subscription: Subscription, name: string, dirty: Dirty): Step {
    const resource = this.#view.get(subscription.typeUrl, name);
    if (resource !== undefined) {
      const isHeld = dirty.held?.version === resource.version && !dirty.forced;
      return isHeld ? { kind: 'nothing' } : { kind: 'upsert', resource };
    }
    const substitute = subscription.names.has(name) ? this.#substitute(subscription.typeUrl, name) : undefined;
    if (substitute !== undefined) {
      const isHeld = dirty.held?.version === substitute.version && !dirty.forced;
      return isHeld ? { kind: 'nothing' } : { kind: 'empty', resource: substitute };
    }
    return dirty.held === undefined && !dirty.forced ? { kind: 'nothing' } : { kind: 'remove' };
  }

  /** What others wait for: the oldest publications whose clusters, and whose routes, the client has not confirmed. */
  gates(subscriptions: Iterable<Subscription>, now: number, openedAt: number): Gates {
    const gates = { clusters: Infinity, routes: Infinity, isOpening: now - openedAt < this.#limits.ackPatienceMs };
    for (const subscription of subscriptions) {
      const isCluster = subscription.typeUrl === typeUrl.cluster;
      const isRouting = routing.has(subscription.typeUrl);
      if (!isCluster && !isRouting) continue;
      const { inFlight } = subscription;
      const waits = inFlight !== undefined && now - inFlight.waitingSince < this.#limits.orderPatienceMs;
      if (isRouting) {
        if (waits) gates.routes = Math.min(gates.routes, inFlight.oldest);
        // The client goes on with the routes that it had, and these may name what is to be removed.
        if (subscription.rejected.size > 0) gates.routes = Math.min(gates.routes, subscription.oldestRejected);
        for (const dirty of subscription.dirty.values()) gates.routes = Math.min(gates.routes, dirty.first);
        continue;
      }
      if (waits) gates.clusters = Math.min(gates.clusters, inFlight.oldestUpsert);
      for (const [name, dirty] of subscription.dirty) {
        const step = this.#next(subscription, name, dirty);
        if (step.kind === 'upsert' && dirty.first > 0) gates.clusters = Math.min(gates.clusters, dirty.first);
      }
    }
    return gates;
  }
}

export interface Gates {
  readonly clusters: number;
  readonly routes: number;
  /** The client may not have said yet what routes it has. */
  readonly isOpening: boolean;
}

type Step =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'upsert'; readonly resource: Resource }
  /** It is gone, and what stands for it is sent, because the client waits for an answer under this name. */
  | { readonly kind: 'empty'; readonly resource: Resource }
  | { readonly kind: 'remove' };

function isBlocked(type: string, step: Step, dirty: Dirty, gates: Gates): boolean {
  if (step.kind === 'upsert') return routing.has(type) && gates.clusters <= dirty.last;
  if (!routed.has(type) || dirty.held === undefined) return false;
  // A client that comes back names its types one after the other, its clusters before the routes that use them.
  const isFromBefore = dirty.held.resource === undefined;
  return gates.routes <= dirty.last || (isFromBefore && gates.isOpening);
}

export function rank(type: string): number {
  const index = order.indexOf(type);
  return index < 0 ? order.length : index;
}

/** A response while it is put together. */
export class Draft {
  readonly resources: Resource[] = [];
  readonly removed: string[] = [];
  readonly names = new Set<string>();
  /** Those of the names that the client did not have before. */
  readonly introduced: string[] = [];
  isWholeState = false;
  bytes = 0;
  oldest = Infinity;
  oldestUpsert = Infinity;

  add(name: string, resource: Resource, dirty: Dirty): void {
    this.resources.push(resource);
    if (dirty.held === undefined) this.introduced.push(name);
    this.bytes += resource.record.length;
    this.note(name, dirty, true);
  }

  remove(name: string, dirty: Dirty): void {
    this.removed.push(name);
    this.bytes += name.length;
    this.note(name, dirty, false);
  }

  note(name: string, dirty: Dirty, isUpsert: boolean): void {
    this.names.add(name);
    this.oldest = Math.min(this.oldest, dirty.first);
    // Publication 0 is the start of a client, which nothing waits for.
    if (isUpsert && dirty.first > 0) this.oldestUpsert = Math.min(this.oldestUpsert, dirty.first);
  }
}
