/**
 * The fields of an encoded message that have a length: strings, bytes and messages. They are looked at without being decoded, because a
 * million names in a few megabytes would hold up everybody while they are made into strings.
 */

/**
 * @param visit is given the number of the field, the offset of its content, and that content's length in bytes, as it is written; it may be
 * longer than what there is. It returns true when it has seen enough. Whoever decodes says what is wrong with bytes that are no message.
 */
export function visitLengthFields(
  bytes: Buffer,
  visit: (field: number, offset: number, length: number) => boolean,
): void {
  let at = 0;
  while (at < bytes.length) {
    const tag = varintAt(bytes, at);
    const length = varintAt(bytes, tag.end);
    at = length.end;
    const wireType = tag.value & 7;
    // The length of other fields is a value, or is not written at all.
    if (wireType === 1) at = tag.end + 8;
    else if (wireType === 5) at = tag.end + 4;
    else if (wireType === 2) {
      if (visit(tag.value >>> 3, at, length.value)) return;
      at += length.value;
    }
  }
}

/** A number of the encoding, and where it ends; what has no end ends with the bytes. */
function varintAt(bytes: Buffer, from: number): { readonly value: number; readonly end: number } {
  let value = 0;
  let factor = 1;
  let at = from;
  while (at < bytes.length && at - from < 10) {
    const byte = bytes[at] ?? 0;
    at += 1;
    value += (byte & 127) * factor;
    if (byte < 128) break;
    factor *= 128;
  }
  return { value, end: at };
}
