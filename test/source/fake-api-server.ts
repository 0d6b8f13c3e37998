/**
 * Stands in for a Kubernetes API server, over real HTTP: lists in pages, watches with bookmarks, and does on request
 * what real servers and networks do only now and then.
 */
import { KubeConfig } from '@kubernetes/client-node';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { portOf } from '../support/ports.ts';
import type { RawObject } from './raw-objects.ts';

export interface FakeRequest {
  /** `/api/v1/services` */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly isWatch: boolean;
  readonly headers: IncomingMessage['headers'];
  /** When it came, in milliseconds of performance.now(). */
  readonly at: number;
}

/** Answers the request itself and returns true, or returns false to let the server answer as usual. */
export type Interception = (request: FakeRequest, response: ServerResponse) => boolean;

interface StoredEvent {
  readonly version: number;
  readonly path: string;
  readonly line: string;
}

const plurals: Readonly<Record<string, string>> = {
  IngressClass: '/apis/networking.k8s.io/v1/ingressclasses',
  Ingress: '/apis/networking.k8s.io/v1/ingresses',
  Service: '/api/v1/services',
  EndpointSlice: '/apis/discovery.k8s.io/v1/endpointslices',
  Secret: '/api/v1/secrets',
};

export const ingressPath = '/apis/networking.k8s.io/v1/ingresses';

export class FakeApiServer {
  readonly requests: FakeRequest[] = [];
  intercept: Interception = () => false;
  readonly #server: Server;
  readonly #objects = new Map<string, { readonly path: string; readonly object: unknown }>();
  readonly #events: StoredEvent[] = [];
  readonly #watches = new Map<ServerResponse, string>();
  #version = 100;
  #compacted = 0;

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => this.#answer(request, response));
  }

  /** On a free port, unless told which. */
  static async start(port = 0): Promise<FakeApiServer> {
    const server = createServer();
    const fake = new FakeApiServer(server);
    await new Promise<void>((resolve) => {
      server.listen(port, '127.0.0.1', resolve);
    });
    return fake;
  }

  get kubeConfig(): KubeConfig {
    const kubeConfig = new KubeConfig();
    const server = `http://127.0.0.1:${this.port}`;
    kubeConfig.loadFromClusterAndUser({ name: 'fake', server, skipTLSVerify: true }, { name: 'user', token: 'secret' });
    return kubeConfig;
  }

  get port(): number {
    return portOf(this.#server);
  }

  get openWatches(): number {
    return this.#watches.size;
  }

  /** The version of the newest change. */
  get version(): number {
    return this.#version;
  }

  requestsOf(path: string, isWatch: boolean): readonly FakeRequest[] {
    return this.requests.filter((request) => request.path === path && request.isWatch === isWatch);
  }

  put(object: RawObject): void {
    const key = keyOf(object);
    const type = this.#objects.has(key) ? 'MODIFIED' : 'ADDED';
    const stored = this.#stamp(object);
    this.#objects.set(key, { path: pathOf(object), object: stored });
    this.#publish(type, pathOf(object), stored);
  }

  /** Puts an object that watches never hear of: only a list shows it. */
  putUnseen(object: RawObject): void {
    this.#objects.set(keyOf(object), { path: pathOf(object), object: this.#stamp(object) });
  }

  remove(object: RawObject): void {
    this.#objects.delete(keyOf(object));
    this.#publish('DELETED', pathOf(object), this.#stamp(object));
  }

  removeUnseen(object: RawObject): void {
    this.#objects.delete(keyOf(object));
  }

  /** Watches from before now get 410. */
  compact(): void {
    this.#compacted = this.#version;
  }

  /** Writes to every open watch of the path. */
  write(path: string, ...chunks: readonly (string | Buffer)[]): void {
    for (const [response, watched] of this.#watches) {
      if (watched === path) for (const chunk of chunks) response.write(chunk);
    }
  }

  /** Ends every open watch: in good order, or as a network does. */
  endWatches(how: 'end' | 'cut'): void {
    for (const response of this.#watches.keys()) {
      this.#watches.delete(response);
      if (how === 'end') response.end();
      else response.destroy();
    }
  }

  /** One line of a watch. */
  line(type: string, object: RawObject): string {
    return `${JSON.stringify({ type, object: this.#stamp(object) })}\n`;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #stamp(object: RawObject): RawObject {
    this.#version += 1;
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
  }

  #publish(type: string, path: string, object: RawObject): void {
    const event = { version: this.#version, path, line: `${JSON.stringify({ type, object })}\n` };
    this.#events.push(event);
    this.write(path, event.line);
  }

  #answer(message: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(message.url ?? '', 'http://fake');
    const isWatch = searchParams.has('watch');
    const request = { path: pathname, query: searchParams, isWatch, headers: message.headers, at: performance.now() };
    this.requests.push(request);
    if (this.intercept(request, response)) return;
    if (isWatch) this.#watch(request, response);
    else this.#list(request, response);
  }

  #list({ path, query }: FakeRequest, response: ServerResponse): void {
    const all = [...this.#objects.values()].filter((stored) => stored.path === path).map(({ object }) => object);
    const start = Number(query.get('continue') ?? 0);
    const end = start + Number(query.get('limit') ?? all.length);
    const metadata = { resourceVersion: String(this.#version), ...(end < all.length ? { continue: String(end) } : {}) };
    // As the real server does, without the kind and version of the items.
    const items = all.slice(start, end);
    response.end(JSON.stringify({ metadata, items: items.length === 0 ? null : items }));
  }

  #watch({ path, query }: FakeRequest, response: ServerResponse): void {
    const from = Number(query.get('resourceVersion'));
    if (from < this.#compacted) {
      sendStatus(response, 410, 'too old resource version');
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    this.#watches.set(response, path);
    response.on('close', () => this.#watches.delete(response));
    for (const event of this.#events) if (event.path === path && event.version > from) response.write(event.line);
  }
}

export function sendStatus(
  response: ServerResponse,
  code: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', message, code }));
}

function pathOf(object: RawObject): string {
  const path = plurals[object.kind];
  if (path === undefined) throw new Error(`no path for ${object.kind}`);
  return path;
}

function keyOf({ kind, metadata }: RawObject): string {
  return `${kind}/${metadata.namespace ?? ''}/${metadata.name}`;
}
