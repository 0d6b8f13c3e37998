/**
 * Takes connections in, hands them on in turns, and can cut them off. Node takes in all that the system has before it does anything
 * else; a turn for each lets others come in between.
 */
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Turn, Turns } from './turns.ts';

export class Acceptor {
  readonly #turns: Turns;
  readonly #handOn: (connection: Socket) => void;
  readonly #server: Server;
  /** Each waits for a turn of its own, so that others come in between. */
  readonly #waiting = new Map<Socket, Turn>();
  readonly #open = new Set<Socket>();

  /** `handOn` gets connections that nothing has been read from, and that may be closed already. */
  constructor(turns: Turns, handOn: (connection: Socket) => void) {
    this.#turns = turns;
    this.#handOn = handOn;
    // Paused, what clients send at once waits in the system.
    this.#server = createServer({ pauseOnConnect: true, noDelay: true }, (connection) => this.#queue(connection));
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

  /** Takes in nobody else; who still waits is cut off. */
  close(): void {
    this.#server.close();
    for (const [connection, turn] of this.#waiting) {
      this.#turns.leave(turn);
      connection.destroy();
    }
    this.#waiting.clear();
  }

  /** Cuts off everybody: Node's HTTP/2 waits for clients to hang up, and some never do. */
  cut(): void {
    for (const connection of this.#open) connection.destroy();
  }

  #queue(connection: Socket): void {
    this.#open.add(connection);
    connection.on('error', ignore);
    const turn: Turn = {
      takeTurn: () => {
        this.#waiting.delete(connection);
        connection.off('error', ignore);
        if (connection.destroyed) return;
        // HTTP/2 takes over the reading, but does not begin it.
        connection.read(0);
        this.#handOn(connection);
      },
    };
    this.#waiting.set(connection, turn);
    connection.once('close', () => {
      this.#open.delete(connection);
      if (this.#waiting.delete(connection)) this.#turns.leave(turn);
    });
    this.#turns.request(turn);
  }
}

function isAddressInfo(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}

/** The error of a client that is gone before its turn. */
function ignore(): void {}
