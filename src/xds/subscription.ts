/**
 * What one stream wants of one resource type, and how far it has been served. It holds only what differs from the view:
 * a name that is neither dirty nor in flight is, at the client, what it is in the view.
 */
import { DirtyNames } from './dirty-names.ts';
import type { Held } from './dirty-names.ts';
import type { Batch } from './batch.ts';
import type { Isolation } from './isolation.ts';
import { NameSet } from './name-set.ts';
import { routing } from './order.ts';
import type { Resource } from './resource.ts';
import type { ResourceTable, Watcher } from './resource-table.ts';
import type { Subscriber } from './view.ts';

/** A response that the client has not answered. */
export interface InFlight {
  readonly nonce: string;
  /** As it is in the response. */
  readonly version: string;
  /** Milliseconds on the clock that the session is given. */
  readonly sentAt: number;
  /** When the oldest response was sent that has not been answered. */
  readonly waitingSince: number;
  /** The oldest publication whose additions and changes it carries; Infinity if it carries none. */
  readonly oldestUpsert: number;
  /** The oldest publication that anything in it came from. */
  readonly oldest: number;
  readonly names: ReadonlySet<string>;
  readonly batch: Batch;
}

/** Who has left so many responses unanswered is not waited for. */
const overdueLimit = 8;

export class Subscription implements Watcher {
  readonly subscriber: Subscriber;
  readonly typeUrl: string;
  readonly table: ResourceTable;
  wildcard = false;
  /** SotW: whether names have ever been given, after which an empty list no longer means everything. */
  hasNamed = false;
  readonly names: NameSet;
  readonly dirty: DirtyNames;
  inFlight: InFlight | undefined;
  /** A response is due even if it carries nothing. */
  owesAnswer = true;
  /** The nonce of the last response, which SotW requests must carry to be heeded. */
  lastNonce = '';
  /** The publication at which the last response was sent, and how many were sent since then. */
  #lastSequence = -1;
  #sentSince = 0;
  /** Names whose newest state the client has refused, with its reason. */
  readonly rejected = new Map<string, string>();
  /** Parts of a refused response that are to be sent apart, so that only the culprit among them stays refused. */
  readonly retries: ReadonlySet<string>[] = [];
  /** The oldest publication that the refused names came from; of no meaning while there are none, and nothing is kept apart. */
  oldestRejected = Infinity;
  /**
   * SotW: the parts of what is accepted or refused as a whole, as they were accepted last: by the name of the RouteConfiguration, or
   * under an empty name for a state of the world.
   */
  readonly accepted = new Map<string, readonly Resource[]>();
  /** SotW: the version of the response that was accepted last. */
  acceptedVersion = '';
  /** Whether the client came back with what it had, which in SotW nobody here knows. */
  isResumed = false;
  /** SotW: where a culprit among such parts is looked for, or kept apart; by the same names. */
  readonly isolations = new Map<string, Isolation>();
  /** Secrets that are tried again, each time in other bytes: name to how often. */
  readonly variants = new Map<string, number>();
  /** The responses that were not answered in time, by nonce, the oldest first. */
  readonly #overdue = new Map<string, InFlight>();

  constructor(subscriber: Subscriber, table: ResourceTable) {
    this.subscriber = subscriber;
    this.typeUrl = table.typeUrl;
    this.table = table;
    this.names = new NameSet(table);
    this.dirty = new DirtyNames(table, routing.has(table.typeUrl));
    table.watch(this);
  }

  /** Nothing is to be told to it any more. */
  close(): void {
    this.table.unwatch(this);
    this.dirty.clear();
    this.names.clear();
  }

  covers(name: string): boolean {
    return this.wildcard || this.names.has(name);
  }

  coversId(id: number): boolean {
    return this.wildcard || this.names.hasId(id);
  }

  changed(name: string, held: Held | undefined, sequence: number): void {
    this.dirty.mark(name, held, sequence, false);
  }

  /** What there is of what is asked for. */
  covered(): readonly Resource[] {
    const { table, names } = this;
    return this.wildcard ? table.all() : [...names].toSorted().flatMap((name) => table.get(name) ?? []);
  }

  /** Whether the client has refused anything that it still asks for, and goes on with what it had. */
  get hasRefused(): boolean {
    return this.rejected.size > 0 || [...this.isolations.values()].some(({ isOver }) => !isOver);
  }

  /** Whether something is still to be sent, now or when the client has answered. */
  get isWaiting(): boolean {
    return this.owesAnswer || this.dirty.size > 0;
  }

  get hasSent(): boolean {
    return this.lastNonce !== '';
  }

  /** Unlike those before it; the same for all streams that have been sent as much since a publication. */
  takeNonce(sequence: number): string {
    this.#sentSince = sequence === this.#lastSequence ? this.#sentSince + 1 : 0;
    this.#lastSequence = sequence;
    this.lastNonce = `${sequence}.${this.#sentSince}`;
    return this.lastNonce;
  }

  /** What is in responses that the client has not answered, also those that were not waited for any longer. */
  *unansweredNames(): Generator<string> {
    for (const { names } of this.#overdue.values()) yield* names;
    if (this.inFlight !== undefined) yield* this.inFlight.names;
  }

  /** The client has answered the response in flight. */
  settle(refusal: string | undefined): void {
    if (this.inFlight !== undefined) this.#judge(this.inFlight, refusal);
    this.inFlight = undefined;
    this.#overdue.clear();
  }

  /** Sends the next response without the answer to the last, which may still come. */
  supersede(): void {
    if (this.inFlight === undefined) return;
    this.#overdue.set(this.inFlight.nonce, this.inFlight);
    const [oldest] = this.#overdue;
    if (this.#overdue.size <= overdueLimit || oldest === undefined) return;
    const [nonce, { names }] = oldest;
    this.#overdue.delete(nonce);
    this.#settleGone(names, true);
  }

  /** What was not answered in time and is what the client says it has; undefined if that may be what it accepted before, too. */
  appliedUnanswered(version: string): InFlight | undefined {
    if (version === '' || version === this.acceptedVersion) return undefined;
    return [...this.#overdue.values()].findLast((each) => each.version === version);
  }

  /** The client has answered a response late; gives it back, undefined if there was none with this nonce. */
  settleLate(nonce: string, refusal: string | undefined): InFlight | undefined {
    const late = this.#overdue.get(nonce);
    this.#overdue.delete(nonce);
    if (late === undefined) return undefined;
    if (refusal !== undefined) this.#judge(late, refusal);
    this.#settleGone(late.names, refusal !== undefined);
    return late;
  }

  /** What is gone never changes again, so a refusal of it would last for ever: the client has removed it, or is told again. */
  #settleGone(names: Iterable<string>, isToldAgain: boolean): void {
    if (this.rejected.size === 0) return;
    for (const name of names) {
      if (this.table.get(name) !== undefined || !this.rejected.delete(name)) continue;
      if (isToldAgain) this.dirty.mark(name, undefined, this.#lastSequence, true);
    }
  }

  #judge({ names, oldest }: InFlight, refusal: string | undefined): void {
    if (!this.hasRefused) this.oldestRejected = Infinity;
    if (refusal !== undefined) this.oldestRejected = Math.min(this.oldestRejected, oldest);
    if (refusal === undefined && this.rejected.size === 0) return;
    for (const name of names) {
      if (refusal === undefined) this.rejected.delete(name);
      // What the client has given up meanwhile, it does not go on with either.
      else if (this.covers(name)) this.rejected.set(name, refusal);
    }
  }
}
