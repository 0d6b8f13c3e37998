// The HTTP/2 connections to an API server: one, and more only when one cannot hold all watches.

import { isDeepStrictEqual } from 'node:util';
import type { TlsOptions } from './api-transport.ts';
import { Http2Connection } from './http2-connection.ts';
import type { Timing } from './timing.ts';

/** Seconds without a sign of life. It doubles while connections die, for servers and networks that are slow and not dead. */
const patience = { first: 3, most: 24 };
/** A connection that lived this long was healthy, in milliseconds. */
const healthyMs = 60_000;
/** Milliseconds until a server that spoke HTTP/1.1 only is asked again. */
const askAgainMs = 300_000;

export class Http2Pool {
  readonly #timing: Timing;
  readonly #heard: () => void;
  #server = '';
  #tls: TlsOptions = {};
  #connections: { readonly connection: Http2Connection; readonly openedAt: number }[] = [];
  #opening: Promise<void> | undefined;
  #patience = patience.first;
  #onlyHttp1Until = 0;

  /** @param heard called when a PING is answered. */
  constructor(timing: Timing, heard: () => void) {
    this.#timing = timing;
    this.#heard = heard;
  }

  /**
   * A connection on which a stream has been reserved; undefined when the server speaks HTTP/1.1 only. Rejects with what
   * Node says when the server cannot be reached.
   */
  async take(server: URL, tls: TlsOptions): Promise<Http2Connection | undefined> {
    if (server.protocol !== 'https:') return undefined;
    this.#follow(server, tls);
    for (;;) {
      this.#sweep();
      if (this.#timing.now() < this.#onlyHttp1Until) return undefined;
      const found = this.#connections.find(({ connection }) => connection.reserve());
      if (found !== undefined) return found.connection;
      this.#opening ??= this.#open(server, tls).finally(() => {
        this.#opening = undefined;
      });
      // oxlint-disable-next-line no-await-in-loop -- those who wait for the same connection may be too many for it
      await this.#opening;
    }
  }

  close(): void {
    for (const { connection } of this.#connections) connection.close();
    this.#connections = [];
  }

  /** Other credentials need another connection; what runs on the old ones may end there. */
  #follow(server: URL, tls: TlsOptions): void {
    if (this.#server === server.href && isDeepStrictEqual(this.#tls, tls)) return;
    this.#server = server.href;
    this.#tls = tls;
    this.#onlyHttp1Until = 0;
    for (const { connection } of this.#connections) connection.retire();
  }

  #sweep(): void {
    const now = this.#timing.now();
    this.#connections = this.#connections.filter(({ connection, openedAt }) => {
      if (connection.isDead) this.#patience = Math.min(patience.most, this.#patience * 2);
      else if (now - openedAt > healthyMs) this.#patience = patience.first;
      return !connection.isClosed;
    });
  }

  async #open(server: URL, tls: TlsOptions): Promise<void> {
    const connection = await Http2Connection.open(server, tls, {
      patience: this.#patience,
      timing: this.#timing,
      heard: this.#heard,
    });
    if (connection === undefined) this.#onlyHttp1Until = this.#timing.now() + askAgainMs;
    else this.#connections.push({ connection, openedAt: this.#timing.now() });
  }
}
