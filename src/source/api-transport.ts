// What the ways to an API server have in common: HTTP/2 where the server speaks it, HTTP/1.1 otherwise.

import type { OutgoingHttpHeaders } from 'node:http';
import type { ConnectionOptions } from 'node:tls';
import type { Readable } from 'node:stream';

/** Milliseconds until a connection must be there, TLS included. */
export const connectMs = 4_000;

export type TlsOptions = Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'servername'>;

/** A request, with everything that the server must be told. */
export interface ApiCall {
  readonly server: URL;
  /** With the path of the server before it and the query behind. */
  readonly path: string;
  readonly method: string;
  readonly headers: OutgoingHttpHeaders;
  /** The body. */
  readonly text: string | undefined;
  readonly signal: AbortSignal;
}

/** An answer whose body has not been read. Whoever takes it reads it to the end or destroys it. */
export interface ApiAnswer {
  readonly status: number;
  /** The header `Retry-After`; empty when there is none. */
  readonly retryAfter: string;
  readonly body: Readable;
}

/** Where the request goes: an IPv6 address without its brackets. */
export function addressOf({ hostname, port, protocol }: URL): { readonly host: string; readonly port: number } {
  const host = hostname.replace(/^\[|\]$/g, '');
  return { host, port: port === '' ? (protocol === 'http:' ? 80 : 443) : Number(port) };
}
