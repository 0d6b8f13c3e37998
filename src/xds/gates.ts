/** What the types of one session wait for: routes for their clusters, and removals for the routes that used what is removed. */
import { typeUrl } from '../proto/type-url.ts';
import type { Dirty } from './dirty-names.ts';
import { clustersNamedIn } from './named-clusters.ts';
import { routed, routing } from './order.ts';
import type { Resource } from './resource.ts';
import type { Subscription } from './subscription.ts';

export interface Patience {
  /** How long the next response of a type waits for the answer to the last. */
  readonly ackPatienceMs: number;
  /** How long routes wait for their clusters, and removals for the routes that used them. */
  readonly orderPatienceMs: number;
}

/** So many virtual hosts are looked into at a time; where there are more, all of them wait for all clusters. */
const looksLimit = 500;
/** While no more clusters than this are on their way, all hosts wait for all of them: what was published together is live together. */
const fewClusters = 200;

/** Holds for one moment, and until a response is taken; looks only at what it is asked about, because most changes wait for nothing. */
export class Gates {
  readonly #subscriptions: readonly Subscription[];
  readonly #now: number;
  readonly #openedAt: number;
  readonly #patience: Patience;
  #clusters: number | undefined;
  #outstanding: ReadonlySet<string> | undefined;
  #looks = 0;
  #routes: number | undefined;

  /** @param openedAt when the client asked for the last of its types, on the clock of `now` */
  constructor(subscriptions: readonly Subscription[], now: number, openedAt: number, patience: Patience) {
    this.#subscriptions = subscriptions;
    this.#now = now;
    this.#openedAt = openedAt;
    this.#patience = patience;
  }

  /** @param resource what is to be sent, where it is one: while many clusters are on their way, a virtual host waits for its own only */
  blocksUpsert(type: string, dirty: Dirty, resource?: Resource): boolean {
    if (!routing.has(type)) return false;
    this.#clusters ??= this.#oldestCluster();
    if (this.#clusters > dirty.last) return false;
    if (type !== typeUrl.virtualHost || resource === undefined || this.#looks >= looksLimit) return true;
    this.#looks += 1;
    const outstanding = (this.#outstanding ??= this.#outstandingClusters());
    if (outstanding.size <= fewClusters) return true;
    for (const name of clustersNamedIn(resource)) if (outstanding.has(name)) return true;
    return false;
  }

  blocksRemoval(type: string, dirty: Dirty): boolean {
    if (!routed.has(type) || dirty.held === undefined) return false;
    // A client that comes back names its types one after the other, its clusters before the routes that use them.
    const isComingBack = this.#now - this.#openedAt < this.#patience.ackPatienceMs;
    if (isComingBack && this.#subscriptions.some(({ isResumed }) => isResumed)) return true;
    this.#routes ??= this.#oldestRoute();
    return this.#routes <= dirty.last;
  }

  /** The clusters that the client has not confirmed; those of its start, which nothing waits for, may be among them. */
  #outstandingClusters(): ReadonlySet<string> {
    const subscription = this.#subscriptions.find((each) => each.typeUrl === typeUrl.cluster);
    if (subscription === undefined) return new Set();
    const { dirty, inFlight } = subscription;
    const isWaitedFor = inFlight !== undefined && this.#isPatient(inFlight.waitingSince);
    return new Set([...(isWaitedFor ? subscription.unansweredNames() : []), ...dirty.keys()]);
  }

  /** The oldest publication whose clusters the client has not confirmed. */
  #oldestCluster(): number {
    const subscription = this.#subscriptions.find((each) => each.typeUrl === typeUrl.cluster);
    if (subscription === undefined) return Infinity;
    const { dirty, inFlight, table, isolations, oldestRejected } = subscription;
    let oldest = inFlight !== undefined && this.#isPatient(inFlight.waitingSince) ? inFlight.oldestUpsert : Infinity;
    // Of a refused state, what is good is still to be told from what is not.
    if (isolations.get('')?.isWaiting === true) oldest = Math.min(oldest, oldestRejected);
    // Publication 0 is the start of a client, which nothing waits for.
    if (dirty.alike.size > 0 && dirty.each.first > 0) oldest = Math.min(oldest, dirty.each.first);
    for (const [name, { first, held, forced }] of dirty.apart) {
      const resource = first > 0 ? table.get(name) : undefined;
      if (resource !== undefined && (forced || held?.version !== resource.version)) oldest = Math.min(oldest, first);
    }
    return oldest;
  }

  /** The oldest publication whose routes the client has not confirmed. */
  #oldestRoute(): number {
    let oldest = Infinity;
    for (const { typeUrl: type, dirty, inFlight, hasRefused, oldestRejected } of this.#subscriptions) {
      if (!routing.has(type)) continue;
      if (inFlight !== undefined && this.#isPatient(inFlight.waitingSince)) oldest = Math.min(oldest, inFlight.oldest);
      // The client goes on with the routes that it had, all or some of a table, and these may name what is to be removed.
      if (hasRefused) oldest = Math.min(oldest, oldestRejected);
      oldest = Math.min(oldest, dirty.oldest());
    }
    return oldest;
  }

  #isPatient(since: number): boolean {
    return this.#now - since < this.#patience.orderPatienceMs;
  }
}
