// Sends requests to a Kubernetes API server and hands out the raw response, which client-node's own client cannot.
// Over HTTP/2 where it can be had, because its PINGs find a dead connection that is silent by nature.

import type { KubeConfig } from '@kubernetes/client-node';
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import { ApiCredentials, type Credentials } from './api-credentials.ts';
import { ApiFailure } from './api-failure.ts';
import { addressOf, type ApiAnswer, type ApiCall, connectMs, type TlsOptions } from './api-transport.ts';
import type { Http2Connection } from './http2-connection.ts';
import { Http2Pool } from './http2-pool.ts';
import { codeOf, messageOf } from './system-error.ts';
import type { Timing } from './timing.ts';
import { Watchdog } from './watchdog.ts';

export { ApiFailure };

export interface ApiRequest {
  /** GET when left out. */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH';
  /** From the root of the API: `/api/v1/services?limit=500`. */
  readonly path: string;
  /** `application/json` when left out. */
  readonly accept?: string;
  /** What is sent, and its media type. */
  readonly body?: { readonly type: string; readonly text: string };
  /** Milliseconds without a byte after which the connection is taken for dead. */
  readonly silenceMs: number;
}

/** What is known of the connection that a request will go over. */
export interface Link {
  /** True when it is found out within seconds that the other end is gone; otherwise only silence tells. */
  readonly isPinged: boolean;
}

/** So that a half-open connection is noticed by the kernel too, in milliseconds. */
const keepAliveMs = 2_000;
const maxErrorBodyBytes = 16_384;

export class ApiClient {
  readonly #credentials: ApiCredentials;
  readonly #timing: Timing;
  readonly #http2: Http2Pool;
  readonly #heard: () => void;
  #agent: { readonly tls: TlsOptions; readonly protocol: string; readonly agent: HttpAgent } | undefined;

  /**
   * @param reload reads the same configuration again, for when the server refuses what it gave.
   * @param heard called for everything that comes from the server and not from a gateway that misses it.
   */
  constructor(
    kubeConfig: KubeConfig,
    timing: Timing,
    reload = () => Promise.resolve(kubeConfig),
    heard: () => void = () => undefined,
  ) {
    this.#credentials = new ApiCredentials(kubeConfig, reload, timing);
    this.#timing = timing;
    this.#heard = heard;
    this.#http2 = new Http2Pool(timing, heard);
  }

  /** The API server's address as the kubeconfig names it, for messages. */
  get server(): string {
    return this.#credentials.server;
  }

  /**
   * Sends the request and gives its body to `consume` when the status is 200 or 201. Resolves with what that returns. Rejects
   * with an ApiFailure for whatever goes wrong on the way, also while the body is being read; other errors of
   * `consume` pass through. The stream is closed when `consume` ends before the body does.
   */
  async get<T>(
    describe: (link: Link) => ApiRequest,
    signal: AbortSignal,
    consume: (body: AsyncIterable<Buffer>) => Promise<T>,
  ): Promise<T> {
    const credentials = await this.#credentials.get();
    const connection = await this.#connect(credentials);
    const { silenceMs, ...wanted } = describe({ isPinged: connection !== undefined });
    const ending = new AbortController();
    const end = (): void => ending.abort();
    const watchdog = new Watchdog(silenceMs, this.#timing);
    let isOfServer = false;
    const touch = (): void => {
      watchdog.feed();
      connection?.touch();
      if (isOfServer) this.#heard();
    };
    let silence: ApiFailure | undefined;
    watchdog.guard((failure) => {
      silence = failure;
      end();
    });
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
    const call: ApiCall = { ...callOf(credentials, wanted), signal: ending.signal };
    let body: Readable | undefined;
    try {
      const sending = connection === undefined ? this.#sendHttp1(call, credentials) : connection.send(call);
      const answer = await sending.catch((error: unknown) => {
        throw silence ?? this.#unreachable(error);
      });
      ({ body } = answer);
      isOfServer = answer.status < 500;
      touch();
      const bytes = readBody(body, touch, () => silence);
      if (answer.status !== 200 && answer.status !== 201) throw await this.#refusal(answer, bytes);
      return await consume(bytes);
    } finally {
      watchdog.end();
      signal.removeEventListener('abort', end);
      body?.destroy();
    }
  }

  /** Sends the request and resolves with the JSON of the answer. Rejects as `get` does. */
  call(request: ApiRequest, signal: AbortSignal): Promise<unknown> {
    return this.get(
      () => request,
      signal,
      async (body) => {
        const chunks: Buffer[] = [];
        for await (const chunk of body) chunks.push(chunk);
        try {
          return JSON.parse(Buffer.concat(chunks).toString('utf8'));
        } catch (error) {
          throw new ApiFailure(`the answer is not JSON: ${messageOf(error)}`, { cause: error });
        }
      },
    );
  }

  /** Closes every connection. */
  close(): void {
    this.#http2.close();
    this.#agent?.agent.destroy();
    this.#agent = undefined;
  }

  async #connect({ server, tls, proxy }: Credentials): Promise<Http2Connection | undefined> {
    if (proxy !== undefined) return undefined;
    try {
      return await this.#http2.take(server, tls);
    } catch (error) {
      throw this.#unreachable(error);
    }
  }

  #sendHttp1(call: ApiCall, credentials: Credentials): Promise<ApiAnswer> {
    const { server, method, path, headers, text, signal } = call;
    return new Promise((resolve, reject) => {
      const send = server.protocol === 'http:' ? httpRequest : httpsRequest;
      const request = send({ ...addressOf(server), method, path, headers, signal, agent: this.#agentFor(credentials) });
      const cancel = this.#timing.after(connectMs, () => request.destroy(new ConnectionTimeout()));
      request.on('response', (response: IncomingMessage) => {
        resolve({
          status: response.statusCode ?? 0,
          retryAfter: response.headers['retry-after'] ?? '',
          body: response,
        });
      });
      request.on('error', reject);
      request.on('close', cancel);
      request.on('socket', (socket) => {
        socket.setKeepAlive(true, keepAliveMs);
        // A reused connection is there already; on a new one nothing can be sent before it is.
        if (!socket.connecting && !('secureConnecting' in socket && socket.secureConnecting === true)) cancel();
        else socket.once(server.protocol === 'http:' ? 'connect' : 'secureConnect', cancel);
      });
      request.end(text);
    });
  }

  /** client-node makes an agent for each request; connections can only be shared when the agent is. */
  #agentFor({ server, tls, proxy }: Credentials): HttpAgent {
    if (proxy !== undefined) return proxy;
    const { protocol } = server;
    if (this.#agent?.protocol === protocol && isDeepStrictEqual(this.#agent.tls, tls)) return this.#agent.agent;
    const options = { keepAlive: true, keepAliveMsecs: keepAliveMs, timeout: 60_000 };
    // The requests that use the old agent keep their connections; it closes the idle ones by itself.
    const agent = protocol === 'http:' ? new HttpAgent(options) : new HttpsAgent({ ...options, ...tls });
    this.#agent = { tls, protocol, agent };
    return agent;
  }

  /** What the server says when it does not say 200. When it does not know us, the next request shows what is newest. */
  async #refusal({ status, retryAfter }: ApiAnswer, body: AsyncIterable<Buffer>): Promise<ApiFailure> {
    if (status === 401) await this.#credentials.renew();
    const seconds = Number(retryAfter);
    return new ApiFailure(`HTTP ${status}: ${statusMessage(await readStart(body))}`, {
      status,
      retryAfterMs: Number.isFinite(seconds) ? seconds * 1_000 : 0,
    });
  }

  #unreachable(error: unknown): ApiFailure {
    if (error instanceof ApiFailure) return error;
    return new ApiFailure(`cannot reach the Kubernetes API server at ${this.server}: ${messageOf(error)}`, {
      isRefused: codeOf(error) === 'ECONNREFUSED',
      cause: error,
    });
  }
}

class ConnectionTimeout extends Error {
  constructor() {
    super(`no connection within ${connectMs / 1_000} s`);
  }
}

function callOf(
  { server, headers }: Credentials,
  { method = 'GET', path, accept = 'application/json', body }: Omit<ApiRequest, 'silenceMs'>,
): Omit<ApiCall, 'signal'> {
  return {
    server,
    method,
    path: `${server.pathname.replace(/\/$/, '')}${path}`,
    headers: {
      ...headers,
      accept,
      ...(body && { 'content-type': body.type, 'content-length': Buffer.byteLength(body.text) }),
    },
    text: body?.text,
  };
}

/** The chunks of a body; `silence` tells why it was cut off by ourselves. */
async function* readBody(
  body: Readable,
  touch: () => void,
  silence: () => ApiFailure | undefined,
): AsyncGenerator<Buffer> {
  try {
    // Without an encoding set, a body yields Buffers; its type does not tell.
    const chunks: AsyncIterable<Buffer> = body;
    for await (const chunk of chunks) {
      touch();
      yield chunk;
    }
  } catch (error) {
    throw silence() ?? broken(error);
  }
}

function broken(error: unknown): ApiFailure {
  return error instanceof ApiFailure
    ? error
    : new ApiFailure(`the connection broke: ${messageOf(error)}`, { cause: error });
}

async function readStart(body: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  try {
    for await (const chunk of body) {
      text += chunk.toString('utf8');
      if (text.length > maxErrorBodyBytes) break;
    }
  } catch {
    // The status says enough; the body would only have explained it.
  }
  return text;
}

/** The message of a `v1` Status; other bodies, such as a proxy's error page, are cut short. */
function statusMessage(text: string): string {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && 'message' in body && typeof body.message === 'string') {
      return body.message;
    }
  } catch {
    // Not JSON: shown as it is.
  }
  return text.slice(0, 200).trim();
}
