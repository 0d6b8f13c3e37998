/**
 * What a request weighs before it is decoded: a million names in a few megabytes would hold up everybody while they are made into
 * strings. Only lengths are looked at.
 */
import type { ServerLimits } from './limits.ts';

/** Numbers of the fields in DiscoveryRequest and DeltaDiscoveryRequest (`envoy.service.discovery.v3`). */
const fields = {
  sotw: { node: 2, names: [3] },
  delta: { node: 1, names: [3, 4] },
} as const;

/** A fault of this kind is refused; the text is for whoever runs the client. Undefined when there is none. */
export function overweight(
  protocol: 'sotw' | 'delta',
  bytes: Buffer,
  limits: Pick<ServerLimits, 'nodeBytes' | 'nameBytes'>,
  names: number,
): string | undefined {
  const { node, names: nameFields } = fields[protocol];
  let count = 0;
  let at = 0;
  while (at < bytes.length) {
    const tag = varintAt(bytes, at);
    const length = varintAt(bytes, tag.end);
    at = length.end;
    const wireType = tag.value & 7;
    // The length of other fields is a value, or is not written at all; who decodes says what is wrong with the bytes.
    if (wireType === 1) at = tag.end + 8;
    else if (wireType === 5) at = tag.end + 4;
    else if (wireType === 2) at += length.value;
    if (wireType !== 2) continue;
    const field = tag.value >>> 3;
    if (field === node && length.value > limits.nodeBytes) {
      return `node has ${length.value} bytes; at most ${limits.nodeBytes} are taken`;
    }
    if (field === nameFields[0] || field === nameFields[1]) {
      count += 1;
      if (length.value > limits.nameBytes) {
        return `a resource name has ${length.value} bytes; at most ${limits.nameBytes} are taken`;
      }
    }
  }
  return count > names ? `the request names ${count} resources; at most ${names} are taken` : undefined;
}

/** A number of the encoding, and where it ends; what has no end ends with the bytes. */
export function varintAt(bytes: Buffer, from: number): { readonly value: number; readonly end: number } {
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
