/**
 * What encoding and decoding need to know about a message, computed once per message from the bundle: its fields by name
 * and by number, each with its wire form and, for messages, a link to the next plan.
 */
import { compileRules, type ValueCheck } from './field-rules.ts';
import { findType, type EnumDeclaration, type FieldDeclaration, type MessageDeclaration } from './registry.ts';
import { scalarWireTypes, type ScalarType, type WireType } from './scalar.ts';

interface EnumPlan {
  readonly name: string;
  readonly numbers: ReadonlyMap<string, number>;
  readonly names: ReadonlyMap<number, string>;
}

/** What one value of a field is: elements of a list and values of a map have a type, too. */
export type ValueType =
  | { readonly kind: 'scalar'; readonly wireType: WireType; readonly scalar: ScalarType }
  | { readonly kind: 'enum'; readonly wireType: 0; readonly enum: EnumPlan }
  | { readonly kind: 'message'; readonly wireType: 2; readonly message: MessagePlan };

export interface FieldPlan {
  readonly name: string;
  /** With the name of the message before it. */
  readonly fullName: string;
  readonly id: number;
  readonly cardinality: 'one' | 'list' | 'map';
  readonly type: ValueType;
  /** Of maps only. */
  readonly keyType: ScalarType;
  /** Whether an explicit zero differs from an absent field. */
  readonly hasPresence: boolean;
  readonly isPacked: boolean;
  /** The oneof it belongs to; at most one member may be set. */
  readonly oneof: string | undefined;
  /** Whether its values are good, beyond their type. */
  readonly check: ValueCheck | undefined;
  /** What is wrong when it is not set. */
  readonly absence: string | undefined;
}

/** One of these fields has to be set. */
export interface Required {
  readonly fields: readonly FieldPlan[];
  /** What is wrong when none is. */
  readonly fault: string;
}

export interface MessagePlan {
  readonly name: string;
  /** Whether literals write it in a form of its own. */
  readonly isWellKnown: boolean;
  readonly hasMaps: boolean;
  readonly byName: ReadonlyMap<string, FieldPlan>;
  readonly byId: ReadonlyMap<number, FieldPlan>;
  readonly required: readonly Required[];
}

const wellKnown = /^google\.protobuf\.(Any|Duration|Timestamp|Struct|\w*Value)$/;

const messagePlans = new Map<string, MessagePlan>();

/** The plan of a message, `undefined` if the bundle has none of this name. */
export function messagePlan(name: string): MessagePlan | undefined {
  const known = messagePlans.get(name);
  if (known !== undefined) return known;
  const declaration = findType(name);
  return declaration !== undefined && 'fields' in declaration ? compile(name, declaration) : undefined;
}

function compile(name: string, declaration: MessageDeclaration): MessagePlan {
  const byName = new Map<string, FieldPlan>();
  const byId = new Map<number, FieldPlan>();
  const hasMaps = Object.values(declaration.fields).some((field) => field.keyType !== undefined);
  const required: Required[] = [];
  const plan: MessagePlan = { name, isWellKnown: wellKnown.test(name), hasMaps, byName, byId, required };
  // Before the fields are compiled: a message may contain itself.
  messagePlans.set(name, plan);
  const oneofs = new Map<string, string>();
  for (const [oneof, { oneof: members }] of Object.entries(declaration.oneofs ?? {})) {
    for (const member of members) oneofs.set(member, oneof);
  }
  for (const [fieldName, field] of Object.entries(declaration.fields)) {
    const compiled = compileField(name, fieldName, field, oneofs.get(fieldName));
    byName.set(fieldName, compiled);
    byId.set(field.id, compiled);
    const { absence } = compiled;
    if (absence !== undefined && compiled.oneof === undefined) required.push({ fields: [compiled], fault: absence });
  }
  for (const [oneof, { isRequired }] of Object.entries(declaration.oneofs ?? {})) {
    const fields = [...byName.values()].filter((field) => field.oneof === oneof);
    if (isRequired === true)
      required.push({ fields, fault: `has to be one of ${fields.map((each) => each.name).join(', ')}` });
  }
  return plan;
}

function compileField(message: string, name: string, field: FieldDeclaration, oneof: string | undefined): FieldPlan {
  const type = valueType(field.type);
  const isList = field.rule === 'repeated';
  const cardinality = field.keyType === undefined ? (isList ? 'list' : 'one') : 'map';
  const hasPresence = oneof !== undefined || type.kind === 'message';
  const scalar = type.kind === 'scalar' ? type.scalar : undefined;
  const rules = field.rules && compileRules(field.rules, { cardinality, scalar, hasPresence });
  return {
    name,
    fullName: `${message}.${name}`,
    id: field.id,
    cardinality,
    type,
    keyType: isScalar(field.keyType) ? field.keyType : 'string',
    hasPresence,
    isPacked: isList && type.wireType !== 2 && field.options?.['packed'] !== false,
    oneof,
    check: rules?.check,
    absence: rules?.absence,
  };
}

function valueType(type: string): ValueType {
  if (isScalar(type)) return { kind: 'scalar', wireType: scalarWireTypes[type], scalar: type };
  const name = type.slice(1);
  const message = messagePlan(name);
  if (message !== undefined) return { kind: 'message', wireType: 2, message };
  const declaration = findType(name);
  if (declaration === undefined || !('values' in declaration)) throw new Error(`the proto bundle lacks ${name}`);
  return { kind: 'enum', wireType: 0, enum: enumPlan(name, declaration) };
}

function isScalar(type: string | undefined): type is ScalarType {
  return type !== undefined && Object.hasOwn(scalarWireTypes, type);
}

function enumPlan(name: string, declaration: EnumDeclaration): EnumPlan {
  const numbers = new Map(Object.entries(declaration.values));
  const names = new Map<number, string>();
  for (const [valueName, number] of numbers) if (!names.has(number)) names.set(number, valueName);
  return { name, numbers, names };
}
