/** One encoded xDS resource. It is encoded once; every stream of both protocol variants is sent the same bytes. */
import { hash } from 'node:crypto';

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
  /** Where in the record the name and the version stand. */
  readonly nameOffset: number;
  readonly versionOffset: number;
  readonly bodyOffset: number;
  /** For a RouteConfiguration that takes its virtual hosts from VHDS: its body for clients that can't, less the hosts. */
  readonly inlineBody: Uint8Array | undefined;
  /** Of a RouteConfiguration with its virtual hosts in it: the table without them, and they. */
  readonly parts?: readonly Resource[];
  /** The version of the resource that this one says the same as in other bytes. */
  readonly originalVersion?: string;
}

/**
 * Records are cut from slabs of this size: a buffer of its own costs more than most records are long, and Node's own pool
 * would be kept alive by them together with what else is in it.
 */
const slabSize = 16_384;
let slab = Buffer.allocUnsafeSlow(slabSize);
let slabUsed = 0;

/** @param body the encoded message; it is copied */
export function createResource(typeUrl: string, name: string, body: Uint8Array, inlineBody?: Uint8Array): Resource {
  const version = versionOf(body, inlineBody);
  const typeLength = Buffer.byteLength(typeUrl);
  const nameLength = Buffer.byteLength(name);
  const anyLength = fieldLength(typeLength) + fieldLength(body.length);
  const innerLength = fieldLength(nameLength) + fieldLength(version.length) + fieldLength(anyLength);
  const record = allocate(fieldLength(innerLength));
  let at = writeHead(record, 0, 2, innerLength);
  const nameOffset = writeHead(record, at, 3, nameLength);
  at = nameOffset + record.write(name, nameOffset, nameLength, 'utf8');
  const versionOffset = writeHead(record, at, 1, version.length);
  at = versionOffset + record.write(version, versionOffset, version.length, 'latin1');
  const anyOffset = at;
  at = writeHead(record, at, 2, anyLength);
  at = writeHead(record, at, 1, typeLength);
  at += record.write(typeUrl, at, typeLength, 'utf8');
  const bodyOffset = writeHead(record, at, 2, body.length);
  record.set(body, bodyOffset);
  return { typeUrl, name, version, record, anyOffset, nameOffset, versionOffset, bodyOffset, inlineBody };
}

/** The encoded message. */
export function bodyOf(resource: Resource): Buffer {
  return resource.record.subarray(resource.bodyOffset);
}

/** The record of a DiscoveryResponse. */
export function sotwRecordOf(resource: Resource): Buffer {
  return resource.record.subarray(resource.anyOffset);
}

function versionOf(body: Uint8Array, inlineBody: Uint8Array | undefined): string {
  const content = inlineBody === undefined ? body : Buffer.concat([body, inlineBody]);
  return hash('sha256', content, 'buffer').toString('hex', 0, 8);
}

function allocate(size: number): Buffer {
  if (size > slabSize / 4) return Buffer.allocUnsafeSlow(size);
  if (slabUsed + size > slabSize) {
    slab = Buffer.allocUnsafeSlow(slabSize);
    slabUsed = 0;
  }
  slabUsed += size;
  return slab.subarray(slabUsed - size, slabUsed);
}

/** Of a length-delimited field with a number below 16. */
function fieldLength(contentLength: number): number {
  return 1 + varintLength(contentLength) + contentLength;
}

/** Writes tag and length of such a field; gives back where its content begins. */
function writeHead(record: Buffer, start: number, field: number, length: number): number {
  let at = start;
  record[at++] = (field << 3) | 2;
  let rest = length;
  for (; rest >= 128; rest = Math.floor(rest / 128)) record[at++] = (rest % 128) | 128;
  record[at++] = rest;
  return at;
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length += 1;
  return length;
}
