/** gRPC's own layer above HTTP/2 by hand, for clients that do what no gRPC library would. */
import { encodeMessage } from '../../src/proto/encode.ts';

/** Bytes before each message: whether it is compressed, and its length (gRPC over HTTP/2, Length-Prefixed-Message). */
const prefixLength = 5;

/** A message as it is written into DATA frames. */
export function grpcFrame(body: Uint8Array, compressed = false): Buffer {
  const prefix = Buffer.alloc(prefixLength);
  prefix.writeUInt8(compressed ? 1 : 0, 0);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

/** A request of the aggregated service. */
export function requestFrame(protocol: 'delta' | 'sotw', message: object): Buffer {
  const name = protocol === 'delta' ? 'DeltaDiscoveryRequest' : 'DiscoveryRequest';
  return grpcFrame(encodeMessage(`envoy.service.discovery.v3.${name}`, message));
}

export const adsPaths = {
  delta: '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
  sotw: '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources',
} as const;

export function requestHeaders(path: string): Record<string, string> {
  return { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
}
