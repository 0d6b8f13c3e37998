// Tells Problems as Events on the objects that they are about, so that `kubectl describe` says what is wrong. Each is
// told once, kept alive while it lasts, and followed by a note when it is over.

import type { Kind } from '../cluster/kubernetes-object.ts';
import { describeObject } from '../model/object-ref.ts';
import type { Problem } from '../model/problem.ts';
import { ApiFailure } from '../source/api-client.ts';
import type { Timing } from '../source/timing.ts';
import { type ApiCaller, jsonBody, silenceMs } from './api-caller.ts';
import {
  appeared,
  eventName,
  eventNamespace,
  type EventNote,
  eventSeries,
  kindOf,
  newEvent,
  resolved,
} from './event-note.ts';
import { lookUpUid } from './object-lookup.ts';
import { TokenBucket, type TokenBucketLimits } from './token-bucket.ts';
import { type WriteLimits, WriteQueue } from './write-queue.ts';

/** All times in milliseconds. */
export interface EventLimits extends WriteLimits {
  /** So long after a change all Problems are looked at; what else changes meanwhile is seen in the same look. */
  readonly gatherMs: number;
  /** What is solved sooner is not told: objects that are applied together do not arrive together. */
  readonly holdMs: number;
  /** An Event is written again after this time while its Problem lasts. API servers forget Events after an hour. */
  readonly refreshMs: number;
  /** New Events about one object. */
  readonly perObject: TokenBucketLimits;
  /** Problems beyond this number are not told; the admin address has them all. */
  readonly most: number;
}

export const defaultEventLimits: EventLimits = {
  perSecond: 10,
  burst: 50,
  concurrency: 2,
  outage: { firstMs: 1_000, capMs: 60_000 },
  denial: { firstMs: 10_000, capMs: 300_000 },
  refusal: { firstMs: 10_000, capMs: 300_000 },
  retryAfterCapMs: 120_000,
  gatherMs: 500,
  holdMs: 2_000,
  refreshMs: 1_800_000,
  perObject: { perSecond: 1 / 300, burst: 25 },
  most: 5_000,
};

export interface EventWriterOptions {
  readonly api: ApiCaller;
  /** All there are now. */
  readonly problems: () => readonly Problem[];
  /** This replica. */
  readonly identity: string;
  readonly isLeading: () => boolean;
  readonly limits: EventLimits;
  readonly timing: Timing;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly observe: (outcome: 'written' | ApiFailure) => void;
  readonly fail: (error: unknown) => void;
}

/** A Problem that an Event tells of. */
interface Told {
  readonly problem: Problem;
  readonly kind: Kind;
  readonly uid: string;
  refreshAt: number;
}

export class EventWriter {
  readonly #options: EventWriterOptions;
  readonly #queue: WriteQueue;
  /** All there were when they were looked at last, by an id that is the same for equal Problems. */
  #current: ReadonlyMap<string, Problem> = new Map();
  /** Their reasons, fields and objects. */
  #subjects: ReadonlySet<string> = new Set();
  /** Those that there were when we began to lead: the leader before us may have told them. */
  #inherited: ReadonlySet<string> = new Set();
  readonly #told = new Map<string, Told>();
  /** How often Events were written that may still be there, by name. */
  readonly #counts = new Map<string, number>();
  readonly #buckets = new Map<string, TokenBucket>();
  #cancelReading: (() => void) | undefined;

  constructor(options: EventWriterOptions) {
    this.#options = options;
    this.#queue = new WriteQueue({
      write: (id, signal) => this.#write(id, signal),
      scopeOf: (id) => this.#scopeOf(id),
      isOpen: options.isLeading,
      limits: options.limits,
      timing: options.timing,
      observe: options.observe,
      fail: options.fail,
    });
  }

  /** Events that wait to be written. */
  get pending(): number {
    return this.#queue.size;
  }

  /** There are other Problems now. They are looked at a little later, and only by who leads: there can be thousands. */
  change(): void {
    if (!this.#options.isLeading()) return;
    this.#cancelReading ??= this.#options.timing.after(this.#options.limits.gatherMs, () => this.#compare());
  }

  lead(): void {
    this.#read();
    this.#inherited = new Set(this.#current.keys());
    for (const id of this.#inherited) this.#queue.add(id);
  }

  follow(): void {
    this.#cancelReading?.();
    this.#cancelReading = undefined;
    this.#queue.clear();
    this.#told.clear();
    this.#counts.clear();
    this.#inherited = new Set();
  }

  stop(): Promise<void> {
    this.follow();
    return this.#queue.stop();
  }

  #read(): void {
    const { problems, limits } = this.#options;
    const tellable = problems()
      // What is left to others is none of our business to write on.
      .filter((problem) => problem.severity !== 'info' && kindOf(problem) !== undefined)
      .slice(0, limits.most);
    this.#current = new Map(tellable.map((problem) => [JSON.stringify(problem), problem]));
    this.#subjects = new Set(tellable.map(subjectOf));
  }

  #compare(): void {
    const { limits, isLeading } = this.#options;
    this.#cancelReading = undefined;
    if (!isLeading()) return;
    const before = this.#current;
    this.#read();
    for (const id of this.#current.keys()) if (!before.has(id)) this.#queue.addAfter(id, limits.holdMs);
    for (const id of this.#told.keys()) if (!this.#current.has(id)) this.#queue.addSooner(id, limits.holdMs);
  }

  #scopeOf(id: string): string {
    const problem = this.#current.get(id) ?? this.#told.get(id)?.problem;
    return problem === undefined ? '' : eventNamespace(problem);
  }

  async #write(id: string, signal: AbortSignal): Promise<void> {
    const problem = this.#current.get(id);
    const told = this.#told.get(id);
    if (problem !== undefined && told === undefined) await this.#tell(id, problem, signal);
    else if (problem !== undefined && told !== undefined) await this.#refresh(id, told, signal);
    else if (told !== undefined) await this.#resolve(id, told, signal);
  }

  async #tell(id: string, problem: Problem, signal: AbortSignal): Promise<void> {
    const kind = kindOf(problem);
    if (kind === undefined) return;
    const bucket = this.#bucketOf(problem);
    const waitMs = bucket.take();
    if (waitMs > 0) {
      this.#queue.addAfter(id, waitMs);
      return;
    }
    try {
      const { namespace, name } = problem.object;
      const uid = await lookUpUid(this.#options.api, { kind, namespace, name }, signal);
      // What is not there has nobody who would look at it; its Problems go in a moment.
      if (uid === undefined) return;
      const told: Told = { problem, kind, uid, refreshAt: 0 };
      const isNew = await this.#create(told, appeared(problem), signal);
      if (!isNew && !this.#inherited.has(id)) await this.#repeat(told, appeared(problem), signal);
      this.#told.set(id, told);
      this.#planRefresh(id, told, isNew);
    } catch (error) {
      bucket.giveBack();
      throw error;
    }
  }

  async #refresh(id: string, told: Told, signal: AbortSignal): Promise<void> {
    if (told.refreshAt > this.#options.timing.now()) return;
    const note = appeared(told.problem);
    if (!(await this.#repeat(told, note, signal))) await this.#create(told, note, signal);
    this.#planRefresh(id, told, true);
  }

  async #resolve(id: string, told: Told, signal: AbortSignal): Promise<void> {
    const { problem, kind, uid } = told;
    // The same in other words is no solution.
    if (!this.#subjects.has(subjectOf(problem))) {
      const { namespace, name } = problem.object;
      const uidNow = await lookUpUid(this.#options.api, { kind, namespace, name }, signal);
      if (uidNow === uid) {
        const isNew = await this.#create(told, resolved(problem), signal);
        if (!isNew) await this.#repeat(told, resolved(problem), signal);
      }
    }
    this.#told.delete(id);
    // It may have come back meanwhile.
    if (this.#current.has(id)) this.#queue.addAfter(id, this.#options.limits.holdMs);
  }

  /** False when the Event is there already. */
  async #create({ problem, kind, uid }: Told, note: EventNote, signal: AbortSignal): Promise<boolean> {
    const { api, identity, wallClock } = this.#options;
    const body = jsonBody(newEvent(problem, note, { kind, uid, identity, now: wallClock() }));
    try {
      await api.call({ method: 'POST', path: eventsPath(problem), body, silenceMs }, signal);
    } catch (error) {
      if (error instanceof ApiFailure && error.status === 409) return false;
      throw error;
    }
    this.#count(eventName(problem, uid, note), 1);
    this.#options.observe('written');
    return true;
  }

  /** Says that it is so again, or still. False when the Event is gone. */
  async #repeat({ problem, uid }: Told, note: EventNote, signal: AbortSignal): Promise<boolean> {
    const { api, wallClock } = this.#options;
    const name = eventName(problem, uid, note);
    const count = (this.#counts.get(name) ?? 1) + 1;
    const path = `${eventsPath(problem)}/${encodeURIComponent(name)}`;
    const body = jsonBody(eventSeries(count, wallClock()), 'application/merge-patch+json');
    try {
      await api.call({ method: 'PATCH', path, body, silenceMs }, signal);
    } catch (error) {
      if (error instanceof ApiFailure && error.status === 404) return false;
      throw error;
    }
    this.#count(name, count);
    this.#options.observe('written');
    return true;
  }

  #count(name: string, count: number): void {
    this.#counts.delete(name);
    this.#counts.set(name, count);
    // The oldest is the first; the server has forgotten it, or counts from two again.
    const [oldest] = this.#counts.keys();
    if (this.#counts.size > 2 * this.#options.limits.most && oldest !== undefined) this.#counts.delete(oldest);
  }

  /** How old an Event is that somebody else wrote is not known, except that they would have written it again in time. */
  #planRefresh(id: string, told: Told, isNew: boolean): void {
    const { limits, timing } = this.#options;
    const ms = isNew ? limits.refreshMs : limits.refreshMs * 0.8 * timing.random();
    told.refreshAt = timing.now() + ms;
    this.#queue.addAfter(id, ms);
  }

  #bucketOf({ object }: Problem): TokenBucket {
    const { limits, timing } = this.#options;
    const key = describeObject(object);
    const bucket = this.#buckets.get(key) ?? new TokenBucket(limits.perObject, timing);
    if (this.#buckets.size > limits.most) {
      for (const [other, each] of this.#buckets) if (each.isFull()) this.#buckets.delete(other);
    }
    this.#buckets.set(key, bucket);
    return bucket;
  }
}

function eventsPath(problem: Problem): string {
  return `/apis/events.k8s.io/v1/namespaces/${encodeURIComponent(eventNamespace(problem))}/events`;
}

function subjectOf({ object, field, reason }: Problem): string {
  return [describeObject(object), field, reason].join('\u0000');
}
