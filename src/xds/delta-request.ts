/**
 * A DeltaDiscoveryRequest as it is read: `initial_resource_versions`, which can be tens of thousands, stay bytes that are compared with
 * what is served; all else is decoded.
 */
import { decode } from '../proto/message.ts';
import type { MessageTypes } from '../proto/message.ts';
import type { ResourceTable } from './resource-table.ts';
import type { Entry } from './version-index.ts';

type DeltaMessage = MessageTypes['envoy.service.discovery.v3.DeltaDiscoveryRequest'];

/** Field 5 of a DeltaDiscoveryRequest, and the fields of its entries. */
const versionsTag = (5 << 3) | 2;
const keyTag = (1 << 3) | 2;
const valueTag = (2 << 3) | 2;

export interface ReadDeltaRequest {
  /** Without `initial_resource_versions`. */
  readonly message: DeltaMessage;
  readonly versions: HeldVersions;
}

/** @throws Error if the bytes are malformed */
export function readDeltaRequest(bytes: Buffer): ReadDeltaRequest {
  const entries: Entry[] = [];
  const rest: Buffer[] = [];
  let restStart = 0;
  for (const { tag, start, body, end } of fieldsOf(bytes, { start: 0, end: bytes.length })) {
    if (tag !== versionsTag) continue;
    entries.push(plainEntry(bytes, body, end) ?? anyEntry(bytes, { start: body, end }));
    if (start > restStart) rest.push(bytes.subarray(restStart, start));
    restStart = end;
  }
  if (entries.length > 0) rest.push(bytes.subarray(restStart));
  const message = decode(
    'envoy.service.discovery.v3.DeltaDiscoveryRequest',
    entries.length === 0 ? bytes : Buffer.concat(rest),
  );
  return { message, versions: new HeldVersions(bytes, entries) };
}

/** What a client says it holds: a version for each name. */
export class HeldVersions {
  readonly #bytes: Buffer;
  readonly #entries: readonly Entry[];

  constructor(bytes: Buffer = Buffer.alloc(0), entries: readonly Entry[] = []) {
    this.#bytes = bytes;
    this.#entries = entries;
  }

  get size(): number {
    return this.#entries.length;
  }

  /**
   * Compares them with a table.
   *
   * @param same is called with the number of each name whose resource has this very version
   * @param other is called with each other name and the version that the client has
   */
  compare(table: ResourceTable, same: (id: number) => void, other: (name: string, version: string) => void): void {
    if (this.size === 0) return;
    const index = table.versionIndex();
    const bytes = this.#bytes;
    for (const entry of this.#entries) {
      const id = index.find(bytes, entry);
      if (id !== undefined) {
        same(id);
        continue;
      }
      const nameText = bytes.toString('utf8', entry.nameStart, entry.nameEnd);
      const versionText = bytes.toString('utf8', entry.versionStart, entry.versionEnd);
      const known = table.get(nameText)?.version === versionText ? table.find(nameText) : undefined;
      if (known === undefined) other(nameText, versionText);
      else same(known);
    }
  }
}

/** An entry that is written as all clients write them: key, value, both short. */
function plainEntry(bytes: Buffer, start: number, end: number): Entry | undefined {
  const nameStart = start + 2;
  const nameEnd = nameStart + (bytes[start + 1] ?? 0);
  const versionStart = nameEnd + 2;
  const isPlain =
    bytes[start] === keyTag &&
    versionStart <= end &&
    nameEnd - nameStart < 128 &&
    end - versionStart < 128 &&
    bytes[nameEnd] === valueTag &&
    bytes[nameEnd + 1] === end - versionStart;
  return isPlain ? { nameStart, nameEnd, versionStart, versionEnd: end } : undefined;
}

/** Any entry. @throws Error if it is malformed */
function anyEntry(bytes: Buffer, entry: Span): Entry {
  let name: Span = { start: entry.end, end: entry.end };
  let version = name;
  for (const { tag, body, end } of fieldsOf(bytes, entry)) {
    if (tag === keyTag) name = { start: body, end };
    else if (tag === valueTag) version = { start: body, end };
  }
  return { nameStart: name.start, nameEnd: name.end, versionStart: version.start, versionEnd: version.end };
}

/** A range of bytes. */
interface Span {
  readonly start: number;
  readonly end: number;
}

interface Field {
  readonly tag: number;
  /** Where the tag begins, where what it announces begins, and where that ends. */
  readonly start: number;
  readonly body: number;
  readonly end: number;
}

/** The fields of a message. @throws Error if they do not fill it */
function* fieldsOf(bytes: Buffer, { start, end }: Span): Generator<Field> {
  const cursor = { at: start };
  while (cursor.at < end) {
    const from = cursor.at;
    const tag = varint(bytes, cursor);
    const size = sizeOf(tag & 7, bytes, cursor);
    const body = cursor.at;
    cursor.at += size;
    if (cursor.at > end) throw new Error('a field is longer than its message');
    yield { tag, start: from, body, end: cursor.at };
  }
}

/** How many bytes follow, by wire type (protobuf encoding, "Message Structure"). */
function sizeOf(wireType: number, bytes: Buffer, cursor: { at: number }): number {
  if (wireType === 2) return varint(bytes, cursor);
  if (wireType === 0) {
    varint(bytes, cursor);
    return 0;
  }
  if (wireType === 1) return 8;
  if (wireType === 5) return 4;
  throw new Error(`wire type ${wireType} is not used here`);
}

/** Exact below 2^53, which no length comes near. */
function varint(bytes: Buffer, cursor: { at: number }): number {
  let value = 0;
  let factor = 1;
  for (let length = 0; length < 10; length += 1) {
    const byte = bytes[cursor.at];
    if (byte === undefined) break;
    cursor.at += 1;
    value += (byte & 127) * factor;
    if (byte < 128) return value;
    factor *= 128;
  }
  throw new Error('a number has no end');
}
