/**
 * Who of all streams works when: each for one turn, in slices between which the event loop serves everything else, so that a thousand
 * Envoys that connect at once stop nothing. The streams of one connection take its turns among them, so that a hundred get no more than one.
 * Large answers come after everything else, one in each slice at least, and wait while many bytes are on their way that no client has read.
 */

export interface Turn {
  /** What it shares its turns with; only itself when left out. */
  readonly connection?: object;
  /** @param isLarge whether it is the turn for what is large */
  takeTurn(isLarge: boolean): void;
}

/** After so long the event loop goes round once. */
const sliceMs = 4;
/** What is on its way to clients that read; each response is a copy until HTTP/2 has handed it over. */
const roomBytes = 16 * 1024 * 1024;

export class Turns {
  /** By connection, the longest waiting first. */
  readonly #waiting = new Map<object, Set<Turn>>();
  /** Those with something large, which wait for the others, and for room. */
  readonly #parked = new Set<Turn>();
  #isScheduled = false;
  #bytes = 0;

  get hasRoom(): boolean {
    return this.#bytes < roomBytes;
  }

  /** The turn is taken soon, once, however often it is asked for until then. */
  request(turn: Turn): void {
    const { connection = turn } = turn;
    const turns = this.#waiting.get(connection);
    if (turns === undefined) this.#waiting.set(connection, new Set([turn]));
    else turns.add(turn);
    this.#schedule();
  }

  /** The turn is taken when nothing else is to be done, and there is room. */
  park(turn: Turn): void {
    this.#parked.add(turn);
    if (this.hasRoom) this.#schedule();
  }

  /** The turn is not taken any more. */
  leave(turn: Turn): void {
    this.#parked.delete(turn);
    const { connection = turn } = turn;
    const turns = this.#waiting.get(connection);
    turns?.delete(turn);
    if (turns?.size === 0) this.#waiting.delete(connection);
  }

  /** So many bytes more are on their way. */
  lend(bytes: number): void {
    this.#bytes += bytes;
  }

  /** So many have arrived, or are not waited for any longer. */
  giveBack(bytes: number): void {
    this.#bytes -= bytes;
    if (this.hasRoom && this.#parked.size > 0) this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#run());
  }

  #run(): void {
    const end = performance.now() + sliceMs;
    // Who comes to the back meanwhile is met again.
    for (const [connection, turns] of this.#waiting) {
      const [turn] = turns;
      this.#waiting.delete(connection);
      if (turn === undefined) continue;
      turns.delete(turn);
      if (turns.size > 0) this.#waiting.set(connection, turns);
      turn.takeTurn(false);
      if (performance.now() >= end) break;
    }
    for (const turn of this.#parked) {
      if (!this.hasRoom) break;
      this.#parked.delete(turn);
      turn.takeTurn(true);
      if (performance.now() >= end) break;
    }
    this.#isScheduled = false;
    if (this.#waiting.size > 0 || (this.#parked.size > 0 && this.hasRoom)) this.#schedule();
  }
}
