/** What runs in a pod of the tests: an HTTP server that answers with its name and ends as a well-written one does. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { acceptUpgrade } from './backend.ts';

export interface PodServerOptions {
  readonly name: string;
  readonly address: string;
  readonly ports: readonly number[];
}

export interface PodServer {
  readonly name: string;
  /** Whether anybody has a connection that another request may come over: none that was upgraded. */
  readonly isConnected: () => boolean;
  /**
   * Listens no longer, says goodbye on WebSockets (`goodbye`), answers what it has been asked, and closes each connection after
   * the last answer. Fulfilled when all are closed.
   */
  stop(): Promise<void>;
  /** Breaks everything at once, as a crash does. */
  crash(): void;
}

/** The last bytes of a WebSocket whose pod ends; one that closes without them was closed by somebody else. */
export const goodbye = 'the pod ends';

/** A request to this path is answered after `slowMs`. */
export const slowPath = '/slow';
const slowMs = 800;

/** Every answer has the name of the pod in `x-pod`; upgrades are accepted, and their bytes come back. */
export async function startPodServer({ name, address, ports }: PodServerOptions): Promise<PodServer> {
  const upgraded = new Set<Duplex>();
  /** Connections without a request so far, for which Node's `close` would wait. */
  const unused = new Set<Socket>();
  const open = new Set<Duplex>();
  let isStopping = false;
  const connected = (socket: Socket): void => {
    unused.add(socket);
    open.add(socket);
    socket.once('close', () => {
      unused.delete(socket);
      open.delete(socket);
    });
  };
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    unused.delete(request.socket);
    request.resume();
    request.once('end', () => {
      const end = (): void => {
        response.writeHead(200, { 'x-pod': name, ...(isStopping && { connection: 'close' }) }).end(name);
      };
      if (request.url === slowPath) setTimeout(end, slowMs);
      else end();
    });
  };
  const upgrade = (request: IncomingMessage, socket: Duplex): void => {
    unused.delete(request.socket);
    open.delete(socket);
    upgraded.add(socket);
    socket.once('close', () => upgraded.delete(socket));
    acceptUpgrade(request, socket);
    if (isStopping) sayGoodbye(socket);
  };
  const servers = await Promise.all(ports.map((port) => listen(address, port)));
  for (const server of servers) server.on('connection', connected).on('request', answer).on('upgrade', upgrade);
  return {
    name,
    isConnected: () => open.size > 0,
    async stop() {
      isStopping = true;
      const closed = servers.map((server) => new Promise<void>((fulfil) => server.close(() => fulfil())));
      for (const socket of upgraded) sayGoodbye(socket);
      for (const socket of unused) socket.end();
      await Promise.all(closed);
    },
    crash() {
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
      for (const socket of upgraded) socket.destroy();
    },
  };
}

/** What comes meanwhile is thrown away; unread, it would hide that the other side has closed, too. */
function sayGoodbye(socket: Duplex): void {
  socket.unpipe().resume();
  socket.end(goodbye);
}

function listen(address: string, port: number): Promise<Server> {
  return new Promise((fulfil, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, address, () => fulfil(server));
  });
}
