// Reads what an API server writes: pages of lists and lines of watches. Nothing in it is trusted.

import { isRecord } from '../cluster/projection/field-reader.ts';
import { ApiFailure } from './api-failure.ts';

/** The stream holds something that cannot be read, so that what is known may be wrong: only a new list can tell. */
export class UnreadableStream extends ApiFailure {}

export interface Page {
  readonly version: string;
  /** The continue token; empty for the last page. */
  readonly next: string;
  readonly items: readonly unknown[];
}

/** @throws ApiFailure when it is no list. */
export function parsePage(text: string): Page {
  const { metadata, items } = parseRecord(text) ?? {};
  const list = items ?? [];
  const version = versionOf({ metadata });
  if (!isRecord(metadata) || version === undefined || !Array.isArray(list)) {
    throw new ApiFailure('the answer to a list request is not a list');
  }
  const next = metadata['continue'];
  return { version, next: typeof next === 'string' ? next : '', items: list };
}

/** One line of a watch. */
export interface WatchLine {
  readonly type: unknown;
  readonly object: unknown;
  readonly version: string;
}

/** @throws ApiFailure for an error that the server sends, UnreadableStream for what is no event. */
export function parseLine(line: string): WatchLine {
  const { type, object } = parseRecord(line) ?? {};
  if (type === 'ERROR') throw statusFailure(object);
  const version = versionOf(object);
  // No more of the line than tells garbage from an event: it may be a Secret.
  if (version === undefined) throw new UnreadableStream(`an event has no resourceVersion: ${line.slice(0, 20)}`);
  return { type, object, version };
}

/** Versions of the built-in kinds are decimal numbers that only grow; of others nothing can be said. */
export function isOlder(version: string, than: string): boolean {
  if (!/^\d+$/.test(version) || !/^\d+$/.test(than)) return false;
  return version.length === than.length ? version < than : version.length < than.length;
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

/** An error inside a watch is a `v1` Status. */
function statusFailure(object: unknown): ApiFailure {
  const { code, message, details } = isRecord(object) ? object : {};
  const seconds = isRecord(details) ? Number(details['retryAfterSeconds'] ?? 0) : 0;
  return new ApiFailure(typeof message === 'string' ? message : 'the server sent an error without a message', {
    status: typeof code === 'number' ? code : 500,
    retryAfterMs: Number.isFinite(seconds) ? seconds * 1_000 : 0,
  });
}
