/**
 * One xDS stream as a state machine without I/O: requests and changes go in, responses come out. Delta and SotW differ in
 * how a request is read and how a response is put together; what is to be sent, and when, is the same for both.
 * Source: the xDS protocol (xds_protocol.rst of Envoy's documentation).
 */
import { typeUrl } from '../proto/type-url.ts';
import type { Batch } from './batch.ts';
import { Delivery } from './delivery.ts';
import type { SessionLimits, Substitute } from './delivery.ts';
import type { Draft } from './draft.ts';
import type { HeldVersions } from './delta-request.ts';
import { Gates } from './gates.ts';
import { isolate, noteAccepted } from './refusal.ts';
import { standingOf } from './standing.ts';
import type { Standing } from './standing.ts';
import { rank } from './order.ts';
import type { Resource } from './resource.ts';
import {
  forgetUnlisted,
  openDelta,
  openSotw,
  subscribeDelta,
  unsubscribeDelta,
  updateSotwNames,
} from './subscribing.ts';
import { Subscription } from './subscription.ts';
import type { SubscribableView } from './view.ts';

export interface DeltaRequest {
  readonly typeUrl: string;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly initialVersions: HeldVersions;
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
  /** The same two, as they are shared with other streams. */
  readonly batch: Batch;
}

/** What a request turned out to be. */
export type Reception =
  | { readonly kind: 'subscription' }
  | { readonly kind: 'ack'; readonly nonce: string; readonly batch: Batch }
  | {
      readonly kind: 'nack';
      readonly nonce: string;
      readonly names: readonly string[];
      readonly message: string;
      /** What is refused by itself, as far as that is known now; of virtual hosts and secrets as well, whatever they came in. */
      readonly culprits: readonly Resource[];
    }
  | { readonly kind: 'stale' };

export interface Unanswered {
  readonly typeUrl: string;
  /** Milliseconds on the clock that the session is given. */
  readonly since: number;
}

export const defaultLimits: SessionLimits = {
  responseBytes: 1_000_000,
  responseClusters: 200,
  ackPatienceMs: 2_000,
  orderPatienceMs: 10_000,
};

const nothing: readonly Response[] = [];

export class Session {
  readonly protocol: 'sotw' | 'delta';
  readonly #view: SubscribableView;
  readonly #delivery: Delivery;
  readonly #limits: SessionLimits;
  readonly #subscriptions = new Map<string, Subscription>();
  /** The same in the order in which they are served. */
  #ordered: readonly Subscription[] = [];
  /** When the client had asked for another type for the last time. */
  #openedAt: number | undefined;
  /** Whether the client has accepted a response with anything in it. */
  #hasAccepted = false;

  constructor(
    protocol: 'sotw' | 'delta',
    view: SubscribableView,
    substitute: Substitute,
    limits: SessionLimits = defaultLimits,
  ) {
    this.protocol = protocol;
    this.#view = view;
    this.#delivery = new Delivery(protocol, substitute, limits);
    this.#limits = limits;
  }

  receiveDelta(request: DeltaRequest): Reception {
    const { sequence } = this.#view;
    const known = this.#subscriptions.get(request.typeUrl);
    if (known === undefined) {
      openDelta(this.#open(request.typeUrl), request, sequence);
      const clusters = this.#subscriptions.get(typeUrl.cluster)?.inFlight?.names;
      if (request.typeUrl === typeUrl.clusterLoadAssignment && clusters !== undefined) this.#refreshEndpoints(clusters);
      return { kind: 'subscription' };
    }
    // Whatever the nonce, changes of the subscription hold.
    for (const name of request.unsubscribe) unsubscribeDelta(known, name);
    subscribeDelta(known, request.subscribe, sequence);
    return this.#acknowledge(known, request.nonce, request.refusal);
  }

  receiveSotw(request: SotwRequest): Reception {
    const { sequence } = this.#view;
    const known = this.#subscriptions.get(request.typeUrl);
    if (known === undefined) {
      openSotw(this.#open(request.typeUrl), request.names, request.version, sequence);
      return { kind: 'subscription' };
    }
    if (known.lastNonce !== '' && request.nonce !== '' && request.nonce !== known.lastNonce) {
      // The client has dropped what it does not list, whatever it had read by then: listed again, it is to be sent again.
      forgetUnlisted(known, new Set(request.names));
      return { kind: 'stale' };
    }
    // Of several responses, some clients answer the last only; the version says which of the others they have taken.
    const applied = request.refusal === undefined ? undefined : known.appliedUnanswered(request.version);
    if (applied !== undefined) noteAccepted(known, this.protocol, applied);
    const reception = this.#acknowledge(known, request.nonce, request.refusal);
    updateSotwNames(known, request.names, sequence);
    return reception;
  }

  /** The responses that may be sent now, at most one of each type. Taking one counts as sending it. */
  take(now: number): readonly Response[] {
    this.#openedAt ??= now;
    if (this.#view.sequence === 0 || !this.isWaiting) return nothing;
    const responses: Response[] = [];
    let gates: Gates | undefined;
    for (const subscription of this.#ordered) {
      const { inFlight } = subscription;
      if (!subscription.isWaiting) continue;
      if (inFlight !== undefined && now - inFlight.sentAt < this.#limits.ackPatienceMs) continue;
      gates ??= new Gates(this.#ordered, now, this.#openedAt, this.#limits);
      const draft = this.#delivery.draft(subscription, gates);
      if (draft === undefined) continue;
      responses.push(this.#send(subscription, draft, now));
      // The others may wait for what is on its way now.
      gates = undefined;
    }
    return responses;
  }

  /** Whether something is still to be sent, now or when the client has answered. */
  get isWaiting(): boolean {
    return this.#ordered.some((subscription) => subscription.isWaiting);
  }

  /** Of the responses that have not been answered, the oldest; undefined if there is none. */
  get unanswered(): Unanswered | undefined {
    let oldest: Unanswered | undefined;
    for (const { typeUrl: type, inFlight } of this.#ordered) {
      const since = inFlight?.waitingSince ?? Infinity;
      if (since < (oldest?.since ?? Infinity)) oldest = { typeUrl: type, since };
    }
    return oldest;
  }

  /** How many names are still to be sent. */
  get backlog(): number {
    return this.#ordered.reduce((sum, { dirty }) => sum + dirty.size, 0);
  }

  /** Whether the client has accepted anything, or came back with something that it had. */
  get hasTaken(): boolean {
    return this.#hasAccepted || this.#ordered.some(({ isResumed }) => isResumed);
  }

  /** Whether the client has this state of a resource, might still take it, or neither. */
  standingOf(type: string, name: string, version: string): Standing {
    return standingOf(this.protocol, this.#ordered, type, name, version);
  }

  /** In the order in which they are served. */
  subscriptions(): readonly Subscription[] {
    return this.#ordered;
  }

  /** The stream is gone: nothing is to be told to it any more. */
  close(): void {
    for (const subscription of this.#ordered) subscription.close();
    this.#subscriptions.clear();
    this.#ordered = [];
  }

  #open(type: string): Subscription {
    const subscription = new Subscription(this, this.#view.table(type));
    this.#subscriptions.set(type, subscription);
    this.#openedAt = undefined;
    this.#ordered = [...this.#subscriptions.values()].toSorted((x, y) => rank(x.typeUrl) - rank(y.typeUrl));
    return subscription;
  }

  #acknowledge(subscription: Subscription, nonce: string, refusal: string | undefined): Reception {
    const { inFlight } = subscription;
    if (nonce === '' || (inFlight === undefined && nonce === subscription.lastNonce)) return { kind: 'subscription' };
    const isNewest = inFlight?.nonce === nonce;
    const answered = isNewest ? inFlight : subscription.settleLate(nonce, refusal);
    if (answered === undefined) return { kind: 'stale' };
    if (isNewest) subscription.settle(refusal);
    const { batch, names } = answered;
    if (refusal === undefined) {
      noteAccepted(subscription, this.protocol, answered);
      this.#hasAccepted ||= batch.resources.length > 0;
      return { kind: 'ack', nonce, batch };
    }
    const culprits = isolate(subscription, this.protocol, answered, refusal, this.#view.sequence);
    return { kind: 'nack', nonce, names: [...names], message: refusal, culprits };
  }

  #send(subscription: Subscription, draft: Draft, now: number): Response {
    const { table } = subscription;
    const batch = table.batches.of(draft.resources, draft.removed);
    const names = draft.names ?? batch.names;
    if (subscription.typeUrl === typeUrl.routeConfiguration) this.#introduceVirtualHosts(draft.introduced);
    // What was left out is named as well, because the answer says something about it.
    if (subscription.typeUrl === typeUrl.cluster)
      this.#refreshEndpoints([...names].filter((name) => batch.names.has(name)));
    const nonce = subscription.takeNonce(this.#view.sequence);
    const unanswered = subscription.inFlight;
    subscription.owesAnswer = false;
    subscription.supersede();
    const version = table.version();
    subscription.inFlight = {
      nonce,
      version,
      sentAt: now,
      waitingSince: unanswered?.waitingSince ?? now,
      oldest: Math.min(draft.oldest, unanswered?.oldest ?? Infinity),
      oldestUpsert: Math.min(draft.oldestUpsert, unanswered?.oldestUpsert ?? Infinity),
      names,
      batch,
    };
    const { resources, removed } = batch;
    return { typeUrl: table.typeUrl, nonce, version, resources, removed, batch };
  }

  /**
   * A route table that an Envoy takes up shares the wildcard subscription to virtual hosts with those it has, so it asks
   * for nothing, and waits until it is given its own (seen with Envoy 1.40).
   */
  #introduceVirtualHosts(tables: readonly string[]): void {
    const subscription = this.#subscriptions.get(typeUrl.virtualHost);
    if (subscription === undefined) return;
    for (const table of tables) {
      for (const name of subscription.table.names()) {
        if (name.startsWith(`${table}/`) && subscription.covers(name))
          subscription.dirty.mark(name, undefined, 0, true);
      }
    }
  }

  /**
   * An Envoy that is given a cluster anew holds back its answer until it is given endpoints anew as well, under the
   * cluster's name, though it has them and asks for nothing ("Resource warming"; 15 s with Envoy 1.40).
   */
  #refreshEndpoints(clusters: Iterable<string>): void {
    const subscription = this.#subscriptions.get(typeUrl.clusterLoadAssignment);
    if (subscription === undefined || (!subscription.wildcard && subscription.names.size === 0)) return;
    const existing = this.#view.table(typeUrl.cluster);
    for (const name of clusters) {
      if (!subscription.covers(name) || existing.get(name) === undefined) continue;
      const resource = subscription.table.get(name);
      subscription.dirty.mark(name, resource && { version: resource.version, resource }, 0, true);
    }
  }
}
