/** Random message literals of any type, made from the plans the encoder follows. */
import * as fc from 'fast-check';
import type { Arbitrary } from 'fast-check';
import { messagePlan, type FieldPlan, type MessagePlan, type ValueType } from '../../src/proto/plan.ts';
import type { ScalarType } from '../../src/proto/scalar.ts';

/** Types packed into random Any values. */
const packed = ['google.protobuf.StringValue', 'envoy.config.core.v3.Address', 'google.rpc.Status'];

/** Which fields may be set. */
export type FieldChoice = (field: FieldPlan) => boolean;

/** @param depth how many messages deep it goes at most */
export function arbitraryMessage(name: string, depth: number, choice: FieldChoice = () => true): Arbitrary<unknown> {
  const plan = messagePlan(name);
  if (plan === undefined) throw new Error(`no plan for ${name}`);
  return message(plan, depth, choice);
}

function message(plan: MessagePlan, depth: number, choice: FieldChoice): Arbitrary<unknown> {
  if (plan.isWellKnown) return wellKnown(plan.name, depth, choice);
  const fields = [...plan.byName.values()].filter(
    (field) => (depth > 0 || field.type.kind !== 'message') && choice(field),
  );
  if (fields.length === 0) return fc.constant({});
  return fc
    .subarray(fields, { maxLength: Math.min(6, fields.length) })
    .map(oneOfEach)
    .chain((chosen) =>
      fc.record(Object.fromEntries(chosen.map((field) => [field.name, fieldValue(field, depth, choice)]))),
    );
}

/** At most one member of each oneof. */
function oneOfEach(fields: readonly FieldPlan[]): readonly FieldPlan[] {
  return fields.filter(
    (field, index) => field.oneof === undefined || !fields.slice(0, index).some((other) => other.oneof === field.oneof),
  );
}

function fieldValue(field: FieldPlan, depth: number, choice: FieldChoice): Arbitrary<unknown> {
  const value = valueOf(field.type, depth - 1, choice);
  if (field.cardinality === 'list') return fc.array(value, { maxLength: 3 });
  if (field.cardinality === 'map') return fc.dictionary(mapKey(field), value, { maxKeys: 3 });
  return value;
}

/** As an object has it: text, whatever its type in the map. */
function mapKey({ keyType }: FieldPlan): Arbitrary<string> {
  if (keyType === 'string') return fc.stringMatching(/^[a-z./]{1,8}$/);
  return keyType === 'bool' ? fc.boolean().map(String) : fc.nat(0x7fff_ffff).map(String);
}

function valueOf(type: ValueType, depth: number, choice: FieldChoice): Arbitrary<unknown> {
  if (type.kind === 'message') return message(type.message, depth, choice);
  if (type.kind === 'enum') return fc.constantFrom(...type.enum.names.values());
  return scalar(type.scalar);
}

const wrapped: Readonly<Record<string, ScalarType>> = {
  'google.protobuf.DoubleValue': 'double',
  'google.protobuf.FloatValue': 'float',
  'google.protobuf.Int32Value': 'int32',
  'google.protobuf.UInt32Value': 'uint32',
  'google.protobuf.Int64Value': 'int64',
  'google.protobuf.UInt64Value': 'uint64',
  'google.protobuf.BoolValue': 'bool',
  'google.protobuf.StringValue': 'string',
  'google.protobuf.BytesValue': 'bytes',
};

function wellKnown(name: string, depth: number, choice: FieldChoice): Arbitrary<unknown> {
  const json = fc.jsonValue({ maxDepth: 2 });
  if (name === 'google.protobuf.Any') {
    return fc.constantFrom(...packed).chain((type) =>
      arbitraryMessage(type, Math.max(0, depth), choice).map((value) => ({
        '@type': `type.googleapis.com/${type}`,
        value,
      })),
    );
  }
  if (name === 'google.protobuf.Struct') return fc.dictionary(fc.stringMatching(/^[a-z]{0,5}$/), json, { maxKeys: 3 });
  if (name === 'google.protobuf.ListValue') return fc.array(json, { maxLength: 3 });
  if (name === 'google.protobuf.Value') return json;
  if (name === 'google.protobuf.Duration') {
    return fc
      .tuple(fc.integer(), fc.nat(999_999_999))
      .map(([seconds, nanos]) => `${seconds}.${String(nanos).padStart(9, '0')}s`);
  }
  if (name === 'google.protobuf.Timestamp')
    return fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }).map((date) => date.toISOString());
  const type = wrapped[name];
  if (type === undefined) throw new Error(`no arbitrary for ${name}`);
  return scalar(type);
}

function scalar(type: ScalarType): Arbitrary<unknown> {
  const arbitraries: Readonly<Record<ScalarType, Arbitrary<unknown>>> = {
    string: fc.string({ unit: 'binary', maxLength: 60 }),
    bytes: fc.uint8Array({ maxLength: 20 }),
    bool: fc.boolean(),
    double: fc.double({ noNaN: true }),
    float: fc.float({ noNaN: true }),
    int32: fc.integer(),
    sint32: fc.integer(),
    sfixed32: fc.integer(),
    uint32: fc.nat(0xffff_ffff),
    fixed32: fc.nat(0xffff_ffff),
    int64: fc.oneof(fc.maxSafeInteger(), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map(String)),
    sint64: fc.maxSafeInteger(),
    sfixed64: fc.maxSafeInteger(),
    uint64: fc.oneof(fc.maxSafeNat(), fc.bigInt(0n, 2n ** 64n - 1n).map(String)),
    fixed64: fc.maxSafeNat(),
  };
  return arbitraries[type];
}
