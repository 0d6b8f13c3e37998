/**
 * Stands in for a Kubernetes API server, over real HTTP: lists in pages, watches with bookmarks, and does on request
 * what real servers and networks do only now and then.
 */
import { KubeConfig } from '@kubernetes/client-node';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { TLSSocket } from 'node:tls';
import { portOf } from '../support/ports.ts';
import type { RawObject } from './raw-objects.ts';

export interface FakeRequest {
  /** `/api/v1/services` */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly isWatch: boolean;
  readonly headers: IncomingMessage['headers'];
  /** Whom the client's certificate names; empty without one. */
  readonly clientName: string;
  /** When it came, in milliseconds of performance.now(). */
  readonly at: number;
}

/** Answers the request itself and returns true, or returns false to let the server answer as usual. */
export type Interception = (request: FakeRequest, response: ServerResponse) => boolean;

interface StoredEvent {
  readonly version: number;
  readonly object: RawObject;
  readonly line: string;
}

const plurals: Readonly<Record<string, string>> = {
  IngressClass: '/apis/networking.k8s.io/v1/ingressclasses',
  Ingress: '/apis/networking.k8s.io/v1/ingresses',
  Service: '/api/v1/services',
  EndpointSlice: '/apis/discovery.k8s.io/v1/endpointslices',
  Secret: '/api/v1/secrets',
  ConfigMap: '/api/v1/configmaps',
};

export interface FakeTls {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

export const ingressPath = '/apis/networking.k8s.io/v1/ingresses';

export class FakeApiServer {
  readonly requests: FakeRequest[] = [];
  intercept: Interception = () => false;
  readonly #server: Server;
  readonly #objects = new Map<string, RawObject>();
  readonly #events: StoredEvent[] = [];
  readonly #watches = new Map<ServerResponse, FakeRequest>();
  #version = 100;
  #compacted = 0;

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => this.#answer(request, response));
  }

  /** On a free port, unless told which; with TLS, it asks for client certificates. */
  static async start(port = 0, tls?: FakeTls): Promise<FakeApiServer> {
    const server =
      tls === undefined ? createServer() : createSecureServer({ ...tls, requestCert: true, rejectUnauthorized: false });
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
    this.#objects.set(key, stored);
    this.#publish(type, stored);
  }

  /** Puts an object that watches never hear of: only a list shows it. */
  putUnseen(object: RawObject): void {
    this.#objects.set(keyOf(object), this.#stamp(object));
  }

  remove(object: RawObject): void {
    this.#objects.delete(keyOf(object));
    this.#publish('DELETED', this.#stamp(object));
  }

  removeUnseen(object: RawObject): void {
    this.#objects.delete(keyOf(object));
  }

  /** Goes back in time, as after a restored backup: these objects are all there is, and versions begin anew. */
  restore(...objects: readonly RawObject[]): void {
    this.#objects.clear();
    this.#events.length = 0;
    this.#version = 10;
    this.#compacted = 0;
    for (const object of objects) this.putUnseen(object);
  }

  /** Watches from before now get 410. */
  compact(): void {
    this.#version += 1;
    this.#compacted = this.#version;
  }

  /** Writes to every open watch of the path. */
  write(path: string, ...chunks: readonly (string | Buffer)[]): void {
    for (const [response, watched] of this.#watches) {
      if (watched.path === path) for (const chunk of chunks) response.write(chunk);
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

  #publish(type: string, object: RawObject): void {
    const event = { version: this.#version, object, line: `${JSON.stringify({ type, object })}\n` };
    this.#events.push(event);
    for (const [response, request] of this.#watches) if (isWanted(object, request)) response.write(event.line);
  }

  #answer(message: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(message.url ?? '', 'http://fake');
    const isWatch = searchParams.has('watch');
    const request = {
      path: pathname,
      query: searchParams,
      isWatch,
      headers: message.headers,
      clientName: clientNameOf(message),
      at: performance.now(),
    };
    this.requests.push(request);
    if (this.intercept(request, response)) return;
    if (isWatch) this.#watch(request, response);
    else this.#list(request, response);
  }

  #list(request: FakeRequest, response: ServerResponse): void {
    const { query } = request;
    const all = [...this.#objects.values()].filter((object) => isWanted(object, request));
    const start = Number(query.get('continue') ?? 0);
    const end = start + Number(query.get('limit') ?? all.length);
    const metadata = { resourceVersion: String(this.#version), ...(end < all.length ? { continue: String(end) } : {}) };
    // As the real server does, without the kind and version of the items.
    const items = all.slice(start, end);
    response.end(JSON.stringify({ metadata, items: items.length === 0 ? null : items }));
  }

  /** As real servers do, after a bookmark that tells where to go on. */
  #endWatch(response: ServerResponse): void {
    this.#watches.delete(response);
    const object = { metadata: { resourceVersion: String(this.#version) } };
    response.end(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
  }

  #watch(request: FakeRequest, response: ServerResponse): void {
    const { query } = request;
    const from = Number(query.get('resourceVersion'));
    if (from < this.#compacted) {
      sendStatus(response, 410, 'too old resource version');
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    this.#watches.set(response, request);
    const timer = setTimeout(() => this.#endWatch(response), Number(query.get('timeoutSeconds') ?? 3_600) * 1_000);
    response.on('close', () => {
      clearTimeout(timer);
      this.#watches.delete(response);
    });
    for (const { object, version, line } of this.#events) {
      if (version > from && isWanted(object, request)) response.write(line);
    }
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

function clientNameOf({ socket }: IncomingMessage): string {
  const names = socket instanceof TLSSocket ? socket.getPeerCertificate().subject?.CN : undefined;
  return [names ?? []].flat()[0] ?? '';
}

/** By path, of all namespaces or of one, and by the field selectors that sources use. */
function isWanted(object: RawObject, { path, query }: FakeRequest): boolean {
  const { namespace, name } = object.metadata;
  const all = pathOf(object);
  const own = all.replace(/(\/[^/]+)$/, `/namespaces/${namespace}$1`);
  if (path !== all && path !== own) return false;
  const [field, value] = (query.get('fieldSelector') ?? '').split('=');
  if (field === 'type') return object['type'] === value;
  return field !== 'metadata.name' || name === value;
}

function pathOf(object: RawObject): string {
  const path = plurals[object.kind];
  if (path === undefined) throw new Error(`no path for ${object.kind}`);
  return path;
}

function keyOf({ kind, metadata }: RawObject): string {
  return `${kind}/${metadata.namespace ?? ''}/${metadata.name}`;
}
