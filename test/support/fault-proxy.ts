/**
 * Stands between a client and a server and breaks the connection in every way a network can, on the level of TCP: what
 * goes through is not looked at, so that TLS and HTTP/2 stay between the two ends.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { portOf } from './ports.ts';

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  isFrozen: boolean;
}

export class FaultProxy {
  readonly #server: Server;
  readonly #target: () => number;
  readonly #links = new Set<Link>();
  #accept: 'pass' | 'freeze' | 'cut' = 'pass';
  #delayMs = 0;
  #accepted = 0;
  #bytes = 0;

  private constructor(server: Server, target: () => number) {
    this.#server = server;
    this.#target = target;
    server.on('connection', (client: Socket) => this.#join(client));
  }

  /** @param target the port on loopback to which connections go. */
  static async start(target: number): Promise<FaultProxy> {
    const server = createServer();
    const proxy = new FaultProxy(server, () => target);
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get port(): number {
    return portOf(this.#server);
  }

  /** Connections accepted so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Bytes sent to clients so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Connections that are open now get half-open: nothing comes any more, in neither direction, and no end, until they are cut. */
  freeze(): void {
    for (const link of this.#links) link.isFrozen = true;
  }

  /** Connections that are open now are reset. */
  cut(): void {
    for (const { client, server } of this.#links) {
      client.resetAndDestroy();
      server.destroy();
    }
  }

  /** What happens to connections from now on: 'freeze' accepts them, and then nothing. */
  accept(how: 'pass' | 'freeze' | 'cut'): void {
    this.#accept = how;
  }

  /** What comes from the server waits so long before it goes on. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Bytes that are no TLS go to every client. */
  garble(): void {
    for (const { client } of this.#links) client.write('this is no TLS record');
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const { client, server } of this.#links) {
      client.destroy();
      server.destroy();
    }
    await closed;
  }

  #join(client: Socket): void {
    this.#accepted += 1;
    client.on('error', () => undefined);
    if (this.#accept === 'cut') {
      client.resetAndDestroy();
      return;
    }
    const server = connect(this.#target(), '127.0.0.1');
    const link: Link = { client, server, isFrozen: this.#accept === 'freeze' };
    this.#links.add(link);
    client.on('data', (chunk) => {
      if (!link.isFrozen) server.write(chunk);
    });
    server.on('data', (chunk: Buffer) => this.#forward(link, chunk));
    server.on('error', () => client.destroy());
    client.on('close', () => {
      if (!link.isFrozen) server.destroy();
      if (server.destroyed) this.#links.delete(link);
    });
    server.on('close', () => {
      if (!link.isFrozen) client.destroy();
      if (client.destroyed) this.#links.delete(link);
    });
  }

  #forward(link: Link, chunk: Buffer): void {
    if (link.isFrozen) return;
    const pass = (): void => {
      if (link.isFrozen || link.client.destroyed) return;
      this.#bytes += chunk.length;
      link.client.write(chunk);
    };
    // Timers of equal length ring in order.
    if (this.#delayMs > 0) setTimeout(pass, this.#delayMs);
    else pass();
  }
}
