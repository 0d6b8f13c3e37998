// One HTTP/2 connection to an API server, for all lists and watches. Its PINGs tell within seconds whether anybody is
// at the other end, whatever the number of watches and however long these have nothing to say.

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { isIP } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { addressOf, type ApiAnswer, type ApiCall, connectMs, type TlsOptions } from './api-transport.ts';
import { ApiFailure } from './api-failure.ts';
import type { Timing } from './timing.ts';

const pingMs = 1_000;
/** API servers allow 100 or 250 streams at once on a connection; what is beyond would wait for ever behind watches. */
const maxStreams = 80;
const windowBytes = 4 * 1024 * 1024;
const maxSessionMegabytes = 128;

export interface Http2Options {
  /** Seconds without any sign of life after which the connection is given up. */
  readonly patience: number;
  readonly timing: Timing;
  /** Called when a PING is answered. */
  readonly heard: () => void;
}

export class Http2Connection {
  readonly #session: ClientHttp2Session;
  readonly #timing: Timing;
  readonly #patience: number;
  readonly #heard: () => void;
  #streams = 0;
  #isRetired = false;
  /** Ticks in a row in which nothing came. They are counted, not timed, so that a busy moment of ours is not held against the server. */
  #silentTicks = 0;
  #isPinging = false;
  #cancelTick: (() => void) | undefined;

  private constructor(session: ClientHttp2Session, { patience, timing, heard }: Http2Options) {
    this.#session = session;
    this.#timing = timing;
    this.#patience = patience;
    this.#heard = heard;
    session.setLocalWindowSize(windowBytes);
    session.on('goaway', () => this.retire());
    session.on('close', () => this.close());
    // The streams carry the error to those who wait.
    session.on('error', () => this.retire());
    session.unref();
  }

  /**
   * Connects and agrees on HTTP/2; undefined when the server speaks HTTP/1.1 only. Rejects with what Node says when it
   * cannot be reached.
   */
  static async open(server: URL, tls: TlsOptions, options: Http2Options): Promise<Http2Connection | undefined> {
    const socket = await dial(server, tls, options.timing);
    if (socket.alpnProtocol !== 'h2') {
      socket.destroy();
      return undefined;
    }
    const session = connectHttp2(server.origin, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: windowBytes },
      maxSessionMemory: maxSessionMegabytes,
    });
    return new Http2Connection(session, options);
  }

  /** Takes a place for one request, which must be sent or given back; false when there is none. */
  reserve(): boolean {
    if (this.#isRetired || this.#streams >= maxStreams) return false;
    if (this.#streams === 0) this.#wake();
    this.#streams += 1;
    return true;
  }

  /** Gives a reserved place back. */
  release(): void {
    this.#streams -= 1;
    if (this.#streams > 0) return;
    this.#cancelTick?.();
    if (this.#isRetired) this.close();
    else this.#session.unref();
  }

  get isClosed(): boolean {
    return this.#session.destroyed;
  }

  /** True when nothing came although we asked. */
  get isDead(): boolean {
    return this.#silentTicks >= this.#patience;
  }

  /** Sends the request in a reserved place. Rejects with what Node says when there is no answer. */
  async send({ method, path, headers, text, signal }: ApiCall): Promise<ApiAnswer> {
    const stream = this.#request({ ...headers, ':method': method, ':path': path }, signal);
    stream.once('close', () => this.release());
    stream.end(text);
    const answer = await headersOf(stream);
    this.touch();
    return { status: Number(answer[':status']), retryAfter: answer['retry-after'] ?? '', body: stream };
  }

  #request(headers: OutgoingHttpHeaders, signal: AbortSignal): ClientHttp2Stream {
    try {
      return this.#session.request(headers, { signal, endStream: false });
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** Something came: as good an answer as that to a PING, which may be stuck behind it. */
  touch(): void {
    this.#silentTicks = 0;
  }

  /** Ends it, with everything on it. */
  close(failure?: ApiFailure): void {
    this.#isRetired = true;
    this.#cancelTick?.();
    this.#session.destroy(failure);
  }

  /** No more requests go here; it ends with the last one. */
  retire(): void {
    this.#isRetired = true;
    if (this.#streams === 0) this.close();
  }

  /** A connection that nothing goes over is not asked whether it is alive, and holds up nobody who wants to end. */
  #wake(): void {
    this.#session.ref();
    this.touch();
    this.#tick();
  }

  #tick(): void {
    this.#cancelTick = this.#timing.after(pingMs, () => {
      if (this.#session.destroyed) return;
      if (this.isDead) {
        this.close(new ApiFailure('the connection is dead: the server answers nothing any more', { isSilence: true }));
        return;
      }
      this.#ping();
      this.#silentTicks += 1;
      this.#tick();
    });
  }

  #ping(): void {
    if (this.#isPinging) return;
    this.#isPinging = this.#session.ping((error) => {
      this.#isPinging = false;
      if (error !== null) return;
      this.touch();
      this.#heard();
    });
  }
}

function dial(server: URL, tls: TlsOptions, timing: Timing): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const { host, port } = addressOf(server);
    const serverName = tls.servername ?? (isIP(host) === 0 ? host : undefined);
    const socket = connectTls({
      ...tls,
      host,
      port,
      ...(serverName === undefined ? {} : { servername: serverName }),
      ALPNProtocols: ['h2', 'http/1.1'],
    });
    const cancel = timing.after(connectMs, () =>
      socket.destroy(new Error(`no connection within ${connectMs / 1_000} s`)),
    );
    socket.once('secureConnect', () => {
      cancel();
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
    socket.once('close', () => {
      cancel();
      reject(new Error('the server closed the connection'));
    });
  });
}

function headersOf(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders & { readonly ':status'?: number }> {
  return new Promise((resolve, reject) => {
    stream.once('response', resolve);
    stream.on('error', reject);
    stream.once('close', () => reject(new Error('the server closed the stream without an answer')));
  });
}
