/**
 * Decodes protobuf into the plain objects that encoding takes, nested Any unpacked, or into JSON for people to read. Keys
 * come in the order of field numbers and map keys sorted, so equal content prints equally. Unknown fields are skipped.
 */
import { messagePlan, type FieldPlan, type MessagePlan, type ValueType } from './plan.ts';
import { Reader } from './reader.ts';
import { defaultOf, readScalar } from './scalar.ts';
import type { AnyMessage } from './shape.ts';
import { typeUrlPrefix } from './type-url.ts';
import { wellKnownReaders } from './well-known.ts';

/** `object`: bytes stay bytes, an Any is `{ '@type', value }`. `json`: bytes are base64, an Any is `{ '@type', ...fields }`. */
type Form = 'object' | 'json';

/** @throws Error if there is no such message or the bytes are malformed */
export function decodeMessage(name: string, bytes: Uint8Array, form: Form): unknown {
  const plan = messagePlan(name);
  if (plan === undefined) throw new Error(`${name}: no such message`);
  return readMessage(plan, new Reader(bytes), form);
}

/** Reads to the end of the content that the reader is in. */
function readMessage(plan: MessagePlan, reader: Reader, form: Form): unknown {
  if (plan.isWellKnown) return readWellKnown(plan, reader, form);
  const message: Record<string, unknown> = {};
  let highest = 0;
  let isOrdered = true;
  while (!reader.isAtEnd) {
    const tag = reader.varint32();
    const field = plan.byId.get(tag >>> 3);
    const wireType = tag & 7;
    if (field === undefined || !isExpected(field, wireType)) {
      reader.skip(wireType);
      continue;
    }
    if (field.id < highest) isOrdered = false;
    highest = field.id;
    if (field.oneof !== undefined) forgetOthers(plan, field, message);
    message[field.name] = readField(reader, field, wireType, message[field.name], form);
  }
  sortMaps(plan, message);
  return isOrdered ? message : inFieldOrder(plan, message);
}

function readWellKnown(plan: MessagePlan, reader: Reader, form: Form): unknown {
  const read = wellKnownReaders.get(plan.name);
  return read === undefined ? readAny(reader, form) : inForm(read(reader), form);
}

/** A number list may come packed or not, whatever its declaration says. */
function isExpected(field: FieldPlan, wireType: number): boolean {
  if (field.cardinality === 'map') return wireType === 2;
  return wireType === field.type.wireType || (field.cardinality === 'list' && wireType === 2);
}

/** The last member of a oneof on the wire wins. */
function forgetOthers(plan: MessagePlan, field: FieldPlan, message: Record<string, unknown>): void {
  for (const name of Object.keys(message)) {
    if (name !== field.name && plan.byName.get(name)?.oneof === field.oneof) delete message[name];
  }
}

function inFieldOrder(plan: MessagePlan, message: Readonly<Record<string, unknown>>): unknown {
  const idOf = (name: string): number => plan.byName.get(name)?.id ?? 0;
  return Object.fromEntries(Object.entries(message).toSorted(([a], [b]) => idOf(a) - idOf(b)));
}

/** Our own encoder wrote the keys sorted, so most often there is nothing to do. */
function sortMaps(plan: MessagePlan, message: Record<string, unknown>): void {
  if (!plan.hasMaps) return;
  for (const [name, value] of Object.entries(message)) {
    if (plan.byName.get(name)?.cardinality !== 'map' || typeof value !== 'object' || value === null) continue;
    message[name] = Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/** The value of a field after one more occurrence on the wire: lists and maps grow, anything else is replaced. */
function readField(reader: Reader, field: FieldPlan, wireType: number, known: unknown, form: Form): unknown {
  if (field.cardinality === 'one') return readValue(reader, field.type, form);
  if (field.cardinality === 'map') {
    // Without a prototype, so that the key __proto__ is a key like any other.
    const map: object = typeof known === 'object' && known !== null ? known : Object.create(null);
    return Object.assign(map, readEntry(reader, field, form));
  }
  const list: unknown[] = Array.isArray(known) ? known : [];
  if (wireType === field.type.wireType) list.push(readValue(reader, field.type, form));
  else readPacked(reader, field.type, list, form);
  return list;
}

function readPacked(reader: Reader, type: ValueType, list: unknown[], form: Form): void {
  const outer = reader.enter();
  while (!reader.isAtEnd) list.push(readValue(reader, type, form));
  reader.leave(outer);
}

function readValue(reader: Reader, type: ValueType, form: Form): unknown {
  if (type.kind === 'scalar') return inForm(readScalar(reader, type.scalar), form);
  if (type.kind === 'enum') {
    const number = reader.varint32() | 0;
    return type.enum.names.get(number) ?? number;
  }
  const outer = reader.enter();
  const value = readMessage(type.message, reader, form);
  reader.leave(outer);
  return value;
}

function readEntry(reader: Reader, field: FieldPlan, form: Form): Readonly<Record<string, unknown>> {
  const outer = reader.enter();
  let key = String(defaultOf(field.keyType));
  let value: unknown;
  while (!reader.isAtEnd) {
    const tag = reader.varint32();
    if (tag >>> 3 === 1) key = String(readScalar(reader, field.keyType));
    else if (tag >>> 3 === 2) value = readValue(reader, field.type, form);
    else reader.skip(tag & 7);
  }
  reader.leave(outer);
  return { [key]: value ?? zeroOf(field.type, form) };
}

/** What a map entry without a value means. */
function zeroOf(type: ValueType, form: Form): unknown {
  if (type.kind === 'scalar') return inForm(defaultOf(type.scalar), form);
  return type.kind === 'enum' ? type.enum.names.get(0) : readMessage(type.message, new Reader(new Uint8Array()), form);
}

function inForm(value: unknown, form: Form): unknown {
  return form === 'json' && value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
}

function readAny(reader: Reader, form: Form): AnyMessage | Readonly<Record<string, unknown>> {
  let url = '';
  let bytes: Uint8Array = new Uint8Array();
  while (!reader.isAtEnd) {
    const tag = reader.varint32();
    if (tag === ((1 << 3) | 2)) url = reader.string();
    else if (tag === ((2 << 3) | 2)) bytes = reader.bytes();
    else reader.skip(tag & 7);
  }
  const plan = url.startsWith(typeUrlPrefix) ? messagePlan(url.slice(typeUrlPrefix.length)) : undefined;
  if (plan === undefined) return { '@type': url, bytes: form === 'json' ? inForm(bytes, form) : bytes };
  const value = readMessage(plan, new Reader(bytes), form);
  // Protobuf's JSON puts the fields beside the type, but a value that is no object under `value`.
  return form === 'json' && !plan.isWellKnown ? Object.assign({ '@type': url }, value) : { '@type': url, value };
}
