/**
 * Just enough protobuf for a client that must cost little: discovery requests are written, and of the responses only what a simulated
 * Envoy needs is looked at, where it lies.
 */

const lengthDelimited = 2;

/** Walks over the fields of a message without taking anything out of it; what it stands on is message[from, to). */
export class FieldReader {
  readonly message: Buffer;
  readonly #end: number;
  #at: number;
  number = 0;
  from = 0;
  /** The same as `from` for a field that is not length-delimited. */
  to = 0;

  constructor(message: Buffer, from = 0, end = message.length) {
    this.message = message;
    this.#at = from;
    this.#end = end;
  }

  /** False after the last field. */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    const tag = this.#varint();
    this.number = tag >>> 3;
    const wireType = tag & 7;
    if (wireType === lengthDelimited) {
      const length = this.#varint();
      this.from = this.#at;
      this.#at += length;
    } else {
      if (wireType === 0) this.#varint();
      else this.#at += wireType === 1 ? 8 : 4;
      this.from = this.#at;
    }
    this.to = this.#at;
    return true;
  }

  /** What it stands on, as text. */
  text(): string {
    return this.message.toString('latin1', this.from, this.to);
  }

  bytes(): Buffer {
    return this.message.subarray(this.from, this.to);
  }

  /** Lengths and tags only: what is beyond 32 bits loses its upper part, and nothing here looks at it. */
  #varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.message[this.#at] ?? 0;
      this.#at += 1;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }
}

/** What lies at a path of field numbers, following the first of repeated fields. */
export function fieldAt(message: Buffer, path: readonly number[]): Buffer | undefined {
  let current: Buffer | undefined = message;
  for (const number of path) {
    if (current === undefined) return undefined;
    current = firstField(current, number);
  }
  return current;
}

/** What all fields of a number hold. */
export function allFields(message: Buffer, number: number): readonly Buffer[] {
  const found: Buffer[] = [];
  for (const fields = new FieldReader(message); fields.next();)
    if (fields.number === number) found.push(fields.bytes());
  return found;
}

export type WireField = readonly [number: number, content: string | Buffer];

/** Fields that are all texts or messages. */
export function encodeFields(fields: readonly WireField[]): Buffer {
  const parts: Buffer[] = [];
  for (const [number, content] of fields) {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    parts.push(writeVarint((number << 3) | lengthDelimited), writeVarint(bytes.length), bytes);
  }
  return Buffer.concat(parts);
}

function firstField(message: Buffer, number: number): Buffer | undefined {
  for (const fields = new FieldReader(message); fields.next();) if (fields.number === number) return fields.bytes();
  return undefined;
}

function writeVarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return Buffer.from([...bytes, rest]);
}
