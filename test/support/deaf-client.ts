/**
 * An ADS client below gRPC that does not read until it is told to, so that HTTP/2's flow control holds the server back.
 * (grpc-js reads into its own memory whether or not anybody listens.)
 */
import { connect } from 'node:http2';
import { decode } from '../../src/proto/message.ts';
import { encodeMessage } from '../../src/proto/encode.ts';
import { deltaTypes, sotwTypes } from './discovery-client.ts';

export interface DeafClient {
  /** The messages that it has read so far, decoded. */
  readonly responses: readonly { readonly nonce?: string }[];
  send(message: object): void;
  /** From now on it reads. */
  listen(): void;
  close(): void;
}

const methods = {
  delta: { name: 'DeltaAggregatedResources', types: deltaTypes },
  sotw: { name: 'StreamAggregatedResources', types: sotwTypes },
} as const;

/** Bytes before each message: whether it is compressed, and its length (gRPC over HTTP/2, Length-Prefixed-Message). */
const prefixLength = 5;

export function openDeaf(port: number, protocol: 'delta' | 'sotw'): DeafClient {
  const { name, types } = methods[protocol];
  const [request, response] = types;
  const session = connect(`http://127.0.0.1:${port}`);
  const stream = session.request({
    ':method': 'POST',
    ':path': `/envoy.service.discovery.v3.AggregatedDiscoveryService/${name}`,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  for (const source of [session, stream]) source.on('error', () => undefined);
  const responses: { readonly nonce?: string }[] = [];
  let rest = Buffer.alloc(0);
  const read = (chunk: Buffer): void => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= prefixLength && rest.length >= prefixLength + rest.readUInt32BE(1)) {
      const end = prefixLength + rest.readUInt32BE(1);
      responses.push(decode(response, rest.subarray(prefixLength, end)));
      rest = rest.subarray(end);
    }
  };
  return {
    responses,
    send: (message) => {
      const body = encodeMessage(request, message);
      const prefix = Buffer.alloc(prefixLength);
      prefix.writeUInt32BE(body.length, 1);
      stream.write(Buffer.concat([prefix, body]));
    },
    listen: () => {
      stream.on('data', read);
    },
    close: () => session.destroy(),
  };
}
