/** Reads protobuf's wire format: varints, fixed numbers, length-delimited content. Every read checks the bounds. */

export class Reader {
  readonly #buffer: Buffer;
  #position = 0;
  #end: number;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.byteLength;
  }

  /** At the end of the innermost content entered. */
  get isAtEnd(): boolean {
    return this.#position >= this.#end;
  }

  /** Goes into the next length-delimited field. Gives what `leave` needs to come back out. */
  enter(): number {
    const outer = this.#end;
    const length = this.varint32();
    this.#end = this.#take(length) + length;
    this.#position = this.#end - length;
    return outer;
  }

  leave(outer: number): void {
    this.#position = this.#end;
    this.#end = outer;
  }

  varint64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new Error('malformed protobuf: a varint has more than ten bytes');
  }

  /** The low 32 bits of a varint, which is all that tags, lengths, enums, booleans and 32-bit numbers use. */
  varint32(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    let value = first & 0x7f;
    for (let shift = 7; shift < 70; shift += 7) {
      const byte = this.#byte();
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new Error('malformed protobuf: a varint has more than ten bytes');
  }

  fixed32(): number {
    return this.#buffer.readUInt32LE(this.#take(4));
  }

  fixed64(): bigint {
    return this.#buffer.readBigUInt64LE(this.#take(8));
  }

  float(): number {
    return this.#buffer.readFloatLE(this.#take(4));
  }

  double(): number {
    return this.#buffer.readDoubleLE(this.#take(8));
  }

  string(): string {
    const length = this.varint32();
    const start = this.#take(length);
    return this.#buffer.toString('utf8', start, start + length);
  }

  /** A copy of the next length-delimited field. */
  bytes(): Uint8Array {
    const length = this.varint32();
    const start = this.#take(length);
    return Uint8Array.prototype.slice.call(this.#buffer, start, start + length);
  }

  skip(wireType: number): void {
    if (wireType === 0) this.varint64();
    else if (wireType === 1) this.#take(8);
    else if (wireType === 2) this.#take(this.varint32());
    else if (wireType === 5) this.#take(4);
    else throw new Error(`malformed protobuf: wire type ${wireType}`);
  }

  #byte(): number {
    return this.#buffer[this.#take(1)] ?? 0;
  }

  #take(length: number): number {
    const start = this.#position;
    if (start + length > this.#end) throw new Error('malformed protobuf: it ends in the middle of a value');
    this.#position = start + length;
    return start;
  }
}
