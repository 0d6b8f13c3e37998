/** google.protobuf.Duration and Timestamp as text: '0.25s' and RFC 3339. On the wire both are seconds and nanoseconds. */
import { InvalidMessage } from './invalid-message.ts';
import type { Reader } from './reader.ts';
import { describe, isDefault, readScalar, scalarWireTypes, writeScalar, type ScalarType } from './scalar.ts';
import type { Writer } from './writer.ts';

/** Unchecked: writing checks that `seconds` and `nanos` are integers in range. */
interface Instant {
  readonly seconds: unknown;
  readonly nanos: unknown;
}

export function writeDuration(writer: Writer, value: unknown): void {
  writeInstant(writer, 'text such as 5s or 0.25s', value, parseDuration);
}

export function writeTimestamp(writer: Writer, value: unknown): void {
  writeInstant(writer, 'text such as 2030-01-31T12:00:00Z', value, parseTimestamp);
}

function writeInstant(
  writer: Writer,
  form: string,
  value: unknown,
  parse: (text: string) => Instant | undefined,
): void {
  const instant = typeof value === 'string' ? parse(value) : instantOf(value);
  if (instant === undefined) throw new InvalidMessage(`expected ${form} or { seconds, nanos }, got ${describe(value)}`);
  writePart(writer, 2, 'int32', instant.nanos);
  writePart(writer, 1, 'int64', instant.seconds);
}

function writePart(writer: Writer, id: number, type: ScalarType, value: unknown): void {
  if (isDefault(type, value)) return;
  writeScalar(writer, type, value);
  writer.tag(id, scalarWireTypes[type]);
}

function instantOf(value: unknown): Instant | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { seconds = 0, nanos = 0, ...rest }: { seconds?: unknown; nanos?: unknown } = value;
  return Object.keys(rest).length === 0 ? { seconds, nanos } : undefined;
}

function parseDuration(text: string): Instant | undefined {
  const [, sign, whole, fraction = ''] = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const factor = sign === '-' ? -1 : 1;
  return { seconds: zeroed(factor * Number(whole)), nanos: zeroed(factor * Number(fraction.padEnd(9, '0'))) };
}

/** Without minus zero. */
function zeroed(value: number): number {
  return value === 0 ? 0 : value;
}

function parseTimestamp(text: string): Instant | undefined {
  const [, upToSeconds, fraction = ''] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/.exec(text) ?? [];
  const milliseconds = Date.parse(`${upToSeconds}Z`);
  return Number.isNaN(milliseconds)
    ? undefined
    : { seconds: milliseconds / 1000, nanos: Number(fraction.padEnd(9, '0')) };
}

export function readDuration(reader: Reader): string {
  const { seconds, nanos } = readInstant(reader);
  const sign = seconds < 0 || nanos < 0 ? '-' : '';
  return `${sign}${Math.abs(seconds)}${fractionOf(Math.abs(nanos))}s`;
}

export function readTimestamp(reader: Reader): string {
  const { seconds, nanos } = readInstant(reader);
  return `${new Date(seconds * 1000).toISOString().slice(0, -'.000Z'.length)}${fractionOf(nanos)}Z`;
}

function fractionOf(nanos: number): string {
  return nanos === 0 ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`;
}

function readInstant(reader: Reader): { readonly seconds: number; readonly nanos: number } {
  let seconds = 0;
  let nanos = 0;
  while (!reader.isAtEnd) {
    const tag = reader.varint32();
    // Both types end at the year 10000 or so, far below where a number loses whole seconds.
    if (tag >>> 3 === 1) seconds = Number(readScalar(reader, 'int64'));
    else if (tag >>> 3 === 2) nanos = Number(readScalar(reader, 'int32'));
    else reader.skip(tag & 7);
  }
  return { seconds, nanos };
}
