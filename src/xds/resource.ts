/** One encoded xDS resource. It is encoded once; every stream of both protocol variants is sent the same bytes. */
import { createHash } from 'node:crypto';
import protobuf from 'protobufjs/minimal.js';

export interface Resource {
  readonly typeUrl: string;
  readonly name: string;
  /** A hash of the bytes: equal resources have equal versions, whoever made them. */
  readonly version: string;
  /**
   * Field 2 of a DeltaDiscoveryResponse, tag included: a `Resource` whose last field is the resource itself. That is
   * field 2 as well, and so is the list of resources of a DiscoveryResponse: so the end of this record, from
   * `anyOffset`, is also the record of the SotW variant.
   */
  readonly record: Buffer;
  readonly anyOffset: number;
  readonly bodyOffset: number;
  /** For a RouteConfiguration that takes its virtual hosts from VHDS: its body for clients that can't, less the hosts. */
  readonly inlineBody: Uint8Array | undefined;
}

const lengthDelimited = 2;

/** @param body the encoded message */
export function createResource(typeUrl: string, name: string, body: Uint8Array, inlineBody?: Uint8Array): Resource {
  const version = hash(body, inlineBody);
  const any = protobuf.Writer.create()
    .uint32((1 << 3) | lengthDelimited)
    .string(typeUrl)
    .uint32((2 << 3) | lengthDelimited)
    .bytes(body)
    .finish();
  const inner = protobuf.Writer.create()
    .uint32((3 << 3) | lengthDelimited)
    .string(name)
    .uint32((1 << 3) | lengthDelimited)
    .string(version)
    .uint32((2 << 3) | lengthDelimited)
    .bytes(any)
    .finish();
  const written = protobuf.Writer.create()
    .uint32((2 << 3) | lengthDelimited)
    .bytes(inner)
    .finish();
  const record = Buffer.from(written.buffer, written.byteOffset, written.byteLength);
  const anyOffset = record.length - any.length - varintLength(any.length) - 1;
  return { typeUrl, name, version, record, anyOffset, bodyOffset: record.length - body.length, inlineBody };
}

/** The encoded message. */
export function bodyOf(resource: Resource): Buffer {
  return resource.record.subarray(resource.bodyOffset);
}

/** The record of a DiscoveryResponse. */
export function sotwRecordOf(resource: Resource): Buffer {
  return resource.record.subarray(resource.anyOffset);
}

function hash(body: Uint8Array, inlineBody: Uint8Array | undefined): string {
  const digest = createHash('sha256').update(body);
  if (inlineBody !== undefined) digest.update(inlineBody);
  return digest.digest('hex').slice(0, 16);
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length += 1;
  return length;
}
