/**
 * One xDS stream as a state machine without I/O: requests and changes go in, responses come out. Delta and SotW differ in
 * how a request is read and how a response is put together; what is to be sent, and when, is the same for both.
 * Source: the xDS protocol (xds_protocol.rst of Envoy's documentation).
 */
import { typeUrl } from '../proto/type-url.ts';
import { Delivery, rank } from './delivery.ts';
import type { Draft, SessionLimits, Substitute } from './delivery.ts';
import type { Resource } from './resource.ts';
import { Subscription } from './subscription.ts';
import { wildcardName } from './view.ts';
import type { SubscribableView, Subscriber } from './view.ts';

export interface DeltaRequest {
  readonly typeUrl: string;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly initialVersions: Readonly<Record<string, string>>;
  readonly nonce: string;
  /** The client's reason for refusing the response with this nonce; undefined when it accepts it. */
  readonly refusal: string | undefined;
}

export interface SotwRequest {
  readonly typeUrl: string;
  readonly names: readonly string[];
  /** The version the client has; empty when it has none yet. */
  readonly version: string;
  readonly nonce: string;
  readonly refusal: string | undefined;
}

export interface Response {
  readonly typeUrl: string;
  readonly nonce: string;
  /** `version_info` or `system_version_info`. */
  readonly version: string;
  readonly resources: readonly Resource[];
  /** Always empty for SotW. */
  readonly removed: readonly string[];
}

/** What a request turned out to be. */
export type Reception =
  | { readonly kind: 'subscription' }
  | { readonly kind: 'ack'; readonly nonce: string }
  | { readonly kind: 'nack'; readonly nonce: string; readonly names: readonly string[]; readonly message: string }
  | { readonly kind: 'stale' };

export const defaultLimits: SessionLimits = { responseBytes: 1_000_000, ackPatienceMs: 2_000, orderPatienceMs: 10_000 };

export class Session implements Subscriber {
  readonly protocol: 'sotw' | 'delta';
  readonly #view: SubscribableView;
  readonly #delivery: Delivery;
  readonly #limits: SessionLimits;
  readonly #subscriptions = new Map<string, Subscription>();
  /** The same in the order in which they are served. */
  #ordered: readonly Subscription[] = [];
  #openedAt: number | undefined;

  constructor(
    protocol: 'sotw' | 'delta',
    view: SubscribableView,
    substitute: Substitute,
    limits: SessionLimits = defaultLimits,
  ) {
    this.protocol = protocol;
    this.#view = view;
    this.#delivery = new Delivery(protocol, view, substitute, limits);
    this.#limits = limits;
  }

  receiveDelta(request: DeltaRequest): Reception {
    const known = this.#subscriptions.get(request.typeUrl);
    if (known === undefined) {
      this.#openDelta(request);
      return { kind: 'subscription' };
    }
    // Whatever the nonce, changes of the subscription hold.
    for (const name of request.unsubscribe) this.#unsubscribeDelta(known, name);
    for (const name of request.subscribe) this.#subscribe(known, name, true);
    return this.#acknowledge(known, request.nonce, request.refusal);
  }

  receiveSotw(request: SotwRequest): Reception {
    const known = this.#subscriptions.get(request.typeUrl);
    if (known === undefined) {
      this.#openSotw(request);
      return { kind: 'subscription' };
    }
    if (known.lastNonce !== '' && request.nonce !== '' && request.nonce !== known.lastNonce) {
      // The client has dropped what it does not list, whatever it had read by then: listed again, it is to be sent again.
      this.#forgetUnlisted(known, new Set(request.names));
      return { kind: 'stale' };
    }
    const reception = this.#acknowledge(known, request.nonce, request.refusal);
    this.#updateSotwNames(known, request.names);
    return reception;
  }

  changed(type: string, name: string, before: Resource | undefined, sequence: number): void {
    const held = before === undefined ? undefined : { version: before.version, resource: before };
    this.#subscriptions.get(type)?.mark(name, held, sequence);
  }

  /** The responses that may be sent now, at most one of each type. Taking one counts as sending it. */
  take(now: number): readonly Response[] {
    this.#openedAt ??= now;
    if (this.#view.sequence === 0) return [];
    const responses: Response[] = [];
    for (const subscription of this.#ordered) {
      const { inFlight, dirty, owesAnswer } = subscription;
      if (dirty.size === 0 && !owesAnswer) continue;
      if (inFlight !== undefined && now - inFlight.sentAt < this.#limits.ackPatienceMs) continue;
      const gates = this.#delivery.gates(this.#subscriptions.values(), now, this.#openedAt);
      const draft = this.#delivery.draft(subscription, gates);
      if (draft !== undefined) responses.push(this.#send(subscription, draft, now));
    }
    return responses;
  }

  /** Whether something is still to be sent, now or when the client has answered. */
  get isWaiting(): boolean {
    for (const { dirty, owesAnswer } of this.#subscriptions.values()) if (dirty.size > 0 || owesAnswer) return true;
    return false;
  }

  /** In the order in which they are served. */
  subscriptions(): readonly Subscription[] {
    return this.#ordered;
  }

  /** The stream is gone: nothing is to be told to it any more. */
  close(): void {
    for (const subscription of this.#subscriptions.values()) {
      if (subscription.wildcard) this.#view.unsubscribe(this, subscription.typeUrl, wildcardName);
      for (const name of subscription.names) this.#view.unsubscribe(this, subscription.typeUrl, name);
    }
    this.#subscriptions.clear();
    this.#ordered = [];
  }

  // --- subscribing

  #open(type: string): Subscription {
    const subscription = new Subscription(type);
    this.#subscriptions.set(type, subscription);
    this.#ordered = [...this.#subscriptions.values()].toSorted((a, b) => rank(a.typeUrl) - rank(b.typeUrl));
    return subscription;
  }

  #openDelta(request: DeltaRequest): void {
    const subscription = this.#open(request.typeUrl);
    const names = request.subscribe.filter((name) => !request.unsubscribe.includes(name));
    const initial = new Map(Object.entries(request.initialVersions));
    if (request.subscribe.length === 0) this.#subscribe(subscription, wildcardName, false, initial);
    for (const name of names) this.#subscribe(subscription, name, !initial.has(name), initial);
    for (const [name, version] of initial) {
      if (!subscription.covers(name)) continue;
      if (this.#view.get(request.typeUrl, name)?.version === version) subscription.dirty.delete(name);
      else this.#remark(subscription, name, version);
    }
    const clusters = this.#subscriptions.get(typeUrl.cluster)?.inFlight?.names;
    if (request.typeUrl === typeUrl.clusterLoadAssignment && clusters !== undefined) this.#refreshEndpoints(clusters);
    // A client that comes back with what it has needs no answer when nothing has changed.
    if (initial.size > 0) subscription.owesAnswer = false;
  }

  /** Something the client still holds is no longer so: it is made dirty as held in that version. */
  #remark(subscription: Subscription, name: string, version: string): void {
    subscription.dirty.delete(name);
    subscription.mark(name, { version }, this.#view.sequence);
  }

  #openSotw(request: SotwRequest): void {
    const subscription = this.#open(request.typeUrl);
    subscription.hasNamed = request.names.length > 0;
    const names = request.names.length === 0 ? [wildcardName] : request.names;
    for (const name of names) this.#subscribe(subscription, name, true);
  }

  /** The list of a SotW request is the whole subscription: what it lacks is no longer wanted. */
  #updateSotwNames(subscription: Subscription, list: readonly string[]): void {
    if (list.length > 0) subscription.hasNamed = true;
    const names = new Set(list.length === 0 && !subscription.hasNamed ? [wildcardName] : list);
    this.#forgetUnlisted(subscription, names);
    if (subscription.wildcard && !names.has(wildcardName)) this.#forgetWildcard(subscription);
    for (const name of names) {
      const isKnown = name === wildcardName ? subscription.wildcard : subscription.names.has(name);
      if (!isKnown) this.#subscribe(subscription, name, true);
    }
  }

  #forgetUnlisted(subscription: Subscription, names: ReadonlySet<string>): void {
    for (const name of subscription.names) if (!names.has(name)) this.#forget(subscription, name);
  }

  #subscribe(
    subscription: Subscription,
    name: string,
    forced: boolean,
    initial: ReadonlyMap<string, string> = new Map(),
  ): void {
    if (name === wildcardName) {
      if (subscription.wildcard) return;
      subscription.wildcard = true;
      this.#view.subscribe(this, subscription.typeUrl, wildcardName);
      for (const each of this.#view.names(subscription.typeUrl)) {
        if (!subscription.names.has(each)) this.#markNew(subscription, each, false, initial);
      }
      // What the client was sent under a name that it has given up is wanted again when it arrives.
      for (const each of subscription.inFlight?.names ?? []) this.#markNew(subscription, each, true, initial);
      return;
    }
    if (!subscription.names.has(name)) {
      subscription.names.add(name);
      this.#view.subscribe(this, subscription.typeUrl, name);
    }
    this.#markNew(subscription, name, forced, initial);
  }

  /**
   * A client that starts has nothing that could break, so nothing need wait for the clusters that it asks for first
   * (sequence 0); one that comes back with resources of this type, or asks for more of them, has.
   */
  #markNew(subscription: Subscription, name: string, forced: boolean, initial: ReadonlyMap<string, string>): void {
    const isStart = subscription.responses === 0 && initial.size === 0 && subscription.typeUrl === typeUrl.cluster;
    subscription.mark(name, undefined, isStart ? 0 : this.#view.sequence, forced);
  }

  #unsubscribeDelta(subscription: Subscription, name: string): void {
    if (name === wildcardName) return this.#forgetWildcard(subscription);
    const wasNamed = subscription.names.has(name);
    if (wasNamed) this.#forget(subscription, name);
    // The wildcard still covers it, and the client, which has dropped it, must be told what it is.
    if (wasNamed && subscription.wildcard) subscription.mark(name, undefined, 0, true);
  }

  #forget(subscription: Subscription, name: string): void {
    subscription.names.delete(name);
    this.#view.unsubscribe(this, subscription.typeUrl, name);
    if (!subscription.wildcard) subscription.dirty.delete(name);
    subscription.rejected.delete(name);
  }

  #forgetWildcard(subscription: Subscription): void {
    if (!subscription.wildcard) return;
    subscription.wildcard = false;
    this.#view.unsubscribe(this, subscription.typeUrl, wildcardName);
    for (const name of subscription.dirty.keys()) if (!subscription.names.has(name)) subscription.dirty.delete(name);
  }

  #acknowledge(subscription: Subscription, nonce: string, refusal: string | undefined): Reception {
    const { inFlight } = subscription;
    if (nonce === '' || (inFlight === undefined && nonce === subscription.lastNonce)) return { kind: 'subscription' };
    const isNewest = inFlight?.nonce === nonce;
    const names = isNewest ? inFlight.names : subscription.settleLate(nonce, refusal);
    if (names === undefined) return { kind: 'stale' };
    if (isNewest) subscription.settle(refusal);
    if (isNewest && refusal !== undefined && this.protocol === 'delta') this.#retryApart(subscription, names);
    return refusal === undefined
      ? { kind: 'ack', nonce }
      : { kind: 'nack', nonce, names: [...names], message: refusal };
  }

  /**
   * An Envoy may drop the rest of a response from its first bad resource on, and does not say which that was. So the two
   * halves are sent again, apart, until what is refused is one name.
   */
  #retryApart(subscription: Subscription, refused: ReadonlySet<string>): void {
    const names = [...refused].filter((name) => subscription.covers(name));
    if (names.length < 2) return;
    const middle = Math.ceil(names.length / 2);
    subscription.retries.push(new Set(names.slice(0, middle)), new Set(names.slice(middle)));
    for (const name of names) subscription.mark(name, undefined, this.#view.sequence, true);
  }

  #send(subscription: Subscription, draft: Draft, now: number): Response {
    if (subscription.typeUrl === typeUrl.routeConfiguration) this.#introduceVirtualHosts(draft.introduced);
    if (subscription.typeUrl === typeUrl.cluster) this.#refreshEndpoints(draft.names);
    const nonce = `${this.#view.sequence}.${subscription.responses}`;
    subscription.responses += 1;
    subscription.owesAnswer = false;
    subscription.lastNonce = nonce;
    const unanswered = subscription.inFlight;
    subscription.supersede();
    subscription.inFlight = {
      nonce,
      sentAt: now,
      waitingSince: unanswered?.waitingSince ?? now,
      oldest: Math.min(draft.oldest, unanswered?.oldest ?? Infinity),
      oldestUpsert: Math.min(draft.oldestUpsert, unanswered?.oldestUpsert ?? Infinity),
      names: draft.names,
    };
    return {
      typeUrl: subscription.typeUrl,
      nonce,
      version: this.#view.digest(subscription.typeUrl),
      resources: draft.resources,
      removed: draft.removed,
    };
  }

  /**
   * A route table that an Envoy takes up shares the wildcard subscription to virtual hosts with those it has, so it asks
   * for nothing, and waits until it is given its own (seen with Envoy 1.40).
   */
  #introduceVirtualHosts(tables: readonly string[]): void {
    const subscription = this.#subscriptions.get(typeUrl.virtualHost);
    if (subscription === undefined) return;
    for (const table of tables) {
      for (const name of this.#view.names(typeUrl.virtualHost)) {
        if (name.startsWith(`${table}/`) && subscription.covers(name)) subscription.mark(name, undefined, 0, true);
      }
    }
  }

  /**
   * An Envoy that is given a cluster anew holds back its answer until it is given endpoints anew as well, under the
   * cluster's name, though it has them and asks for nothing ("Resource warming"; 15 s with Envoy 1.40).
   */
  #refreshEndpoints(clusters: Iterable<string>): void {
    const subscription = this.#subscriptions.get(typeUrl.clusterLoadAssignment);
    for (const name of clusters) {
      if (subscription?.covers(name) !== true || this.#view.get(typeUrl.cluster, name) === undefined) continue;
      const resource = this.#view.get(typeUrl.clusterLoadAssignment, name);
      subscription.mark(name, resource && { version: resource.version, resource }, 0, true);
    }
  }
}
