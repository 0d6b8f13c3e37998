import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import type { HostPort } from '../setting.ts';
import type { AdminView, ResourceSummary } from './admin-view.ts';
import { registerViewMetrics, shortType } from './metrics.ts';
import { redact } from './redaction.ts';

/** The HTTP server for people and machines that look after the control plane. It only reads. */

export interface AdminServer {
  readonly port: number;
  readonly stop: () => Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

type Page = (query: URLSearchParams) => Answer | Promise<Answer>;

/** Rejects with the system's error when the address cannot be had. */
export async function startAdminServer(address: HostPort, view: AdminView, registry: Registry): Promise<AdminServer> {
  registerViewMetrics(registry, view);
  const pages = describePages(view, registry);
  const server = createServer((request, response) => void answer(pages, request, response));
  await listen(server, address);
  return {
    port: boundPort(server),
    stop: () =>
      new Promise((fulfil) => {
        server.close(() => fulfil());
        server.closeAllConnections();
      }),
  };
}

function describePages(view: AdminView, registry: Registry): ReadonlyMap<string, Page> {
  return new Map<string, Page>([
    ['/healthz', () => text(200, 'ok')],
    ['/readyz', () => describeReadiness(view)],
    ['/metrics', async () => ({ status: 200, contentType: registry.contentType, body: await registry.metrics() })],
    ['/debug/problems', () => json(200, view.problems())],
    ['/debug/objects', (query) => describeObjects(view, query)],
    ['/debug/resources', (query) => describeResources(view, query)],
    ['/debug/source', () => json(200, view.sources())],
    ['/debug/sessions', () => json(200, view.sessions())],
    ['/debug/status', () => describeStatus(view)],
  ]);
}

/** How many there are of each kind, or of the one that is asked for. */
function describeObjects(view: AdminView, query: URLSearchParams): Answer {
  const counts = Object.entries(view.objectCounts());
  const kind = query.get('kind');
  const found = counts.filter(([name]) => kind === null || name.toLowerCase() === kind.toLowerCase());
  if (found.length > 0) return json(200, Object.fromEntries(found));
  return text(
    404,
    `no objects of the kind ${kind ?? ''} are read; there are ${counts.map(([name]) => name).join(', ')}`,
  );
}

function describeStatus({ status }: AdminView): Answer {
  return status === undefined ? text(404, 'nothing is written: objects come from files') : json(200, status());
}

function describeReadiness(view: AdminView): Answer {
  const { ready, waitingFor } = view.readiness();
  const failures = new Set(view.sources().flatMap(({ failure }) => (failure === '' ? [] : [failure])));
  // Who has read everything once goes on serving it: without Kubernetes, new Envoys need somebody to ask all the more.
  if (ready) return text(200, ['ready', ...failures].join('\n'));
  return text(503, ['not ready', ...waitingFor, ...failures].join('\n'));
}

/** All resources, those of a type, or with `name` the one with its content. A type goes by its URL or its last word. */
function describeResources(view: AdminView, query: URLSearchParams): Answer {
  const type = query.get('type');
  const name = query.get('name');
  const found = view
    .resources()
    .filter((resource) => type === null || type === resource.typeUrl || type === shortType(resource.typeUrl))
    .filter((resource) => name === null || name === resource.name);
  if (name === null) return json(200, found);
  if (found.length === 0) return text(404, `no resource is named ${name}; /debug/resources lists them`);
  return json(200, found.map(withContent(view)));
}

function withContent(view: AdminView): (summary: ResourceSummary) => unknown {
  return (summary) => ({ ...summary, resource: redact(view.resource(summary.typeUrl, summary.name)) });
}

async function answer(
  pages: ReadonlyMap<string, Page>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { status, contentType, body } = await findAnswer(pages, request).catch((error: unknown) =>
    text(500, error instanceof Error ? (error.stack ?? error.message) : String(error)),
  );
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...(status === 405 && { allow: 'GET, HEAD' }),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function findAnswer(pages: ReadonlyMap<string, Page>, request: IncomingMessage): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'only GET and HEAD');
  const [path = '', query = ''] = (request.url ?? '').split('?', 2);
  const page = pages.get(path);
  if (page === undefined) return text(404, ['there are only:', ...pages.keys()].join('\n'));
  return page(new URLSearchParams(query));
}

function text(status: number, body: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${body}\n` };
}

function json(status: number, value: unknown): Answer {
  return { status, contentType: 'application/json', body: `${JSON.stringify(value, undefined, 2)}\n` };
}

function listen(server: Server, { host, port }: HostPort): Promise<void> {
  return new Promise((fulfil, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      fulfil();
    });
  });
}

function boundPort(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the admin server has no TCP address');
  return address.port;
}
