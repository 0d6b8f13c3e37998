/**
 * The messages of google.protobuf that literals write in a form of their own: bare values for the wrappers, text for
 * durations and times, JSON for Struct. Any is not here because packing it needs the whole encoder.
 */
import type { Reader } from './reader.ts';
import { defaultOf, isDefault, readScalar, scalarWireTypes, writeScalar, type ScalarType } from './scalar.ts';
import { readList, readStruct, readValue, writeList, writeStruct, writeValue } from './struct.ts';
import { readDuration, readTimestamp, writeDuration, writeTimestamp } from './time.ts';
import type { Writer } from './writer.ts';

const wrapped = {
  DoubleValue: 'double',
  FloatValue: 'float',
  Int32Value: 'int32',
  UInt32Value: 'uint32',
  Int64Value: 'int64',
  UInt64Value: 'uint64',
  BoolValue: 'bool',
  StringValue: 'string',
  BytesValue: 'bytes',
} as const satisfies Record<string, ScalarType>;

/** By full message name: check and write the content. */
export const wellKnownWriters: ReadonlyMap<string, (writer: Writer, value: unknown) => void> = new Map([
  ...Object.entries(wrapped).map(
    ([name, type]) =>
      [`google.protobuf.${name}`, (writer: Writer, value: unknown) => writeWrapper(writer, type, value)] as const,
  ),
  ['google.protobuf.Duration', writeDuration] as const,
  ['google.protobuf.Timestamp', writeTimestamp] as const,
  ['google.protobuf.Struct', writeStruct] as const,
  ['google.protobuf.Value', writeValue] as const,
  ['google.protobuf.ListValue', writeList] as const,
]);

/** By full message name: read the content. */
export const wellKnownReaders: ReadonlyMap<string, (reader: Reader) => unknown> = new Map([
  ...Object.entries(wrapped).map(
    ([name, type]) => [`google.protobuf.${name}`, (reader: Reader) => readWrapper(reader, type)] as const,
  ),
  ['google.protobuf.Duration', readDuration] as const,
  ['google.protobuf.Timestamp', readTimestamp] as const,
  ['google.protobuf.Struct', readStruct] as const,
  ['google.protobuf.Value', readValue] as const,
  ['google.protobuf.ListValue', readList] as const,
]);

function writeWrapper(writer: Writer, type: ScalarType, value: unknown): void {
  if (isDefault(type, value)) return;
  writeScalar(writer, type, value);
  writer.tag(1, scalarWireTypes[type]);
}

function readWrapper(reader: Reader, type: ScalarType): unknown {
  let value: unknown = defaultOf(type);
  while (!reader.isAtEnd) {
    const tag = reader.varint32();
    if (tag >>> 3 === 1) value = readScalar(reader, type);
    else reader.skip(tag & 7);
  }
  return value;
}
