/**
 * What one stream wants of one resource type, and how far it has been served. It holds only what differs from the view:
 * a name that is neither dirty nor in flight is, at the client, what it is in the view.
 */
import type { Resource } from './resource.ts';

/** What the client is known to hold of a name; from `initial_resource_versions` only the version is known. */
export interface Held {
  readonly version: string;
  readonly resource?: Resource;
}

/** A name whose state is still to be sent. */
export interface Dirty {
  /** The publication that made it dirty first, and the one that changed it last. */
  readonly first: number;
  readonly last: number;
  readonly held: Held | undefined;
  /** To be sent even if the client holds the same version, because it asked. */
  readonly forced: boolean;
}

/** A response that the client has not answered. */
export interface InFlight {
  readonly nonce: string;
  /** Milliseconds on the clock that the session is given. */
  readonly sentAt: number;
  /** When the oldest response was sent that has not been answered. */
  readonly waitingSince: number;
  /** The oldest publication whose additions and changes it carries; Infinity if it carries none. */
  readonly oldestUpsert: number;
  /** The oldest publication that anything in it came from. */
  readonly oldest: number;
  readonly names: ReadonlySet<string>;
}

/** Who has left so many responses unanswered is not waited for. */
const overdueLimit = 8;

export class Subscription {
  readonly typeUrl: string;
  wildcard = false;
  /** SotW: whether names have ever been given, after which an empty list no longer means everything. */
  hasNamed = false;
  readonly names = new Set<string>();
  readonly dirty = new Map<string, Dirty>();
  inFlight: InFlight | undefined;
  /** A response is due even if it carries nothing. */
  owesAnswer = true;
  /** The nonce of the last response, which SotW requests must carry to be heeded. */
  lastNonce = '';
  responses = 0;
  /** Names whose newest state the client has refused, with its reason. */
  readonly rejected = new Map<string, string>();
  /** Delta: parts of a refused response that are to be sent apart, so that only the culprit among them stays refused. */
  readonly retries: ReadonlySet<string>[] = [];
  /** The oldest publication that the refused names came from; of no meaning while there are none. */
  oldestRejected = Infinity;
  /** What was in the responses that were not answered in time, by nonce, the oldest first. */
  readonly #overdue = new Map<string, ReadonlySet<string>>();

  constructor(typeUrl: string) {
    this.typeUrl = typeUrl;
  }

  covers(name: string): boolean {
    return this.wildcard || this.names.has(name);
  }

  /** Notes that the client must be sent a name, because it changed or because the client asked. */
  mark(name: string, held: Held | undefined, sequence: number, forced = false): void {
    const earlier = this.dirty.get(name);
    this.dirty.set(name, {
      first: earlier?.first ?? sequence,
      last: Math.max(earlier?.last ?? 0, sequence),
      held: earlier === undefined ? held : earlier.held,
      forced: forced || earlier?.forced === true,
    });
  }

  /** The client has answered the response in flight. */
  settle(refusal: string | undefined): void {
    if (this.rejected.size === 0) this.oldestRejected = Infinity;
    if (refusal !== undefined) this.oldestRejected = Math.min(this.oldestRejected, this.inFlight?.oldest ?? Infinity);
    this.#judge(this.inFlight?.names ?? [], refusal);
    this.inFlight = undefined;
    this.#overdue.clear();
  }

  /** Sends the next response without the answer to the last, which may still come. */
  supersede(): void {
    if (this.inFlight === undefined) return;
    this.#overdue.set(this.inFlight.nonce, this.inFlight.names);
    const [oldest] = this.#overdue.keys();
    if (this.#overdue.size > overdueLimit && oldest !== undefined) this.#overdue.delete(oldest);
  }

  /** The client has answered a response late; gives back the names in it, undefined if there was none with this nonce. */
  settleLate(nonce: string, refusal: string | undefined): ReadonlySet<string> | undefined {
    const names = this.#overdue.get(nonce);
    this.#overdue.delete(nonce);
    if (names !== undefined && refusal !== undefined) this.#judge(names, refusal);
    return names;
  }

  #judge(names: Iterable<string>, refusal: string | undefined): void {
    for (const name of names) {
      if (refusal === undefined) this.rejected.delete(name);
      // What the client has given up meanwhile, it does not go on with either.
      else if (this.covers(name)) this.rejected.set(name, refusal);
    }
  }
}
