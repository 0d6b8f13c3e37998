/**
 * Responses as bytes: the resources' shared records with the few fields of the response around them. The bytes stay with the batch, so
 * that the next stream that is sent the same is sent these.
 */
import protobuf from 'protobufjs/minimal.js';
import { sotwRecordOf } from './resource.ts';
import type { Response } from './session.ts';

const lengthDelimited = 2;

export interface EncodedResponse {
  readonly bytes: Buffer;
  /** Whether it had been encoded before. */
  readonly isShared: boolean;
}

/** A DeltaDiscoveryResponse or DiscoveryResponse of `envoy.service.discovery.v3`. */
export function encodeResponse(protocol: 'sotw' | 'delta', response: Response): EncodedResponse {
  const { batch, nonce, version } = response;
  const key = `${protocol} ${nonce} ${version}`;
  if (batch.encoded?.key === key) return { bytes: batch.encoded.bytes, isShared: true };
  const bytes = protocol === 'delta' ? encodeDelta(response) : encodeSotw(response);
  batch.encoded = { key, bytes };
  return { bytes, isShared: false };
}

function encodeDelta({ version, resources, typeUrl, nonce, removed }: Response): Buffer {
  const tail = new FieldWriter().text(4, typeUrl).text(5, nonce);
  for (const name of removed) tail.text(6, name);
  return Buffer.concat([
    new FieldWriter().text(1, version).bytes(),
    ...resources.map(({ record }) => record),
    tail.bytes(),
  ]);
}

function encodeSotw({ version, resources, typeUrl, nonce }: Response): Buffer {
  return Buffer.concat([
    new FieldWriter().text(1, version).bytes(),
    ...resources.map(sotwRecordOf),
    new FieldWriter().text(4, typeUrl).text(5, nonce).bytes(),
  ]);
}

class FieldWriter {
  readonly #writer = protobuf.Writer.create();

  text(field: number, value: string): this {
    this.#writer.uint32((field << 3) | lengthDelimited).string(value);
    return this;
  }

  bytes(): Uint8Array {
    return this.#writer.finish();
  }
}
