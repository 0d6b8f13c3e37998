/**
 * What the declarations say of the values of a field beyond their type (protoc-gen-validate, `validate/validate.proto`), as
 * functions: Envoy asks the same of every message that it is sent, and refuses it as a whole.
 */
import type { ScalarType } from './scalar.ts';

/** As the bundle carries them (proto/rules.js): rules by kind of value. */
export type WrittenRules = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** What is wrong with a value, as the end of a sentence that begins with it; undefined for a good one. */
export type ValueCheck = (value: unknown) => string | undefined;

export interface FieldRules {
  /** Of a field that is set: for a list or map as a whole. */
  readonly check: ValueCheck | undefined;
  /** What is wrong when it is not set, which for fields without presence means zero. */
  readonly absence: string | undefined;
}

export interface RuledField {
  readonly cardinality: 'one' | 'list' | 'map';
  readonly scalar: ScalarType | undefined;
  /** Whether an explicit zero differs from an absent field. */
  readonly hasPresence: boolean;
}

/** @throws Error for a kind of rule that is not known here, so that none is passed over */
export function compileRules(rules: WrittenRules, field: RuledField): FieldRules {
  const { repeated, map, message, any: packed, ...ofValue } = rules;
  const [[kind, values] = []] = Object.entries(ofValue);
  const isRequired = [message, packed, values].some((each) => each?.['required'] === true);
  if (field.cardinality === 'list') return listRules(repeated ?? {});
  if (field.cardinality === 'map') return mapRules(map ?? {});
  const check = kind === undefined || values === undefined ? undefined : valueCheck(kind, values);
  if (field.hasPresence) return { check, absence: isRequired ? 'has to be set' : undefined };
  return { check, absence: check?.(zeroOf(kind)) };
}

function zeroOf(kind: string | undefined): unknown {
  if (kind === 'string') return '';
  if (kind === 'bytes') return new Uint8Array();
  return kind === 'bool' ? false : 0;
}

function listRules(rules: Readonly<Record<string, unknown>>): FieldRules {
  const { min_items: least = 0, max_items: most = Infinity, unique, items, ignore_empty: _ignores, ...unknown } = rules;
  refuseUnknown('repeated', unknown);
  const each = itemCheck(items);
  const check: ValueCheck = (value) => {
    if (!Array.isArray(value)) return undefined;
    const list: readonly unknown[] = value;
    if (list.length < Number(least)) return `has ${list.length} entries; ${String(least)} is the least`;
    if (list.length > Number(most)) return `has ${list.length} entries; ${String(most)} is the most`;
    if (unique === true && new Set(list).size < list.length) return 'holds an entry twice';
    if (each === undefined) return undefined;
    for (const entry of list) {
      const fault = each(entry);
      if (fault !== undefined) return `holds ${shown(entry)}, which ${fault}`;
    }
    return undefined;
  };
  return { check, absence: check([]) };
}

function mapRules(rules: Readonly<Record<string, unknown>>): FieldRules {
  const { min_pairs: least = 0, keys, ...unknown } = rules;
  refuseUnknown('map', unknown);
  const each = itemCheck(keys);
  const check: ValueCheck = (value) => {
    const names = typeof value === 'object' && value !== null ? Object.keys(value) : [];
    if (names.length < Number(least)) return `has ${names.length} entries; ${String(least)} is the least`;
    return names.map((name) => each?.(name)).find((fault) => fault !== undefined);
  };
  return { check, absence: check({}) };
}

function itemCheck(written: unknown): ValueCheck | undefined {
  if (!isRecord(written)) return undefined;
  const [[kind, rules] = []] = Object.entries(written);
  return kind === undefined || !isRecord(rules) ? undefined : valueCheck(kind, rules);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function valueCheck(
  kind: string,
  { required: _required, ...rules }: Readonly<Record<string, unknown>>,
): ValueCheck | undefined {
  switch (kind) {
    case 'string':
      return textCheck(rules);
    case 'bytes':
      return bytesCheck(rules);
    case 'enum':
      return enumCheck(rules);
    case 'bool':
      refuseUnknown(kind, { ...rules, const: undefined });
      return (value) => (value === rules['const'] ? undefined : `has to be ${String(rules['const'])}`);
    case 'duration':
      return rangeCheck(rules, secondsIn, boundOf);
    default:
      return rangeCheck(rules, Number, Number);
  }
}

const wellKnown = {
  strict: {
    HTTP_HEADER_NAME: /^:?[0-9a-zA-Z!#$%&'*+\-.^_|~`]+$/,
    // oxlint-disable-next-line no-control-regex -- control characters are what this is about
    HTTP_HEADER_VALUE: /^[^\u0000-\u0008\u000a-\u001f\u007f]*$/,
  },
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  loose: /^[^\u0000\u000a\u000d]*$/,
} as const;

function textCheck({ ignore_empty: ignoresEmpty, ...rules }: Readonly<Record<string, unknown>>): ValueCheck {
  const { min_len: least = 0, max_len: most = Infinity, min_bytes: leastBytes = 0, ...others } = rules;
  const { max_bytes: mostBytes = Infinity, well_known_regex: known, strict, pattern, in: allowed, ...unknown } = others;
  refuseUnknown('string', unknown);
  const form = known === 'HTTP_HEADER_NAME' || known === 'HTTP_HEADER_VALUE' ? known : undefined;
  const expression = form && (strict === false ? wellKnown.loose : wellKnown.strict[form]);
  const own = typeof pattern === 'string' ? new RegExp(pattern, 'u') : undefined;
  const values = Array.isArray(allowed) ? allowed : allowed === undefined ? undefined : [allowed];
  return (value) => {
    if (typeof value !== 'string' || (value === '' && ignoresEmpty === true)) return undefined;
    const { length } = value;
    if (length < Number(least))
      return length === 0 ? 'must not be empty' : `is shorter than ${String(least)} characters`;
    if (length > Number(most)) return `is longer than ${String(most)} characters`;
    if (length > Number(mostBytes) / 3 || leastBytes !== 0) {
      const bytes = Buffer.byteLength(value);
      if (bytes > Number(mostBytes)) return `is longer than ${String(mostBytes)} bytes`;
      if (bytes < Number(leastBytes)) return `is shorter than ${String(leastBytes)} bytes`;
    }
    if (expression?.test(value) === false) return 'holds a character that no header can have';
    if (own?.test(value) === false) return `does not match ${String(pattern)}`;
    return values?.includes(value) === false ? `is none of ${values.join(', ')}` : undefined;
  };
}

function bytesCheck(rules: Readonly<Record<string, unknown>>): ValueCheck {
  const { min_len: least = 0, max_len: most = Infinity, ...unknown } = rules;
  refuseUnknown('bytes', unknown);
  return (value) => {
    if (!(value instanceof Uint8Array)) return undefined;
    return value.length < Number(least) || value.length > Number(most)
      ? `is not ${String(least)} to ${String(most)} bytes long`
      : undefined;
  };
}

/** Values are written by their names; 0 stands for the first. That a name exists is checked where it is written. */
function enumCheck(rules: Readonly<Record<string, unknown>>): ValueCheck | undefined {
  const { defined_only: _defined, not_in: excluded, ...unknown } = rules;
  refuseUnknown('enum', unknown);
  return excluded === 0 ? (value) => (value === 0 ? 'has to be set' : undefined) : undefined;
}

/** As in the library: where the upper bound is below the lower one, what lies between them is excluded. */
function rangeCheck(
  rules: Readonly<Record<string, unknown>>,
  numberOf: (value: unknown) => number,
  bound: (written: unknown) => number,
): ValueCheck {
  const { gt, gte, lt, lte, const: constant, ...unknown } = rules;
  refuseUnknown('number', unknown);
  const least = gt ?? gte;
  const most = lt ?? lte;
  const isAbove = (value: number): boolean =>
    least === undefined || (gt === undefined ? value >= bound(least) : value > bound(least));
  const isBelow = (value: number): boolean =>
    most === undefined || (lt === undefined ? value <= bound(most) : value < bound(most));
  const isOutside = least !== undefined && most !== undefined && bound(most) < bound(least);
  const range = [
    ...(least === undefined ? [] : [`${gt === undefined ? 'at least' : 'more than'} ${bound(least)}`]),
    ...(most === undefined ? [] : [`${lt === undefined ? 'at most' : 'less than'} ${bound(most)}`]),
  ].join(isOutside ? ' or ' : ' and ');
  return (value) => {
    const number = numberOf(value);
    if (Number.isNaN(number)) return undefined;
    if (constant !== undefined && number !== bound(constant)) return `has to be ${bound(constant)}`;
    const isIn = isOutside ? isAbove(number) || isBelow(number) : isAbove(number) && isBelow(number);
    return isIn ? undefined : `has to be ${range}`;
  };
}

function boundOf(written: unknown): number {
  return isRecord(written) ? secondsIn({ seconds: 0, nanos: 0, ...written }) : 0;
}

/** A duration in seconds; NaN for what is none. */
export function secondsIn(value: unknown): number {
  if (typeof value === 'string') return /^-?\d+(\.\d+)?s$/.test(value) ? Number(value.slice(0, -1)) : NaN;
  if (!isRecord(value)) return NaN;
  return Number(value['seconds'] ?? 0) + Number(value['nanos'] ?? 0) / 1e9;
}

function refuseUnknown(kind: string, rules: Readonly<Record<string, unknown>>): void {
  const left = Object.keys(rules).filter((name) => rules[name] !== undefined);
  if (left.length > 0) throw new Error(`the proto bundle has unknown rules: ${kind}.${left.join(', ')}`);
}

/** A value as it may stand in a sentence. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}
