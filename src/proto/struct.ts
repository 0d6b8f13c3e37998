/** google.protobuf.Struct, Value and ListValue as plain JSON. Fields of an object are written sorted by name. */
import { InvalidMessage } from './invalid-message.ts';
import type { Reader } from './reader.ts';
import { describe, writeScalar } from './scalar.ts';
import type { JsonObject, JsonValue } from './shape.ts';
import type { Writer } from './writer.ts';

/** Field numbers of google.protobuf.Value, whose members form a oneof. */
const valueFields = { null: 1, number: 2, string: 3, bool: 4, struct: 5, list: 6 } as const;

export function writeStruct(writer: Writer, value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidMessage(`expected a JSON object, got ${describe(value)}`);
  }
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  for (const [key, member] of entries.toSorted(([a], [b]) => (a < b ? 1 : -1))) {
    const before = writer.length;
    nested(writer, 2, () => within(`[${JSON.stringify(key)}]`, () => writeValue(writer, member)));
    writeScalar(writer, 'string', key);
    writer.tag(1, 2);
    writer.varint(writer.length - before);
    writer.tag(1, 2);
  }
}

export function writeList(writer: Writer, value: unknown): void {
  if (!Array.isArray(value)) throw new InvalidMessage(`expected a JSON list, got ${describe(value)}`);
  for (let index = value.length - 1; index >= 0; index--) {
    nested(writer, 1, () => within(`[${index}]`, () => writeValue(writer, value[index])));
  }
}

export function writeValue(writer: Writer, value: unknown): void {
  if (value === null) {
    writer.varint(0);
    writer.tag(valueFields.null, 0);
  } else if (typeof value === 'number' && Number.isFinite(value)) {
    writer.double(value);
    writer.tag(valueFields.number, 1);
  } else if (typeof value === 'string') {
    writeScalar(writer, 'string', value);
    writer.tag(valueFields.string, 2);
  } else if (typeof value === 'boolean') {
    writer.varint(value ? 1 : 0);
    writer.tag(valueFields.bool, 0);
  } else if (Array.isArray(value)) {
    nested(writer, valueFields.list, () => writeList(writer, value));
  } else if (typeof value === 'object') {
    nested(writer, valueFields.struct, () => writeStruct(writer, value));
  } else {
    throw new InvalidMessage(`expected a JSON value, got ${describe(value)}`);
  }
}

function nested(writer: Writer, id: number, write: () => void): void {
  const before = writer.length;
  write();
  writer.varint(writer.length - before);
  writer.tag(id, 2);
}

function within(step: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    throw error instanceof InvalidMessage ? error.within(step) : error;
  }
}

export function readStruct(reader: Reader): JsonObject {
  const entries: [string, JsonValue][] = [];
  while (!reader.isAtEnd) {
    reader.varint32();
    entries.push(inside(reader, readEntry));
  }
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function readEntry(reader: Reader): [string, JsonValue] {
  let key = '';
  let value: JsonValue = null;
  while (!reader.isAtEnd) {
    if (reader.varint32() >>> 3 === 1) key = reader.string();
    else value = inside(reader, readValue);
  }
  return [key, value];
}

export function readList(reader: Reader): readonly JsonValue[] {
  const values: JsonValue[] = [];
  while (!reader.isAtEnd) {
    reader.varint32();
    values.push(inside(reader, readValue));
  }
  return values;
}

export function readValue(reader: Reader): JsonValue {
  let value: JsonValue = null;
  while (!reader.isAtEnd) {
    const tag = reader.varint32();
    const id = tag >>> 3;
    if (id === valueFields.number) value = reader.double();
    else if (id === valueFields.string) value = reader.string();
    else if (id === valueFields.bool) value = reader.varint32() !== 0;
    else if (id === valueFields.struct) value = inside(reader, readStruct);
    else if (id === valueFields.list) value = inside(reader, readList);
    else reader.skip(tag & 7);
  }
  return value;
}

function inside<T>(reader: Reader, read: (reader: Reader) => T): T {
  const outer = reader.enter();
  const value = read(reader);
  reader.leave(outer);
  return value;
}
