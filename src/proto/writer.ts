/**
 * Writes protobuf from the last byte to the first. A message's length stands before its content, so writing backwards
 * makes every length known when its turn comes: one pass, one buffer, no sub-buffers.
 */

const shortString = 48;

export class Writer {
  #buffer = Buffer.allocUnsafe(16_384);
  #position = this.#buffer.length;

  /** Forgets what was written. */
  reset(): void {
    this.#position = this.#buffer.length;
  }

  /** How many bytes have been written. */
  get length(): number {
    return this.#buffer.length - this.#position;
  }

  /** A copy of what was written, from Node's pool: a small buffer of its own would cost more than its content. */
  finish(): Uint8Array {
    const copy = Buffer.allocUnsafe(this.length);
    this.#buffer.copy(copy, 0, this.#position);
    return copy;
  }

  tag(id: number, wireType: number): void {
    this.varint(id * 8 + wireType);
  }

  /** A non-negative safe integer. */
  varint(value: number): void {
    if (value < 0x80) {
      this.#reserve(1);
      this.#buffer[--this.#position] = value;
      return;
    }
    const size = varintSize(value);
    this.#reserve(size);
    this.#position -= size;
    let at = this.#position;
    let rest = value;
    for (; rest >= 0x8000_0000; rest = Math.floor(rest / 0x80)) this.#buffer[at++] = (rest % 0x80) | 0x80;
    for (; rest >= 0x80; rest >>>= 7) this.#buffer[at++] = (rest & 0x7f) | 0x80;
    this.#buffer[at] = rest;
  }

  /** Any 64-bit integer, negative ones in two's complement. */
  varint64(value: bigint): void {
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, value);
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
    this.bytes(Uint8Array.from(bytes));
  }

  fixed32(value: number): void {
    this.#reserve(4);
    this.#position = this.#position - 4;
    this.#buffer.writeUInt32LE(value >>> 0, this.#position);
  }

  fixed64(value: bigint): void {
    this.#reserve(8);
    this.#position -= 8;
    this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, value), this.#position);
  }

  float(value: number): void {
    this.#reserve(4);
    this.#position -= 4;
    this.#buffer.writeFloatLE(value, this.#position);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#position -= 8;
    this.#buffer.writeDoubleLE(value, this.#position);
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#position -= value.length;
    this.#buffer.set(value, this.#position);
  }

  /** UTF-8. The caller makes sure that the text is well formed. */
  string(value: string): void {
    const size = value.length;
    if (size <= shortString && this.#ascii(value)) return;
    const byteLength = Buffer.byteLength(value);
    this.#reserve(byteLength);
    this.#position -= byteLength;
    this.#buffer.write(value, this.#position, byteLength, 'utf8');
  }

  /** Short names are most of a configuration, and a loop beats the call into native code for them. */
  #ascii(value: string): boolean {
    this.#reserve(value.length);
    const start = this.#position - value.length;
    for (let index = 0; index < value.length; index++) {
      const code = value.charCodeAt(index);
      if (code >= 0x80) return false;
      this.#buffer[start + index] = code;
    }
    this.#position = start;
    return true;
  }

  #reserve(size: number): void {
    if (size <= this.#position) return;
    const length = this.length;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, length + size));
    this.#buffer.copy(grown, grown.length - length, this.#position);
    this.#position = grown.length - length;
    this.#buffer = grown;
  }
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}
