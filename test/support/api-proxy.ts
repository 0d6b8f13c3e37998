/**
 * An HTTP/1.1 proxy before an API server, as people put them there, that answers some requests itself: with errors, with
 * garbage, late or never. Nothing of HTTP/2 gets through it.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { request as requestSecure } from 'node:https';
import { portOf } from './ports.ts';

export interface ProxiedRequest {
  /** With the query. */
  readonly url: string;
  readonly isWatch: boolean;
}

/**
 * Answers a request itself and returns true, or returns false to let it through. `through` lets it through later, or
 * changed by what it is given: each chunk of the body, undefined when nothing of it is to be sent.
 */
export type Meddling = (
  request: ProxiedRequest,
  response: ServerResponse,
  through: (change?: (chunk: Buffer) => Buffer | undefined) => void,
) => boolean;

export class ApiProxy {
  readonly requests: ProxiedRequest[] = [];
  meddle: Meddling = () => false;
  readonly #server: Server;
  readonly #upstream: { readonly port: number; readonly ca: string };

  private constructor(server: Server, upstream: { readonly port: number; readonly ca: string }) {
    this.#server = server;
    this.#upstream = upstream;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => this.#answer(request, response));
  }

  static async start(upstream: { readonly port: number; readonly ca: string }): Promise<ApiProxy> {
    const server = createServer();
    const proxy = new ApiProxy(server, upstream);
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${portOf(this.#server)}`;
  }

  /** Ends every connection, so that what was begun before a fault does not go on beside it. */
  cut(): void {
    this.#server.closeAllConnections();
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { url = '/' } = request;
    const proxied = { url, isWatch: url.includes('watch=1') };
    this.requests.push(proxied);
    const through = (change: (chunk: Buffer) => Buffer | undefined = (chunk) => chunk): void =>
      this.#pass(request, response, change);
    if (!this.meddle(proxied, response, through)) through();
  }

  #pass(request: IncomingMessage, response: ServerResponse, change: (chunk: Buffer) => Buffer | undefined): void {
    const { port, ca } = this.#upstream;
    const { host: _host, connection: _connection, ...headers } = request.headers;
    const upstream = requestSecure({ host: '127.0.0.1', port, ca, path: request.url, headers, agent: false });
    upstream.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers).flushHeaders();
      answer.on('data', (chunk: Buffer) => {
        const changed = change(chunk);
        if (changed !== undefined) response.write(changed);
      });
      answer.on('end', () => response.end());
      answer.on('error', () => response.destroy());
    });
    upstream.on('error', () => response.destroy());
    response.on('close', () => upstream.destroy());
    upstream.end();
  }
}
