/**
 * Encodes plain objects as protobuf, strictly and canonically: what the declarations do not know is an error instead of
 * silently lost, and equal content gives equal bytes whatever the order of the object's keys.
 */
import { InvalidMessage } from './invalid-message.ts';
import { secondsIn, type ValueCheck } from './field-rules.ts';
import { messagePlan, type FieldPlan, type MessagePlan, type ValueType } from './plan.ts';
import { describe, isDefault, writeScalar, writeSigned } from './scalar.ts';
import { wellKnownWriters } from './well-known.ts';
import { typeUrlPrefix } from './type-url.ts';
import { Writer } from './writer.ts';

/** Scratch space: encoding is synchronous and never starts within itself. */
const scratch = new Writer();

/** The set fields of the messages being written and their values, innermost message on top. Arrays per message cost more. */
const fieldStack: FieldPlan[] = [];
const valueStack: unknown[] = [];

/** What is asked of a message beyond the rules of its fields: throws an `InvalidMessage`. */
export type MessageRule = (message: Readonly<Record<string, unknown>>) => void;

export interface MessageRules {
  /** By full message name. */
  readonly messages: ReadonlyMap<string, MessageRule>;
  /** By full field name; of fields that the declarations have rules for as well. */
  readonly fields: ReadonlyMap<string, ValueCheck>;
}

/** What is being encoded has to keep to these, and to the rules of the declarations; to none without them. */
let rules: MessageRules | undefined;

/**
 * @param kept when given, the message and all in it also have to keep to the rules of the declarations, and to these
 * @throws InvalidMessage naming the full path of the value that does not fit
 */
export function encodeMessage(name: string, value: unknown, kept?: MessageRules): Uint8Array {
  const plan = messagePlan(name);
  if (plan === undefined) throw new InvalidMessage('no such message').within(name);
  rules = kept;
  scratch.reset();
  fieldStack.length = 0;
  valueStack.length = 0;
  try {
    writeMessage(scratch, plan, value);
  } catch (error) {
    throw error instanceof InvalidMessage ? error.within(name) : error;
  }
  return scratch.finish();
}

/** Writes the content of a message, without tag and length. */
function writeMessage(writer: Writer, plan: MessagePlan, value: unknown): void {
  if (plan.isWellKnown) return writeWellKnown(writer, plan, value);
  if (!isRecord(value)) throw new InvalidMessage(`expected ${plan.name}, got ${describe(value)}`);
  const base = fieldStack.length;
  pushPresentFields(plan, value, base);
  if (rules !== undefined) {
    if (plan.required.length > 0) checkRequired(plan, base);
    rules.messages.get(plan.name)?.(value);
  }
  for (let top = fieldStack.length - 1; top >= base; top--) {
    const field = fieldStack.pop();
    const fieldValue = valueStack.pop();
    if (field === undefined) continue;
    try {
      writeField(writer, field, fieldValue);
    } catch (error) {
      throw error instanceof InvalidMessage ? error.within(`.${field.name}`) : error;
    }
  }
}

function checkRequired(plan: MessagePlan, base: number): void {
  for (const { fields, fault } of plan.required) {
    let isSet = false;
    for (let at = base; at < fieldStack.length && !isSet; at++) {
      const field = fieldStack[at];
      isSet = field !== undefined && fields.includes(field);
    }
    if (isSet) continue;
    const [only, ...others] = fields;
    const step = others.length > 0 ? only?.oneof : only?.name;
    throw new InvalidMessage(fault).within(`.${step ?? ''}`);
  }
}

/** Neither negative nor longer than what Envoy can count with. */
const longestSeconds = 2_147_483_647;

function checkDuration(value: unknown): void {
  const seconds = secondsIn(value);
  if (seconds < 0 || seconds > longestSeconds) {
    throw new InvalidMessage(`${describe(value)} is not a duration from 0 to ${longestSeconds} s`);
  }
}

function writeWellKnown(writer: Writer, plan: MessagePlan, value: unknown): void {
  if (rules !== undefined && plan.name === 'google.protobuf.Duration') checkDuration(value);
  const write = wellKnownWriters.get(plan.name) ?? writeAny;
  write(writer, value);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Pushes the fields that the object sets, the highest number on top because the writer works backwards. */
function pushPresentFields(plan: MessagePlan, value: Readonly<Record<string, unknown>>, base: number): void {
  for (const key of Object.keys(value)) {
    const fieldValue = value[key];
    if (fieldValue === undefined) continue;
    const field = plan.byName.get(key);
    if (field === undefined) throw unknownField(plan, key);
    if (field.oneof !== undefined) checkOneof(field, base);
    let at = fieldStack.length;
    for (; at > base; at--) {
      const before = fieldStack[at - 1];
      if (before === undefined || before.id < field.id) break;
      fieldStack[at] = before;
      valueStack[at] = valueStack[at - 1];
    }
    fieldStack[at] = field;
    valueStack[at] = fieldValue;
  }
}

function checkOneof(field: FieldPlan, base: number): void {
  for (let at = base; at < fieldStack.length; at++) {
    const other = fieldStack[at];
    if (other?.oneof !== field.oneof) continue;
    const reason = `set together with ${other?.name}, but ${field.oneof} takes only one`;
    throw new InvalidMessage(reason).within(`.${field.name}`);
  }
}

function unknownField(plan: MessagePlan, key: string): InvalidMessage {
  const snake = key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const hint = plan.byName.has(snake) ? `; protobuf calls it ${snake}` : '';
  return new InvalidMessage(`no such field in ${plan.name}${hint}`).within(`.${key}`);
}

function writeField(writer: Writer, field: FieldPlan, value: unknown): void {
  if (rules !== undefined && field.check !== undefined) {
    const fault = field.check(value) ?? rules.fields.get(field.fullName)?.(value);
    if (fault !== undefined) {
      throw new InvalidMessage(`${describe(value)} ${fault}`, typeof value === 'string' ? value : undefined);
    }
  }
  switch (field.cardinality) {
    case 'one':
      if (!field.hasPresence && isZero(field.type, value)) return;
      writeValue(writer, field.type, value);
      return writer.tag(field.id, field.type.wireType);
    case 'list':
      return writeList(writer, field, value);
    case 'map':
      return writeMap(writer, field, value);
  }
}

function isZero(type: ValueType, value: unknown): boolean {
  if (type.kind === 'scalar') return isDefault(type.scalar, value);
  return type.kind === 'enum' && typeof value === 'string' && type.enum.numbers.get(value) === 0;
}

function writeValue(writer: Writer, type: ValueType, value: unknown): void {
  switch (type.kind) {
    case 'scalar':
      return writeScalar(writer, type.scalar, value);
    case 'enum': {
      const number = typeof value === 'string' ? type.enum.numbers.get(value) : undefined;
      if (number === undefined) throw new InvalidMessage(`${describe(value)} is no value of ${type.enum.name}`);
      return writeSigned(writer, number);
    }
    case 'message': {
      const before = writer.length;
      writeMessage(writer, type.message, value);
      return writer.varint(writer.length - before);
    }
  }
}

function writeList(writer: Writer, field: FieldPlan, value: unknown): void {
  if (!Array.isArray(value)) throw new InvalidMessage(`expected a list, got ${describe(value)}`);
  const before = writer.length;
  for (let index = value.length - 1; index >= 0; index--) {
    try {
      writeValue(writer, field.type, value[index]);
    } catch (error) {
      throw error instanceof InvalidMessage ? error.within(`[${index}]`) : error;
    }
    if (!field.isPacked) writer.tag(field.id, field.type.wireType);
  }
  if (!field.isPacked || value.length === 0) return;
  writer.varint(writer.length - before);
  writer.tag(field.id, 2);
}

/** Entries sorted by key; protobuf itself leaves their order open. */
function writeMap(writer: Writer, field: FieldPlan, value: unknown): void {
  if (!isRecord(value)) throw new InvalidMessage(`expected a map, got ${describe(value)}`);
  for (const key of Object.keys(value).toSorted().toReversed()) {
    const before = writer.length;
    try {
      writeValue(writer, field.type, value[key]);
      writer.tag(2, field.type.wireType);
      writeScalar(writer, field.keyType, mapKey(field, key));
      writer.tag(1, field.keyType === 'string' ? 2 : 0);
    } catch (error) {
      throw error instanceof InvalidMessage ? error.within(`[${JSON.stringify(key)}]`) : error;
    }
    writer.varint(writer.length - before);
    writer.tag(field.id, 2);
  }
}

/** Object keys are always text; the declared key type decides what they mean. */
function mapKey(field: FieldPlan, key: string): string | number | boolean {
  if (field.keyType === 'string') return key;
  if (field.keyType === 'bool') return key === 'true';
  return Number(key);
}

function writeAny(writer: Writer, value: unknown): void {
  const url = isRecord(value) ? value['@type'] : undefined;
  if (!isRecord(value) || typeof url !== 'string' || !url.startsWith(typeUrlPrefix)) {
    throw new InvalidMessage(`expected { '@type': '${typeUrlPrefix}...', value }, got ${describe(value)}`);
  }
  const extra = Object.keys(value).find((key) => key !== '@type' && key !== 'value' && key !== 'bytes');
  if (extra !== undefined) throw new InvalidMessage('the fields of the message belong under value').within(`.${extra}`);
  const before = writer.length;
  if (value['bytes'] instanceof Uint8Array) writer.bytes(value['bytes']);
  else writeUnpacked(writer, url.slice(typeUrlPrefix.length), value['value']);
  const length = writer.length - before;
  if (length > 0) {
    writer.varint(length);
    writer.tag(2, 2);
  }
  writeScalar(writer, 'string', url);
  writer.tag(1, 2);
}

function writeUnpacked(writer: Writer, name: string, value: unknown): void {
  const plan = messagePlan(name);
  if (plan === undefined) throw new InvalidMessage(`no such message: ${name}`);
  try {
    writeMessage(writer, plan, value);
  } catch (error) {
    throw error instanceof InvalidMessage ? error.within(`(${name})`) : error;
  }
}
