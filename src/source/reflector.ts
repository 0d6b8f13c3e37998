// Keeps up with the objects of one kind in one namespace (or all): lists them page by page, then watches from there.
// client-node's informer is not used: it ends at the first error, loses unreadable events silently and reads no pages.

import type { ApiClient, ApiRequest, Link } from './api-client.ts';
import { ApiFailure } from './api-failure.ts';
import { isOlder, type Page, parseLine, parsePage, UnreadableStream } from './api-text.ts';
import { Backoff } from './backoff.ts';
import { KnownObjects } from './known-objects.ts';
import { LineSplitter, LineTooLong } from './line-splitter.ts';
import { collectionPath, reflectedResources, type ReflectorTarget } from './reflected-resource.ts';
import type { ReflectorLimits } from './reflector-limits.ts';
import type { SourceEvent } from './source.ts';
import { pause, type Timing } from './timing.ts';

/** What a reflector goes through, for metrics and the log. */
export type ReflectorEvent = ReflectorTarget &
  (
    | { readonly kind: 'listed'; readonly objects: number; readonly pages: number }
    | { readonly kind: 'watching' }
    /** So many objects changed; events that changed nothing are not counted. */
    | { readonly kind: 'changed'; readonly changes: number; readonly objects: number }
    /** The server says that nothing was missed. */
    | { readonly kind: 'bookmark' }
    /** A line of a watch, or an object of a list, that could not be read. */
    | { readonly kind: 'unreadable'; readonly detail: string }
    | { readonly kind: 'failed'; readonly operation: 'list' | 'watch'; readonly failure: ApiFailure }
  );

export interface ReflectorOptions extends ReflectorTarget {
  /** How many reflectors there are now. */
  readonly reflectors: () => number;
  readonly client: ApiClient;
  readonly limits: ReflectorLimits;
  readonly timing: Timing;
  readonly emit: (event: SourceEvent) => void;
  readonly observe: (event: ReflectorEvent) => void;
}

export class Reflector {
  readonly #options: ReflectorOptions;
  readonly #target: ReflectorTarget;
  readonly #known: KnownObjects;
  readonly #backoff: Backoff;
  #pageSize: number;
  /** How often the pages of a list have expired before it was complete; at the second time it is asked for as a whole. */
  #expiries = 0;
  #listSilenceMs: number;
  /** Where to watch from; undefined when a list is needed. */
  #version: string | undefined;
  /** True when the connection was lost: who answers now may have lost what it said before, as after a restored backup. */
  #isVersionUnchecked = false;
  #nextListAt = 0;
  #watchingSince: number | undefined;

  constructor(options: ReflectorOptions) {
    const { resource, namespace, name, limits, timing } = options;
    this.#options = options;
    this.#target = { resource, namespace, ...(name === undefined ? {} : { name }) };
    this.#known = new KnownObjects(resource);
    this.#backoff = new Backoff({ firstMs: limits.backoffFirstMs, capMs: limits.backoffCapMs }, timing);
    this.#pageSize = reflectedResources[resource].pageSize;
    this.#listSilenceMs = limits.listSilence.firstMs;
  }

  /** Runs until the signal is aborted. Rejects only for a mistake in this program. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // oxlint-disable-next-line no-await-in-loop -- one attempt follows another
      const waitMs = await this.#attempt(signal);
      // oxlint-disable-next-line no-await-in-loop -- as above
      await pause(waitMs, signal, this.#options.timing);
    }
  }

  /** Lists when needed, then watches until that ends. Answers how long to wait before the next attempt. */
  async #attempt(signal: AbortSignal): Promise<number> {
    this.#watchingSince = undefined;
    try {
      if (this.#version !== undefined && this.#isVersionUnchecked) await this.#checkVersion(this.#version, signal);
      this.#version ??= await this.#listInTurn(signal);
      await this.#watch(this.#version, signal);
      if (this.#isStable()) {
        this.#backoff.reset();
        return 0;
      }
      return this.#retry();
    } catch (error) {
      if (signal.aborted) return 0;
      if (!(error instanceof ApiFailure)) throw error;
      return this.#fail(error);
    }
  }

  #isStable(): boolean {
    const since = this.#watchingSince;
    return since !== undefined && this.#options.timing.now() - since >= this.#options.limits.stableMs;
  }

  #fail(failure: ApiFailure): number {
    const { limits } = this.#options;
    this.#observe({ kind: 'failed', operation: this.#version === undefined ? 'list' : 'watch', failure });
    if (this.#isStable()) this.#backoff.reset();
    // Behind an address at which nobody listened there may be another server next time, with another past.
    const isVersionDoubtful = failure.status === 410 || failure instanceof UnreadableStream || failure.isRefused;
    if (isVersionDoubtful) this.#version = undefined;
    this.#isVersionUnchecked = failure.status === 0;
    const waitMs = Math.max(this.#retry(), Math.min(failure.retryAfterMs, limits.retryAfterCapMs));
    const isForbidden = failure.status === 403 && this.#backoff.failures >= limits.watchAttempts;
    return isForbidden ? Math.max(waitMs, limits.forbiddenMs) : waitMs;
  }

  /** Counts a failure; every few of them the version, too, is doubted. */
  #retry(): number {
    const waitMs = this.#backoff.fail();
    if (this.#backoff.failures % this.#options.limits.watchAttempts === 0) this.#version = undefined;
    return waitMs;
  }

  /**
   * Drops the version when the server has not come so far. It would not complain: a watch from a version to come is
   * silent until that comes.
   */
  async #checkVersion(version: string, signal: AbortSignal): Promise<void> {
    const page = await this.#readPage({ limit: '1' }, signal);
    this.#isVersionUnchecked = false;
    if (isOlder(page.version, version)) this.#version = undefined;
  }

  /** Lists, but not too soon after the last time: a list of many objects costs the server a lot. */
  async #listInTurn(signal: AbortSignal): Promise<string> {
    const { limits, timing } = this.#options;
    await pause(this.#nextListAt - timing.now(), signal, timing);
    if (signal.aborted) throw new ApiFailure('given up');
    const startedAt = timing.now();
    this.#nextListAt = startedAt + limits.listIntervalMs;
    try {
      return await this.#list(signal);
    } catch (error) {
      if (error instanceof ApiFailure && error.isSilence) {
        this.#listSilenceMs = Math.min(limits.listSilence.capMs, this.#listSilenceMs * 2);
      }
      throw error;
    } finally {
      const pauseMs = Math.min(limits.listIntervalCapMs, 3 * (timing.now() - startedAt));
      this.#nextListAt = startedAt + Math.max(limits.listIntervalMs, pauseMs);
    }
  }

  /** Reads all pages, sends what differs, and answers the version to watch from. */
  async #list(signal: AbortSignal): Promise<string> {
    const listing = this.#known.list();
    let page: Page = { version: '', next: '', items: [] };
    let pages = 0;
    do {
      // oxlint-disable-next-line no-await-in-loop -- each page names the next
      page = await this.#readNextPage(page.next, signal);
      pages += 1;
      for (const item of page.items) {
        // Another list would bring the same again, so that the object is left out, and said to be.
        if (!listing.add(item)) this.#observe({ kind: 'unreadable', detail: 'a listed object has no name' });
      }
    } while (page.next !== '');
    listing.finish();
    this.#expiries = 0;
    this.#listSilenceMs = this.#options.limits.listSilence.firstMs;
    this.#emit();
    this.#observe({ kind: 'listed', objects: this.#known.size, pages });
    return page.version;
  }

  get #isTooSlowForPages(): boolean {
    return this.#expiries >= 2;
  }

  async #readNextPage(next: string, signal: AbortSignal): Promise<Page> {
    const limit = this.#isTooSlowForPages ? {} : { limit: String(this.#pageSize) };
    try {
      return await this.#readPage({ ...limit, ...(next === '' ? {} : { continue: next }) }, signal);
    } catch (error) {
      if (error instanceof ApiFailure && error.status === 410 && next !== '') this.#expiries += 1;
      throw error;
    }
  }

  /** The text of a page is dropped here, before the next is asked for; so memory is bounded by one page. */
  #readPage(query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Page> {
    const { client, limits } = this.#options;
    const path = this.#path(query);
    const describe = ({ isPinged }: Link): ApiRequest => ({
      path,
      silenceMs: isPinged ? limits.listSilence.capMs : this.#listSilenceMs,
    });
    return client.get(describe, signal, async (body) => parsePage(await this.#readText(body)));
  }

  async #readText(body: AsyncIterable<Buffer>): Promise<string> {
    const { maxPageBytes, maxListBytes } = this.#options.limits;
    const maxBytes = this.#isTooSlowForPages ? maxListBytes : maxPageBytes;
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of body) {
      chunks.push(chunk);
      size += chunk.length;
      if (size <= maxBytes) continue;
      const failure = new ApiFailure(`a page of ${this.#pageSize} objects is larger than ${maxBytes} bytes`);
      this.#pageSize = Math.max(1, Math.floor(this.#pageSize / 4));
      this.#expiries = 0;
      throw failure;
    }
    return Buffer.concat(chunks, size).toString('utf8');
  }

  /** Returns when the server ends the watch in good order. */
  #watch(version: string, signal: AbortSignal): Promise<void> {
    const { client, limits, timing } = this.#options;
    const describe = ({ isPinged }: Link): ApiRequest => {
      const { watchMs, graceMs } = isPinged ? limits.watch.pinged : limits.watch.silent;
      const fullMs = Math.max(watchMs, limits.watch.perReflectorMs * this.#options.reflectors());
      const seconds = Math.max(1, Math.ceil((fullMs * (1 - timing.random() / 5)) / 1_000));
      const path = this.#path({
        watch: '1',
        allowWatchBookmarks: 'true',
        resourceVersion: version,
        timeoutSeconds: String(seconds),
      });
      return { path, silenceMs: Math.min(seconds * 1_000, fullMs) + graceMs };
    };
    return client.get(describe, signal, async (body) => {
      this.#watchingSince = timing.now();
      this.#observe({ kind: 'watching' });
      const splitter = new LineSplitter(limits.maxLineBytes);
      for await (const chunk of body) this.#readLines(splitter, chunk);
      if (splitter.pendingBytes > 0) throw this.#unreadable('the watch ended in the middle of a line');
    });
  }

  #path(query: Readonly<Record<string, string>>): string {
    return collectionPath(this.#target, query);
  }

  /** The events of one chunk go out together; those before an unreadable one are good. */
  #readLines(splitter: LineSplitter, chunk: Buffer): void {
    try {
      for (const line of splitter.split(chunk)) this.#readEvent(line);
    } catch (error) {
      if (error instanceof LineTooLong || error instanceof UnreadableStream) throw this.#unreadable(error.message);
      throw error;
    } finally {
      this.#emit();
    }
  }

  #readEvent(line: string): void {
    const { type, object, version } = parseLine(line);
    if (isOlder(version, this.#version ?? '')) {
      throw new UnreadableStream(`version ${version} came after ${this.#version}`);
    }
    if (!this.#apply(type, object)) {
      throw new UnreadableStream('an event is of an unknown type or its object has no name');
    }
    this.#version = version;
  }

  #apply(type: unknown, object: unknown): boolean {
    switch (type) {
      case 'ADDED':
      case 'MODIFIED':
        return this.#known.put(object);
      case 'DELETED':
        return this.#known.remove(object);
      case 'BOOKMARK':
        this.#observe({ kind: 'bookmark' });
        return true;
      default:
        return false;
    }
  }

  #unreadable(detail: string): UnreadableStream {
    this.#observe({ kind: 'unreadable', detail });
    return new UnreadableStream(detail);
  }

  #emit(): void {
    for (const event of this.#known.take()) {
      this.#options.emit(event);
      if (event.kind === 'changes') {
        this.#observe({ kind: 'changed', changes: event.changes.length, objects: this.#known.size });
      }
    }
  }

  #observe(event: DistributiveOmit<ReflectorEvent, keyof ReflectorTarget>): void {
    this.#options.observe({ ...this.#target, ...event });
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
