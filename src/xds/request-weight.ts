/**
 * What a request weighs before it is decoded: a million names in a few megabytes would hold up everybody while they are made into
 * strings. Only lengths are looked at.
 */
import { visitLengthFields } from './length-fields.ts';
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
  let fault: string | undefined;
  visitLengthFields(bytes, (field, _offset, length) => {
    if (field === node && length > limits.nodeBytes) {
      fault ??= `node has ${length} bytes; at most ${limits.nodeBytes} are taken`;
    } else if (field === nameFields[0] || field === nameFields[1]) {
      count += 1;
      if (length > limits.nameBytes) {
        fault ??= `a resource name has ${length} bytes; at most ${limits.nameBytes} are taken`;
      }
    }
    return fault !== undefined;
  });
  if (fault !== undefined) return fault;
  return count > names ? `the request names ${count} resources; at most ${names} are taken` : undefined;
}
