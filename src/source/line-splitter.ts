// Cuts a stream of bytes into lines. It works on bytes, because a chunk may end in the middle of a UTF-8 character.

const newline = 0x0a;

export class LineTooLong extends Error {}

export class LineSplitter {
  readonly #maxBytes: number;
  #pieces: Buffer[] = [];
  #size = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of the line that has begun and not ended. */
  get pendingBytes(): number {
    return this.#size;
  }

  /** The lines that end in this chunk, without their newline; empty lines are left out. Throws LineTooLong. */
  split(chunk: Buffer): readonly string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      this.#keep(chunk.subarray(start, end));
      if (this.#size > 0) lines.push(this.#take());
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
    return lines;
  }

  #keep(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#size += piece.length;
    if (this.#size > this.#maxBytes) throw new LineTooLong(`A line is longer than ${this.#maxBytes} bytes`);
  }

  #take(): string {
    const [first] = this.#pieces;
    const whole = this.#pieces.length === 1 && first !== undefined ? first : Buffer.concat(this.#pieces, this.#size);
    this.#pieces = [];
    this.#size = 0;
    return whole.toString('utf8');
  }
}
