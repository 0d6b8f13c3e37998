/** Responses as bytes: the resources' shared records with the few fields of the response around them. */
import protobuf from 'protobufjs/minimal.js';
import { sotwRecordOf } from './resource.ts';
import type { Response } from './session.ts';

const lengthDelimited = 2;

/** A DeltaDiscoveryResponse of `envoy.service.discovery.v3`. */
export function encodeDeltaResponse({ version, resources, typeUrl, nonce, removed }: Response): Buffer {
  const tail = new FieldWriter().text(4, typeUrl).text(5, nonce);
  for (const name of removed) tail.text(6, name);
  return Buffer.concat([
    new FieldWriter().text(1, version).bytes(),
    ...resources.map(({ record }) => record),
    tail.bytes(),
  ]);
}

/** A DiscoveryResponse of `envoy.service.discovery.v3`. */
export function encodeSotwResponse({ version, resources, typeUrl, nonce }: Response): Buffer {
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
