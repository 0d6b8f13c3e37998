// The API server as this folder sees it: requests out, JSON back.

import type { ApiRequest } from '../source/api-client.ts';

export interface ApiCaller {
  /** Rejects with an ApiFailure for whatever goes wrong on the way. */
  readonly call: (request: ApiRequest, signal: AbortSignal) => Promise<unknown>;
}

/** Milliseconds without a byte after which a request is given up. */
export const silenceMs = 10_000;

export function jsonBody(value: unknown, type = 'application/json'): NonNullable<ApiRequest['body']> {
  return { type, text: JSON.stringify(value) };
}
