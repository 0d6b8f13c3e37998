// Keeps up with the objects of one kind in one namespace (or all): lists them page by page, then watches from there.
// client-node's informer is not used: it ends at the first error, loses unreadable events silently and reads no pages.

import type { Kind } from '../cluster/kubernetes-object.ts';
import { isRecord } from '../cluster/projection/field-reader.ts';
import { type ApiClient, ApiFailure } from './api-client.ts';
import { Backoff } from './backoff.ts';
import { KnownObjects } from './known-objects.ts';
import { LineSplitter, LineTooLong } from './line-splitter.ts';
import { collectionPath, reflectedResources } from './reflected-resource.ts';
import type { SourceEvent } from './source.ts';
import { pause, type Timing } from './timing.ts';

/** What a reflector goes through, for metrics and the log. */
export type ReflectorEvent = ReflectorTarget &
  (
    | { readonly kind: 'listed'; readonly objects: number; readonly pages: number }
    | { readonly kind: 'watching' }
    /** So many objects changed; events that changed nothing are not counted. */
    | { readonly kind: 'changed'; readonly changes: number }
    /** A line of a watch, or an object of a list, that could not be read. */
    | { readonly kind: 'unreadable'; readonly detail: string }
    | { readonly kind: 'failed'; readonly operation: 'list' | 'watch'; readonly failure: ApiFailure }
  );

export interface ReflectorTarget {
  readonly resource: Kind;
  /** Empty for all namespaces. */
  readonly namespace: string;
}

/** All times in milliseconds. */
export interface ReflectorLimits {
  /** Lists of one reflector begin at least this far apart. */
  readonly listIntervalMs: number;
  readonly backoffFirstMs: number;
  readonly backoffCapMs: number;
  /** A watch that lived this long counts as healthy: the backoff starts anew. */
  readonly stableMs: number;
  /** The longest that a Retry-After of the server is obeyed. */
  readonly retryAfterCapMs: number;
  /** The server ends a watch after this time, less up to a fifth. */
  readonly watchMs: number;
  /** Silence after which a watch is taken for dead, on top of the time after which the server should have ended it. */
  readonly watchGraceMs: number;
  /** Silence after which a list is taken for dead. */
  readonly listSilenceMs: number;
  /** After so many failed watches in a row a new list is made: the version may be what the server fails at. */
  readonly watchAttempts: number;
  /** A page beyond this size is given up and a smaller one asked for. */
  readonly maxPageBytes: number;
  readonly maxLineBytes: number;
}

export const defaultReflectorLimits: ReflectorLimits = {
  listIntervalMs: 1_000,
  backoffFirstMs: 200,
  backoffCapMs: 30_000,
  stableMs: 2_000,
  retryAfterCapMs: 120_000,
  watchMs: 300_000,
  watchGraceMs: 15_000,
  listSilenceMs: 60_000,
  watchAttempts: 3,
  maxPageBytes: 64 * 1024 * 1024,
  maxLineBytes: 16 * 1024 * 1024,
};

export interface ReflectorOptions extends ReflectorTarget {
  readonly client: ApiClient;
  readonly limits: ReflectorLimits;
  readonly timing: Timing;
  readonly emit: (event: SourceEvent) => void;
  readonly observe: (event: ReflectorEvent) => void;
}

/** The stream holds something that cannot be read, so that what is known may be wrong: only a new list can tell. */
class UnreadableStream extends ApiFailure {}

export class Reflector {
  readonly #options: ReflectorOptions;
  readonly #target: ReflectorTarget;
  readonly #known: KnownObjects;
  readonly #backoff: Backoff;
  #pageSize: number;
  /** Where to watch from; undefined when a list is needed. */
  #version: string | undefined;
  #nextListAt = 0;
  #watchingSince: number | undefined;

  constructor(options: ReflectorOptions) {
    const { resource, namespace, limits, timing } = options;
    this.#options = options;
    this.#target = { resource, namespace };
    this.#known = new KnownObjects(resource);
    this.#backoff = new Backoff({ firstMs: limits.backoffFirstMs, capMs: limits.backoffCapMs }, timing);
    this.#pageSize = reflectedResources[resource].pageSize;
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
    const { limits, timing } = this.#options;
    const operation = this.#version === undefined ? 'list' : 'watch';
    this.#watchingSince = undefined;
    try {
      if (operation === 'list') {
        await pause(this.#nextListAt - timing.now(), signal, timing);
        if (signal.aborted) return 0;
        this.#nextListAt = timing.now() + limits.listIntervalMs;
        this.#version = await this.#list(signal);
      }
      await this.#watch(this.#version ?? '', signal);
      return this.#isStable() ? this.#calm() : this.#backoff.fail();
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

  #calm(): number {
    this.#backoff.reset();
    return 0;
  }

  #fail(failure: ApiFailure): number {
    const { limits } = this.#options;
    const operation = this.#version === undefined ? 'list' : 'watch';
    if (this.#isStable()) this.#backoff.reset();
    const waitMs = Math.max(this.#backoff.fail(), Math.min(failure.retryAfterMs, limits.retryAfterCapMs));
    this.#observe({ kind: 'failed', operation, failure });
    const isVersionGone = failure.status === 410 || failure instanceof UnreadableStream;
    if (isVersionGone || this.#backoff.failures >= limits.watchAttempts) this.#version = undefined;
    return waitMs;
  }

  /** Reads all pages, sends what differs, and answers the version to watch from. */
  async #list(signal: AbortSignal): Promise<string> {
    const listing = this.#known.list();
    let page: Page = { version: '', next: '', items: [] };
    let pages = 0;
    do {
      // oxlint-disable-next-line no-await-in-loop -- each page names the next
      page = await this.#readPage(page.next, signal);
      pages += 1;
      for (const item of page.items) {
        // Another list would bring the same again, so that the object is left out, and said to be.
        if (!listing.add(item)) this.#observe({ kind: 'unreadable', detail: 'a listed object has no name' });
      }
    } while (page.next !== '');
    listing.finish();
    this.#emit();
    this.#observe({ kind: 'listed', objects: this.#known.size, pages });
    return page.version;
  }

  /** The text of a page is dropped here, before the next is asked for; so memory is bounded by one page. */
  #readPage(next: string, signal: AbortSignal): Promise<Page> {
    const { client, limits, resource, namespace } = this.#options;
    const query = { limit: String(this.#pageSize), ...(next === '' ? {} : { continue: next }) };
    const path = collectionPath(resource, namespace, query);
    return client.get({ path, silenceMs: limits.listSilenceMs }, signal, async (body) => {
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of body) {
        chunks.push(chunk);
        size += chunk.length;
        if (size > limits.maxPageBytes) {
          const failure = new ApiFailure(
            `a page of ${this.#pageSize} objects is larger than ${limits.maxPageBytes} bytes`,
          );
          this.#pageSize = Math.max(1, Math.floor(this.#pageSize / 4));
          throw failure;
        }
      }
      return parsePage(Buffer.concat(chunks, size).toString('utf8'));
    });
  }

  /** Returns when the server ends the watch in good order. */
  #watch(version: string, signal: AbortSignal): Promise<void> {
    const { client, limits, timing, resource, namespace } = this.#options;
    const watchMs = limits.watchMs * (1 - timing.random() / 5);
    const path = collectionPath(resource, namespace, {
      watch: '1',
      allowWatchBookmarks: 'true',
      resourceVersion: version,
      timeoutSeconds: String(Math.max(1, Math.round(watchMs / 1000))),
    });
    return client.get({ path, silenceMs: watchMs + limits.watchGraceMs }, signal, async (body) => {
      this.#watchingSince = timing.now();
      this.#observe({ kind: 'watching' });
      const splitter = new LineSplitter(limits.maxLineBytes);
      for await (const chunk of body) this.#readLines(splitter, chunk);
      if (splitter.pendingBytes > 0) throw this.#unreadable('the watch ended in the middle of a line');
    });
  }

  /** The events of one chunk go out together; those before an unreadable one are good. */
  #readLines(splitter: LineSplitter, chunk: Buffer): void {
    try {
      for (const line of splitter.split(chunk)) this.#readEvent(line);
    } catch (error) {
      throw error instanceof LineTooLong ? this.#unreadable(error.message) : error;
    } finally {
      this.#emit();
    }
  }

  #readEvent(line: string): void {
    const { type, object } = parseRecord(line) ?? {};
    if (type === 'ERROR') throw statusFailure(object);
    const version = versionOf(object);
    if (version === undefined) throw this.#unreadable(`an event has no resourceVersion: ${line.slice(0, 20)}`);
    if (isOlder(version, this.#version ?? '')) throw this.#unreadable(`version ${version} came after ${this.#version}`);
    if (!this.#apply(type, object)) throw this.#unreadable('an event is of an unknown type or its object has no name');
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
      if (event.kind === 'changes') this.#observe({ kind: 'changed', changes: event.changes.length });
    }
  }

  #observe(event: DistributiveOmit<ReflectorEvent, keyof ReflectorTarget>): void {
    this.#options.observe({ ...this.#target, ...event });
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

interface Page {
  readonly version: string;
  /** The continue token; empty for the last page. */
  readonly next: string;
  readonly items: readonly unknown[];
}

function parsePage(text: string): Page {
  const { metadata, items } = parseRecord(text) ?? {};
  const list = items ?? [];
  const version = versionOf({ metadata });
  if (!isRecord(metadata) || version === undefined || !Array.isArray(list)) {
    throw new ApiFailure('the answer to a list request is not a list');
  }
  const next = metadata['continue'];
  return { version, next: typeof next === 'string' ? next : '', items: list };
}

function parseRecord(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function versionOf(object: unknown): string | undefined {
  const metadata = isRecord(object) ? object['metadata'] : undefined;
  const version = isRecord(metadata) ? metadata['resourceVersion'] : undefined;
  return typeof version === 'string' && version !== '' ? version : undefined;
}

/** Versions of the built-in kinds are decimal numbers that only grow; of others nothing can be said. */
function isOlder(version: string, than: string): boolean {
  if (!/^\d+$/.test(version) || !/^\d+$/.test(than)) return false;
  return version.length === than.length ? version < than : version.length < than.length;
}

/** An error inside a watch is a `v1` Status. */
function statusFailure(object: unknown): ApiFailure {
  const { code, message } = isRecord(object) ? object : {};
  return new ApiFailure(typeof message === 'string' ? message : 'the server sent an error without a message', {
    status: typeof code === 'number' ? code : 500,
  });
}
