/** What a request says of the state that its client has, without decoding the names of ten thousand resources. */
import type { Protocol } from './discovery-stream.ts';
import { varintAt } from './request-weight.ts';

/** Numbers of the fields in DiscoveryRequest and DeltaDiscoveryRequest (`envoy.service.discovery.v3`). */
const fields = {
  /** `version_info` */
  sotw: { state: 1, type: 4 },
  /** `initial_resource_versions` */
  delta: { state: 5, type: 2 },
} as const;

export interface RequestState {
  /** The type URL; empty when there is none. */
  readonly type: string;
  /** Whether the client says that it has something. */
  readonly hasState: boolean;
}

/** Bytes that are no message give what could be read of them. */
export function stateIn(protocol: Protocol, bytes: Buffer): RequestState {
  const { state, type: typeField } = fields[protocol];
  let type = '';
  let hasState = false;
  let at = 0;
  while (at < bytes.length) {
    const tag = varintAt(bytes, at);
    const wireType = tag.value & 7;
    const length = varintAt(bytes, tag.end);
    at = length.end;
    if (wireType === 1) at = tag.end + 8;
    else if (wireType === 5) at = tag.end + 4;
    else if (wireType === 2) {
      const field = tag.value >>> 3;
      if (field === typeField) type = bytes.toString('utf8', at, at + length.value);
      else if (field === state && length.value > 0) hasState = true;
      at += length.value;
    }
  }
  return { type, hasState };
}
