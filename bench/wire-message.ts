/**
 * Just enough protobuf for a client that must cost little: discovery requests are written, and of the responses only what a simulated
 * Envoy needs is looked at, where it lies.
 */

const lengthDelimited = 2;

/** One field of a message; `bytes` is empty for a field that is not length-delimited. */
interface Field {
  readonly number: number;
  readonly bytes: Buffer;
}

/** The fields of a message in their order. */
export function* fieldsOf(message: Buffer): Generator<Field> {
  let at = 0;
  while (at < message.length) {
    const tag = varint(message, at);
    at = tag.end;
    const number = tag.value >>> 3;
    const wireType = tag.value & 7;
    if (wireType === lengthDelimited) {
      const length = varint(message, at);
      at = length.end + length.value;
      yield { number, bytes: message.subarray(length.end, at) };
    } else {
      if (wireType === 0) at = varint(message, at).end;
      else at += wireType === 1 ? 8 : 4;
      yield { number, bytes: noBytes };
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
  for (const field of fieldsOf(message)) if (field.number === number) found.push(field.bytes);
  return found;
}

/** A message whose fields are all texts or messages. */
export function encodeFields(fields: readonly (readonly [number: number, content: string | Buffer])[]): Buffer {
  const parts: Buffer[] = [];
  for (const [number, content] of fields) {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    parts.push(writeVarint((number << 3) | lengthDelimited), writeVarint(bytes.length), bytes);
  }
  return Buffer.concat(parts);
}

const noBytes = Buffer.alloc(0);

function firstField(message: Buffer, number: number): Buffer | undefined {
  for (const field of fieldsOf(message)) if (field.number === number) return field.bytes;
  return undefined;
}

/** Lengths and tags only: what is beyond 32 bits loses its upper part, and nothing here looks at it. */
function varint(message: Buffer, start: number): { readonly value: number; readonly end: number } {
  let value = 0;
  let at = start;
  for (let shift = 0; ; shift += 7, at += 1) {
    const byte = message[at] ?? 0;
    if (shift < 32) value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return { value: value >>> 0, end: at + 1 };
  }
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
