/** A reader of DER (X.690), as far as certificates need it: values inside values, by tag. */

export interface DerValue {
  /** The identifier octet: 0x30 for a sequence, 0xa0 + n for an explicit tag n. */
  readonly tag: number;
  readonly content: Uint8Array;
}

/** The values one after the other in these octets; undefined when they are not whole. */
export function readDer(octets: Uint8Array): readonly DerValue[] | undefined {
  const values: DerValue[] = [];
  let at = 0;
  while (at < octets.length) {
    const tag = octets[at] ?? 0;
    let length = octets[at + 1] ?? 0x80;
    at += 2;
    if (length >= 0x80) {
      const count = length - 0x80;
      if (count === 0 || count > 4) return undefined;
      length = octets.subarray(at, at + count).reduce((sum, octet) => sum * 256 + octet, 0);
      at += count;
    }
    if (at + length > octets.length) return undefined;
    values.push({ tag, content: octets.subarray(at, at + length) });
    at += length;
  }
  return values;
}

/** The values inside a value; none when it is absent or has no values inside. */
export function inside(value: DerValue | undefined): readonly DerValue[] {
  return value === undefined ? [] : (readDer(value.content) ?? []);
}
