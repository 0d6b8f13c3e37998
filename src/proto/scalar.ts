/** Protobuf's scalar types: which values they take, how they are written and read. */
import { InvalidMessage } from './invalid-message.ts';
import type { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

export type WireType = 0 | 1 | 2 | 5;

export const scalarWireTypes = {
  double: 1,
  float: 5,
  int32: 0,
  uint32: 0,
  sint32: 0,
  fixed32: 5,
  sfixed32: 5,
  int64: 0,
  uint64: 0,
  sint64: 0,
  fixed64: 1,
  sfixed64: 1,
  bool: 0,
  string: 2,
  bytes: 2,
} as const satisfies Record<string, WireType>;

export type ScalarType = keyof typeof scalarWireTypes;

/** Whether the value is the type's zero, which proto3 leaves out. Minus zero is no zero for floating point. */
export function isDefault(type: ScalarType, value: unknown): boolean {
  if (type === 'string') return value === '';
  if (type === 'bytes') return value instanceof Uint8Array && value.length === 0;
  if (type === 'bool') return value === false;
  if (type === 'double' || type === 'float') return Object.is(value, 0);
  return value === 0 || (value === '0' && type.endsWith('64'));
}

/** Checks the value and writes it without a tag; text and bytes with their length. */
export function writeScalar(writer: Writer, type: ScalarType, value: unknown): void {
  switch (type) {
    case 'string':
      return writeString(writer, value);
    case 'bytes':
      return writeBytes(writer, value);
    case 'bool':
      if (typeof value !== 'boolean') throw mismatch(type, value);
      return writer.varint(value ? 1 : 0);
    case 'double':
      return writer.double(numberOf(type, value));
    case 'float':
      return writer.float(numberOf(type, value));
    case 'uint32':
      return writer.varint(integer(type, value, 0, 0xffff_ffff));
    case 'fixed32':
      return writer.fixed32(integer(type, value, 0, 0xffff_ffff));
    case 'sfixed32':
      return writer.fixed32(integer(type, value, -0x8000_0000, 0x7fff_ffff));
    case 'int32':
      return writeSigned(writer, integer(type, value, -0x8000_0000, 0x7fff_ffff));
    case 'sint32': {
      const checked = integer(type, value, -0x8000_0000, 0x7fff_ffff);
      return writer.varint(((checked << 1) ^ (checked >> 31)) >>> 0);
    }
    case 'int64':
    case 'uint64':
      if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return writer.varint(value);
      return writer.varint64(integer64(type, value));
    case 'sint64': {
      const checked = integer64(type, value);
      return writer.varint64((checked << 1n) ^ (checked >> 63n));
    }
    case 'fixed64':
    case 'sfixed64':
      return writer.fixed64(integer64(type, value));
  }
}

/** An int32 or an enum's number: negative ones take ten bytes. */
export function writeSigned(writer: Writer, value: number): void {
  if (value < 0) writer.varint64(BigInt(value));
  else writer.varint(value);
}

function writeString(writer: Writer, value: unknown): void {
  if (typeof value !== 'string') throw mismatch('string', value);
  const before = writer.length;
  writer.string(value);
  const written = writer.length - before;
  if (written !== value.length && !value.isWellFormed()) throw new InvalidMessage('text with half a surrogate pair');
  writer.varint(written);
}

function writeBytes(writer: Writer, value: unknown): void {
  if (!(value instanceof Uint8Array)) throw mismatch('bytes', value);
  writer.bytes(value);
  writer.varint(value.length);
}

function numberOf(type: ScalarType, value: unknown): number {
  if (typeof value !== 'number') throw mismatch(type, value);
  return value;
}

function integer(type: ScalarType, value: unknown, low: number, high: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < low || value > high) throw mismatch(type, value);
  return value;
}

function integer64(type: ScalarType, value: unknown): bigint {
  const isSafe = typeof value === 'number' && Number.isSafeInteger(value);
  if (!isSafe && !(typeof value === 'string' && /^-?\d{1,20}$/.test(value))) throw mismatch(type, value);
  const wide = BigInt(value);
  const isUnsigned = type === 'uint64' || type === 'fixed64';
  const fits = isUnsigned ? BigInt.asUintN(64, wide) === wide : BigInt.asIntN(64, wide) === wide;
  if (!fits) throw mismatch(type, value);
  return wide;
}

function mismatch(type: ScalarType, value: unknown): InvalidMessage {
  return new InvalidMessage(`expected ${type}, got ${describe(value)}`);
}

/** The value as an error message shows it; long ones are cut. */
export function describe(value: unknown): string {
  if (value === undefined || typeof value === 'function') return typeof value;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  const text = typeof value === 'bigint' ? `${value}n` : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

type Scalar = string | number | boolean | Uint8Array;

const readers: Readonly<Record<ScalarType, (reader: Reader) => Scalar>> = {
  string: (reader) => reader.string(),
  bytes: (reader) => reader.bytes(),
  bool: (reader) => reader.varint64() !== 0n,
  double: (reader) => reader.double(),
  float: (reader) => reader.float(),
  uint32: (reader) => reader.varint32(),
  int32: (reader) => reader.varint32() | 0,
  sint32: (reader) => unzigzag(reader.varint32()),
  fixed32: (reader) => reader.fixed32(),
  sfixed32: (reader) => reader.fixed32() | 0,
  uint64: (reader) => narrow(reader.varint64()),
  int64: (reader) => narrow(BigInt.asIntN(64, reader.varint64())),
  sint64: (reader) => narrow(unzigzag64(reader.varint64())),
  fixed64: (reader) => narrow(reader.fixed64()),
  sfixed64: (reader) => narrow(BigInt.asIntN(64, reader.fixed64())),
};

/** 64-bit numbers that do not fit a JavaScript number come as text. */
export function readScalar(reader: Reader, type: ScalarType): Scalar {
  return readers[type](reader);
}

function unzigzag(value: number): number {
  return (value >>> 1) ^ -(value & 1);
}

function unzigzag64(value: bigint): bigint {
  return (value >> 1n) ^ -(value & 1n);
}

function narrow(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

/** The type's zero: what a scalar is when the wire does not mention it. */
export function defaultOf(type: ScalarType): Scalar {
  if (type === 'string') return '';
  if (type === 'bytes') return new Uint8Array();
  return type === 'bool' ? false : 0;
}
