/** The generated bundle of protobuf declarations, loaded once, and look-ups in it by full name. */
import { readFileSync } from 'node:fs';
import type { WrittenRules } from './field-rules.ts';

/** A field as the bundle (a protobufjs JSON descriptor with absolute type names) writes it. */
export interface FieldDeclaration {
  readonly type: string;
  readonly id: number;
  readonly rule?: string;
  readonly keyType?: string;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly rules?: WrittenRules;
}

export interface MessageDeclaration {
  readonly fields: Readonly<Record<string, FieldDeclaration>>;
  readonly oneofs?: Readonly<Record<string, { readonly oneof: readonly string[]; readonly isRequired?: true }>>;
}

export interface EnumDeclaration {
  readonly values: Readonly<Record<string, number>>;
}

export interface MethodDeclaration {
  readonly requestType: string;
  readonly responseType: string;
  readonly requestStream?: boolean;
  readonly responseStream?: boolean;
}

export interface ServiceDeclaration {
  readonly methods: Readonly<Record<string, MethodDeclaration>>;
}

/** A package, message, enum or service; which one it is shows in what it holds. */
interface Declaration extends Partial<MessageDeclaration & EnumDeclaration & ServiceDeclaration> {
  readonly nested?: Readonly<Record<string, Declaration>>;
}

/** The file is written by proto/build.js, so its form is known. */
const root: Declaration = JSON.parse(readFileSync(new URL('generated/bundle.json', import.meta.url), 'utf8'));

function find(fullName: string): Declaration | undefined {
  let found: Declaration | undefined = root;
  for (const part of fullName.split('.')) {
    const nested: Readonly<Record<string, Declaration>> | undefined = found?.nested;
    found = nested !== undefined && Object.hasOwn(nested, part) ? nested[part] : undefined;
  }
  return found;
}

/** The declaration of a message or enum, `undefined` if the bundle has none of this name. */
export function findType(fullName: string): MessageDeclaration | EnumDeclaration | undefined {
  const found = find(fullName);
  if (found?.fields !== undefined) return { fields: found.fields, ...(found.oneofs && { oneofs: found.oneofs }) };
  return found?.values === undefined ? undefined : { values: found.values };
}

/** The methods of a service, `undefined` if the bundle has none of this name. */
export function findService(fullName: string): ServiceDeclaration | undefined {
  const methods = find(fullName)?.methods;
  return methods === undefined ? undefined : { methods };
}
