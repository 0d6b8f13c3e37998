/** An HTTP/1.1 server that answers what it was asked, so that a test sees which backend a request reached and how it arrived there. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { portOf } from './ports.ts';

/** The JSON body of every answer. */
export interface Echo {
  readonly backend: string;
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface BackendOptions {
  readonly name?: string;
  /** 127.0.0.1 when left out; a pod address in tests against a real API server. */
  readonly address?: string;
  /** 0, any free port, when left out. */
  readonly port?: number;
  /** Replaces the echo, for answers with another status, headers or delay. */
  readonly handler?: (request: IncomingMessage, response: ServerResponse) => void;
}

export interface Backend {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Requests and upgrades that arrived so far. */
  requestCount(): number;
  /** Stops listening and breaks the connections that are open, upgraded ones too. */
  close(): Promise<void>;
}

/** Starts a backend. An upgrade request (WebSocket or another) is accepted, and its bytes come back as they were sent. */
export async function startBackend(options: BackendOptions = {}): Promise<Backend> {
  const { name = 'backend', address = '127.0.0.1', handler = echo(name) } = options;
  let requests = 0;
  const upgraded = new Set<Duplex>();
  const server = createServer((request, response) => {
    requests += 1;
    handler(request, response);
  });
  server.on('upgrade', (request, socket) => {
    requests += 1;
    upgraded.add(socket);
    socket.once('close', () => upgraded.delete(socket));
    acceptUpgrade(request, socket);
  });
  await new Promise<void>((fulfil, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, address, fulfil);
  });
  return {
    name,
    address,
    port: portOf(server),
    requestCount: () => requests,
    close: () =>
      new Promise((fulfil) => {
        server.close(() => fulfil());
        server.closeAllConnections();
        for (const socket of upgraded) socket.destroy();
      }),
  };
}

function echo(backend: string) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const answer: Echo = {
        backend,
        method: request.method ?? '',
        path: request.url ?? '',
        host: request.headers.host ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
  };
}

/** RFC 6455, section 4.2.2: the answer proves that the server read the key. What follows is echoed without looking at frames. */
export function acceptUpgrade(request: IncomingMessage, socket: Duplex): void {
  const key = request.headers['sec-websocket-key'];
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    `Upgrade: ${request.headers.upgrade ?? 'websocket'}`,
    'Connection: Upgrade',
    ...(key === undefined ? [] : [`Sec-WebSocket-Accept: ${accept}`]),
  ];
  socket.on('error', () => socket.destroy());
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  socket.pipe(socket);
}
