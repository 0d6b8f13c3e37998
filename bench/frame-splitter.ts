/** Cuts what arrives into the messages of gRPC's framing: a flag, four bytes of length, the message. */
export class FrameSplitter {
  readonly #take: (message: Buffer) => void;
  #chunks: Buffer[] = [];
  #size = 0;
  #needed = 5;

  constructor(take: (message: Buffer) => void) {
    this.#take = take;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size < this.#needed) return;
    let all = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#size);
    this.#needed = 5;
    while (all.length >= 5) {
      const end = 5 + all.readUInt32BE(1);
      if (all.length < end) {
        this.#needed = end;
        break;
      }
      this.#take(all.subarray(5, end));
      all = all.subarray(end);
    }
    this.#chunks = all.length === 0 ? [] : [all];
    this.#size = all.length;
  }
}

/** A message in that framing, not compressed. */
export function frameOf(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(5 + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, 5);
  return frame;
}
