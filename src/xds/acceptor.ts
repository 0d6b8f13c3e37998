/**
 * Takes connections in, hands them on in turns, and can cut them off. Node takes in all that the system has before it does anything
 * else; a turn for each lets others come in between. Who comes too often, or does not prove itself, gets no further than here.
 */
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { Admission } from './admission.ts';
import { Allowance } from './allowance.ts';
import { Churn } from './churn.ts';
import type { ConnectionRefusal, ServerLimits } from './limits.ts';
import { MutualTls } from './mutual-tls.ts';
import type { TlsSource } from './mutual-tls.ts';
import type { Turn, Turns } from './turns.ts';

export interface AcceptorOptions {
  readonly turns: Turns;
  readonly limits: ServerLimits;
  /** Without it, whoever connects is taken in. */
  readonly tls?: TlsSource;
  /** Names of which a client certificate must have one; absent means that any will do. */
  readonly clientNames?: readonly string[];
  /** Gets connections that nothing has been read from, and that may be closed already. */
  readonly handOn: (connection: Socket) => void;
  readonly refuse: (reason: ConnectionRefusal, details: string) => void;
}

/** The handshakes with one address. */
interface Handshakes {
  readonly open: Set<Socket>;
  readonly waiting: Set<Socket>;
}

export class Acceptor {
  readonly #options: AcceptorOptions;
  readonly #server: Server;
  readonly #admission: Admission;
  readonly #churn: Churn;
  readonly #tls: MutualTls | undefined;
  /** Each waits for a turn of its own, so that others come in between. */
  readonly #waiting = new Map<Socket, Turn>();
  /** With what has been read from each, and when that was last more than before. */
  readonly #open = new Map<Socket, { bytes: number; at: number }>();
  readonly #handshakes = new Map<string, Handshakes>();
  /** By address and port of the client, because TLS has an object of its own for the same connection. */
  readonly #byPeer = new Map<string, { readonly connection: Socket; readonly allowance: Allowance }>();

  constructor(options: AcceptorOptions) {
    const { limits, tls: source, clientNames, refuse } = options;
    this.#options = options;
    this.#admission = new Admission(limits);
    this.#churn = new Churn(limits);
    // Paused, what clients send at once waits in the system.
    this.#server = createServer({ pauseOnConnect: true, noDelay: true }, (connection) => this.#queue(connection));
    this.#tls =
      source &&
      new MutualTls({
        source,
        ...(clientNames && { clientNames }),
        handshakeMs: limits.handshakeMs,
        accept: (connection, name) => this.#acceptAs(connection, name),
        refuse,
      });
  }

  /** @returns the port. Rejects with what the operating system says when the address can't be bound. */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    const address = this.#server.address();
    return isAddressInfo(address) ? address.port : port;
  }

  /** How many are open. */
  get connections(): number {
    return this.#open.size;
  }

  /** How much the connection with a peer, named as grpc-js does, may still ask; undefined if there is none. */
  allowanceOf(peer: string): Allowance | undefined {
    return this.#byPeer.get(peer)?.allowance;
  }

  /** Ends the connection with a peer, named as grpc-js does: a client that has been sent on would come back on the same one. */
  hangUp(peer: string): void {
    this.#byPeer.get(peer)?.connection.destroySoon();
  }

  /** Takes in nobody else; who still waits is cut off. */
  close(): void {
    this.#server.close();
    this.#tls?.close();
    for (const [connection, turn] of this.#waiting) {
      this.#options.turns.leave(turn);
      connection.destroy();
    }
    this.#waiting.clear();
    for (const { waiting, open } of this.#handshakes.values()) {
      for (const connection of [...waiting, ...open]) connection.destroy();
    }
  }

  /** Cuts off everybody: Node's HTTP/2 waits for clients to hang up, and some never do. */
  cut(): void {
    for (const connection of this.#open.keys()) connection.destroy();
  }

  /**
   * To be called now and then: cuts off who has sent nothing for long, not even an answer to a ping. HTTP/2 does not end the connection
   * of a client that does not read while there is something to be written to it.
   */
  cutSilent(now: number): void {
    this.#churn.sweep(now);
    for (const [connection, heard] of this.#open) {
      const { bytesRead } = connection;
      if (bytesRead !== heard.bytes) {
        heard.bytes = bytesRead;
        heard.at = now;
      } else if (now - heard.at > this.#options.limits.silenceMs) connection.destroy();
    }
  }

  #queue(connection: Socket): void {
    const { remoteAddress: address = '' } = connection;
    connection.on('error', ignore);
    const refusal = this.#admission.enter(address);
    if (refusal !== undefined) {
      this.#options.refuse(refusal, `from ${address}`);
      connection.resetAndDestroy();
      return;
    }
    const begunAt = performance.now();
    const waitMs = this.#churn.waitMs(address, begunAt);
    this.#open.set(connection, { bytes: 0, at: begunAt });
    const peer = peerOf(connection);
    const { burstMs, shareMs } = this.#options.limits;
    this.#byPeer.set(peer, { connection, allowance: new Allowance(burstMs, shareMs, begunAt) });
    const turn: Turn = { takeTurn: () => this.#begin(connection, address) };
    const wait = waitMs > 0 ? setTimeout(() => this.#options.turns.request(turn), waitMs).unref() : undefined;
    this.#waiting.set(connection, turn);
    connection.once('close', () => {
      this.#admission.leave(address);
      this.#churn.ended(address, begunAt + waitMs, performance.now());
      clearTimeout(wait);
      this.#open.delete(connection);
      if (this.#byPeer.get(peer)?.connection === connection) this.#byPeer.delete(peer);
      if (this.#waiting.delete(connection)) this.#options.turns.leave(turn);
    });
    // The server has said goodbye; who does not hang up now never will.
    connection.once('finish', () => this.#cutLater(connection));
    if (waitMs === 0) this.#options.turns.request(turn);
  }

  #begin(connection: Socket, address: string): void {
    this.#waiting.delete(connection);
    if (connection.destroyed) return;
    // HTTP/2 and TLS take over the reading, but do not begin it.
    if (this.#tls !== undefined) return this.#beginHandshake(connection, address);
    connection.off('error', ignore);
    connection.read(0);
    this.#options.handOn(connection);
  }

  /** Handshakes are costly, and cost who has not proved himself nothing: so many at a time with one address. */
  #beginHandshake(connection: Socket, address: string): void {
    const under = this.#handshakes.get(address) ?? { open: new Set<Socket>(), waiting: new Set<Socket>() };
    this.#handshakes.set(address, under);
    connection.once('close', () => this.#endHandshake(connection, address));
    if (under.open.size >= this.#options.limits.handshakesPerAddress) {
      under.waiting.add(connection);
      return;
    }
    under.open.add(connection);
    connection.read(0);
    this.#tls?.take(connection);
  }

  #endHandshake(connection: Socket, address: string): void {
    const under = this.#handshakes.get(address);
    if (under === undefined) return;
    under.waiting.delete(connection);
    if (under.open.delete(connection)) {
      const [next] = under.waiting;
      if (next !== undefined) {
        under.waiting.delete(next);
        under.open.add(next);
        next.read(0);
        this.#tls?.take(next);
      }
    }
    if (under.open.size + under.waiting.size === 0) this.#handshakes.delete(address);
  }

  #acceptAs(secured: Socket, name: string | undefined): void {
    const connection = this.#byPeer.get(peerOf(secured))?.connection;
    if (connection === undefined) return void secured.destroy();
    this.#endHandshake(connection, secured.remoteAddress ?? '');
    if (name !== undefined) {
      const refusal = this.#admission.enterAs(name);
      if (refusal !== undefined) {
        this.#options.refuse(refusal, `as ${name}`);
        secured.destroy();
        return;
      }
      connection.once('close', () => this.#admission.leaveAs(name));
    }
    secured.once('finish', () => this.#cutLater(connection));
    this.#options.handOn(secured);
  }

  #cutLater(connection: Socket): void {
    if (connection.destroyed) return;
    const timer = setTimeout(() => connection.destroy(), this.#options.limits.farewellMs);
    timer.unref();
    connection.once('close', () => clearTimeout(timer));
  }
}

function peerOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return `${remoteAddress}:${remotePort}`;
}

function isAddressInfo(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}

/** The error of a client that is gone before its turn. */
function ignore(): void {}
