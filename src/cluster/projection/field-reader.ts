// Reads fields of untrusted JSON: each read checks the type, and what is wrong becomes a Problem that names the field.
// Reads never fail; they return a stand-in, and the caller drops the object when there are problems.

import type { ObjectRef } from '../../model/object-ref.ts';
import type { Problem } from '../../model/problem.ts';

/** Enough to show what is wrong with an object; garbage could hold millions. */
const maxProblems = 20;
const maxShownLength = 80;

/** Collects what is wrong with one object. */
export class ProblemCollector {
  readonly problems: Problem[] = [];
  readonly #object: ObjectRef;
  readonly #confidential: boolean;

  /** The messages for a confidential object never show values. */
  constructor(object: ObjectRef, confidential: boolean) {
    this.#object = object;
    this.#confidential = confidential;
  }

  add(field: string, message: string, fix: string): void {
    if (this.problems.length >= maxProblems) return;
    this.problems.push({ object: this.#object, field, severity: 'error', reason: 'InvalidObject', message, fix });
  }

  show(value: unknown): string {
    const type = typeName(value);
    if (this.#confidential || (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')) {
      return type;
    }
    const text = typeof value === 'string' ? JSON.stringify(value) : `${value}`;
    return `${type} ${text.length > maxShownLength ? `${text.slice(0, maxShownLength)}…` : text}`;
  }
}

/** One JSON object inside an untrusted object. In Kubernetes a null field means the same as an absent one. */
export class FieldReader {
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #parent: FieldReader | undefined;
  readonly #key: string;
  readonly #collector: ProblemCollector;

  constructor(
    value: Readonly<Record<string, unknown>>,
    collector: ProblemCollector,
    parent?: FieldReader,
    key: string = '',
  ) {
    this.#value = value;
    this.#collector = collector;
    this.#parent = parent;
    this.#key = key;
  }

  has(key: string): boolean {
    return this.#get(key) !== undefined;
  }

  /** True for a list with items, and for anything that is not a list, which its reader will complain about. */
  isFilled(key: string): boolean {
    const value = this.#get(key);
    return Array.isArray(value) ? value.length > 0 : value !== undefined;
  }

  /** The names of all fields, whatever they hold. */
  keys(): readonly string[] {
    return Object.keys(this.#value);
  }

  isNumber(key: string): boolean {
    return typeof this.#get(key) === 'number';
  }

  /** The string, or '' when absent. */
  text(key: string): string {
    const value = this.#get(key);
    if (value === undefined) return '';
    if (typeof value !== 'string') this.#wrongType(key, 'a string', value);
    // Half a character can be written in JSON and YAML, but in no message to an Envoy.
    else if (!value.isWellFormed()) this.#wrongType(key, 'well-formed text', value);
    else return value;
    return '';
  }

  requiredText(key: string): string {
    const value = this.text(key);
    if (value === '' && (!this.has(key) || this.#value[key] === '')) this.missing(key);
    return value;
  }

  /** The boolean, or the fallback when absent. */
  flag(key: string, fallback: boolean): boolean {
    const value = this.#get(key);
    if (value === undefined || typeof value === 'boolean') return value ?? fallback;
    this.#wrongType(key, 'true or false', value);
    return fallback;
  }

  /** A port number, or 0 when absent. */
  port(key: string): number {
    const value = this.#get(key);
    if (value === undefined) return 0;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535) return value;
    this.problem(key, `It is ${this.show(value)}, but must be a whole number from 1 to 65535`, 'Write a port number');
    return 0;
  }

  requiredPort(key: string): number {
    if (!this.has(key)) this.missing(key);
    return this.port(key);
  }

  /** One of the values, or the fallback when absent. Without a fallback the field is required. */
  oneOf<T extends string>(key: string, values: readonly [T, ...T[]], fallback?: T): T {
    const value = this.#get(key);
    if (value === undefined || value === '') {
      if (fallback === undefined) this.missing(key, `Set it to ${listOf(values)}`);
      return fallback ?? values[0];
    }
    const found = values.find((candidate) => candidate === value);
    if (found === undefined)
      this.problem(key, `It is ${this.show(value)}, which is not known`, `Use ${listOf(values)}`);
    return found ?? values[0];
  }

  /** The object below the key; undefined when absent or not an object. */
  child(key: string): FieldReader | undefined {
    const value = this.#get(key);
    if (value === undefined) return undefined;
    if (isRecord(value)) return new FieldReader(value, this.#collector, this, key);
    this.#wrongType(key, 'an object', value);
    return undefined;
  }

  requiredChild(key: string): FieldReader | undefined {
    if (!this.has(key)) this.missing(key);
    return this.child(key);
  }

  /** The objects of a list; empty when absent. */
  children(key: string): readonly FieldReader[] {
    const readers: FieldReader[] = [];
    for (const [index, value] of this.#list(key).entries()) {
      const itemKey = `${key}[${index}]`;
      if (isRecord(value)) readers.push(new FieldReader(value, this.#collector, this, itemKey));
      else this.#wrongType(itemKey, 'an object', value);
    }
    return readers;
  }

  /** The strings of a list; empty when absent. */
  texts(key: string): readonly string[] {
    const list = this.#list(key);
    // Not built up item by item: a list that has grown keeps room for more, a hundred thousand times over.
    if (areTexts(list)) return [...list];
    for (const [index, value] of list.entries()) {
      if (typeof value !== 'string') this.#wrongType(`${key}[${index}]`, 'a string', value);
    }
    return list.filter((value) => typeof value === 'string');
  }

  /** The entries of a map from string to string, in the map's order. */
  textEntries(key: string): readonly (readonly [string, string])[] {
    const value = this.#get(key);
    if (value === undefined) return [];
    if (!isRecord(value)) {
      this.#wrongType(key, 'an object', value);
      return [];
    }
    const entries: (readonly [string, string])[] = [];
    for (const [name, text] of Object.entries(value)) {
      if (typeof text === 'string') entries.push([name, text]);
      else this.#wrongType(`${key}[${JSON.stringify(name)}]`, 'a string', text);
    }
    return entries;
  }

  missing(key: string, fix = 'Set the field'): void {
    this.problem(key, 'It is required, but is missing or empty', fix);
  }

  problem(key: string, message: string, fix: string): void {
    this.#collector.add(this.#path(key), message, fix);
  }

  show(value: unknown): string {
    return this.#collector.show(value);
  }

  #get(key: string): unknown {
    return this.#value[key] ?? undefined;
  }

  #list(key: string): readonly unknown[] {
    const value = this.#get(key);
    if (value === undefined) return [];
    if (Array.isArray(value)) return value;
    this.#wrongType(key, 'a list', value);
    return [];
  }

  #wrongType(key: string, expected: string, value: unknown): void {
    const quotable = expected === 'a string' && (typeof value === 'number' || typeof value === 'boolean');
    this.problem(
      key,
      `It is ${this.show(value)}, but must be ${expected}`,
      quotable ? 'Put the value in quotes' : `Write ${expected}`,
    );
  }

  #path(key: string): string {
    const here = this.#parent === undefined ? '' : this.#parent.#path(this.#key);
    if (here === '' || key === '') return here === '' ? key : here;
    return `${here}.${key}`;
  }
}

/** A JSON object, as opposed to a list, null or a scalar. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function typeName(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  return `the ${typeof value}`;
}

function listOf(values: readonly string[]): string {
  return values.length < 2 ? values.join('') : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}

function areTexts(values: readonly unknown[]): values is readonly string[] {
  return values.every((value) => typeof value === 'string');
}
