/** What a request says of the state that its client has, without decoding the names of ten thousand resources. */
import type { Protocol } from './discovery-stream.ts';
import { visitLengthFields } from './length-fields.ts';

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
  visitLengthFields(bytes, (field, offset, length) => {
    if (field === typeField) type = bytes.toString('utf8', offset, offset + length);
    else if (field === state && length > 0) hasState = true;
    return false;
  });
  return { type, hasState };
}
