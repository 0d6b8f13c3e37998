// Sends requests to a Kubernetes API server and hands out the raw response, which client-node's own client cannot.
// client-node gives the credentials, anew for each request: tokens in files are read again and exec plugins run again.

import type { KubeConfig } from '@kubernetes/client-node';
import { Agent as HttpAgent, type IncomingMessage, type OutgoingHttpHeaders, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https';
import { isDeepStrictEqual } from 'node:util';
import { messageOf } from './system-error.ts';
import type { Timing } from './timing.ts';

/** Something the world did wrong: the request may be tried again. */
export class ApiFailure extends Error {
  /** HTTP status, or the code of a `v1` Status; 0 when there was no answer. */
  readonly status: number;
  /** What the server asked us to wait, in milliseconds; 0 when it did not ask. */
  readonly retryAfterMs: number;

  constructor(message: string, details: { status?: number; retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, { cause: details.cause });
    this.status = details.status ?? 0;
    this.retryAfterMs = details.retryAfterMs ?? 0;
  }
}

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

/** So that a half-open connection is noticed by the kernel too, in milliseconds. */
const keepAliveMs = 15_000;
const maxErrorBodyBytes = 16_384;

type TlsOptions = Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'servername'>;

export class ApiClient {
  readonly #kubeConfig: KubeConfig;
  readonly #timing: Timing;
  #agent: { readonly tls: TlsOptions; readonly agent: HttpAgent } | undefined;

  constructor(kubeConfig: KubeConfig, timing: Timing) {
    this.#kubeConfig = kubeConfig;
    this.#timing = timing;
  }

  /** The API server's address as the kubeconfig names it, for messages. */
  get server(): string {
    return this.#kubeConfig.getCurrentCluster()?.server ?? '';
  }

  /**
   * Sends the request and gives its body to `consume` when the status is 200 or 201. Resolves with what that returns. Rejects
   * with an ApiFailure for whatever goes wrong on the way, also while the body is being read; other errors of
   * `consume` pass through. The connection is closed when `consume` ends before the body does.
   */
  async get<T>(
    { silenceMs, ...wanted }: ApiRequest,
    signal: AbortSignal,
    consume: (body: AsyncIterable<Buffer>) => Promise<T>,
  ): Promise<T> {
    const options = await this.#options(wanted);
    if (signal.aborted) throw new ApiFailure('The request was given up');
    const watchdog = new Watchdog(silenceMs, this.#timing);
    try {
      const response = await this.#send(options, wanted.body?.text, watchdog, signal);
      watchdog.guard((failure) => response.destroy(failure));
      if (response.statusCode !== 200 && response.statusCode !== 201) throw await readFailure(response, watchdog);
      return await consume(readBody(response, watchdog));
    } finally {
      watchdog.end();
    }
  }

  /** Sends the request and resolves with the JSON of the answer. Rejects as `get` does. */
  call(request: ApiRequest, signal: AbortSignal): Promise<unknown> {
    return this.get(request, signal, async (body) => {
      const chunks: Buffer[] = [];
      for await (const chunk of body) chunks.push(chunk);
      try {
        return JSON.parse(Buffer.concat(chunks).toString('utf8'));
      } catch (error) {
        throw new ApiFailure(`the answer is not JSON: ${messageOf(error)}`, { cause: error });
      }
    });
  }

  /** Closes every connection. */
  close(): void {
    this.#agent?.agent.destroy();
    this.#agent = undefined;
  }

  async #options({ method = 'GET', path, accept, body }: Omit<ApiRequest, 'silenceMs'>): Promise<RequestOptions> {
    const headers: OutgoingHttpHeaders = {};
    const options: RequestOptions = { headers };
    try {
      await this.#kubeConfig.applyToHTTPSOptions(options);
    } catch (error) {
      throw new ApiFailure(`cannot read the credentials: ${messageOf(error)}`, { cause: error });
    }
    const server = new URL(this.server);
    return {
      protocol: server.protocol,
      host: server.hostname.replace(/^\[|\]$/g, ''),
      port: server.port,
      path: `${server.pathname.replace(/\/$/, '')}${path}`,
      method,
      headers: {
        ...headers,
        accept: accept ?? 'application/json',
        ...(body && { 'content-type': body.type, 'content-length': Buffer.byteLength(body.text) }),
      },
      ...(typeof options.auth === 'string' ? { auth: options.auth } : {}),
      agent: this.#agentFor(options),
    };
  }

  /** client-node makes an agent for each request; connections can only be shared when the agent is. */
  #agentFor({ ca, cert, key, rejectUnauthorized, servername, agent }: RequestOptions): HttpAgent {
    const tls = Object.fromEntries(
      Object.entries({ ca, cert, key, rejectUnauthorized, servername }).filter(([, value]) => value !== undefined),
    );
    if (this.#agent !== undefined && isDeepStrictEqual(this.#agent.tls, tls)) return this.#agent.agent;
    // The requests that use the old agent keep their connections; it closes the idle ones by itself.
    this.#agent = { tls, agent: this.#makeAgent(tls, agent) };
    return this.#agent.agent;
  }

  #makeAgent(tls: TlsOptions, ready: RequestOptions['agent']): HttpAgent {
    const cluster = this.#kubeConfig.getCurrentCluster();
    // Only client-node's own agent knows how to go through the proxy of a kubeconfig.
    if (cluster?.proxyUrl && ready instanceof HttpAgent) return ready;
    const options = { keepAlive: true, keepAliveMsecs: keepAliveMs, timeout: 60_000 };
    return this.server.startsWith('http:') ? new HttpAgent(options) : new HttpsAgent({ ...options, ...tls });
  }

  #send(
    options: RequestOptions,
    body: string | undefined,
    watchdog: Watchdog,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const send = options.protocol === 'http:' ? httpRequest : httpsRequest;
      const request = send({ ...options, signal }, resolve);
      request.on('error', (error) => reject(unreachable(this.server, error)));
      request.on('socket', (socket) => socket.setKeepAlive(true, keepAliveMs));
      watchdog.guard((failure) => request.destroy(failure));
      request.end(body);
    });
  }
}

/** Ends a request on which no byte has come for too long: on a half-open connection nothing else would. */
class Watchdog {
  readonly #silenceMs: number;
  readonly #timing: Timing;
  #lastByteAt = 0;
  #bark: (failure: ApiFailure) => void = () => undefined;
  #cancel: (() => void) | undefined;

  constructor(silenceMs: number, timing: Timing) {
    this.#silenceMs = silenceMs;
    this.#timing = timing;
  }

  /** From now on, silence ends in `bark`. */
  guard(bark: (failure: ApiFailure) => void): void {
    this.#bark = bark;
    this.feed();
    if (this.#cancel === undefined) this.#wait(this.#silenceMs);
  }

  feed(): void {
    this.#lastByteAt = this.#timing.now();
  }

  end(): void {
    this.#cancel?.();
  }

  /** Setting a timer for each byte would cost more than reading it; this one looks at the time when it rings. */
  #wait(ms: number): void {
    this.#cancel = this.#timing.after(ms, () => {
      const left = this.#lastByteAt + this.#silenceMs - this.#timing.now();
      if (left > 0) this.#wait(left);
      else this.#bark(new ApiFailure('the connection has been silent for too long'));
    });
  }
}

async function* readBody(response: IncomingMessage, watchdog: Watchdog): AsyncGenerator<Buffer> {
  try {
    // Without an encoding set, a response yields Buffers; its type does not tell.
    const chunks: AsyncIterable<Buffer> = response;
    for await (const chunk of chunks) {
      watchdog.feed();
      yield chunk;
    }
  } catch (error) {
    throw error instanceof ApiFailure
      ? error
      : new ApiFailure(`the connection broke: ${messageOf(error)}`, { cause: error });
  } finally {
    response.destroy();
  }
}

async function readFailure(response: IncomingMessage, watchdog: Watchdog): Promise<ApiFailure> {
  const status = response.statusCode ?? 0;
  const retryAfter = Number(response.headers['retry-after'] ?? 0);
  let text = '';
  try {
    for await (const chunk of readBody(response, watchdog)) {
      text += chunk.toString('utf8');
      if (text.length > maxErrorBodyBytes) break;
    }
  } catch {
    // The status says enough; the body would only have explained it.
  }
  return new ApiFailure(`HTTP ${status}: ${statusMessage(text)}`, {
    status,
    retryAfterMs: Number.isFinite(retryAfter) ? retryAfter * 1000 : 0,
  });
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

function unreachable(server: string, error: Error): ApiFailure {
  if (error instanceof ApiFailure) return error;
  return new ApiFailure(`cannot reach the Kubernetes API server at ${server}: ${messageOf(error)}`, { cause: error });
}
