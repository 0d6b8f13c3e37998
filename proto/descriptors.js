/**
 * Writes the reachable tree as a FileDescriptorSet for gRPC reflection: one file per original file, absolute type names
 * and exactly the dependencies the types need, because grpcurl resolves nothing that is relative or merely implied.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { topLevel, uses } from './tree.js';

const descriptorJson = fileURLToPath(import.meta.resolve('protobufjs/google/protobuf/descriptor.json'));

/** Numbers of google.protobuf.FieldDescriptorProto.Type. */
const typeNumbers = {
  double: 1,
  float: 2,
  int64: 3,
  uint64: 4,
  int32: 5,
  fixed64: 6,
  fixed32: 7,
  bool: 8,
  string: 9,
  message: 11,
  bytes: 12,
  uint32: 13,
  enum: 14,
  sfixed32: 15,
  sfixed64: 16,
  sint32: 17,
  sint64: 18,
};
const optional = 1;
const repeated = 3;

/**
 * @param {readonly import('./tree.js').Declaration[]} declarations
 * @returns {Uint8Array} an encoded google.protobuf.FileDescriptorSet, files sorted by name
 */
export function fileDescriptorSet(declarations) {
  const root = protobuf.Root.fromJSON(JSON.parse(readFileSync(descriptorJson, 'utf8')));
  const FileDescriptorSet = root.lookupType('google.protobuf.FileDescriptorSet');
  const fileNames = new Map(declarations.map(({ declaration, file }) => [declaration, file]));
  const names = [...new Set(fileNames.values())].toSorted();
  const file = names.map((name) =>
    fileDescriptor(
      name,
      declarations.filter((each) => each.file === name).map((each) => each.declaration),
      fileNames,
    ),
  );
  return FileDescriptorSet.encode(FileDescriptorSet.fromObject({ file })).finish();
}

/**
 * @param {string} name
 * @param {readonly (protobuf.Type | protobuf.Enum | protobuf.Service)[]} declarations
 * @param {ReadonlyMap<object, string>} fileNames
 */
function fileDescriptor(name, declarations, fileNames) {
  const dependencies = new Set(declarations.flatMap(uses).map((type) => fileNames.get(topLevel(type))));
  dependencies.delete(name);
  return {
    name,
    package: declarations[0].parent.fullName.slice(1),
    dependency: [...dependencies].toSorted(byCodeUnit),
    messageType: declarations.filter((each) => each instanceof protobuf.Type).map(messageDescriptor),
    enumType: declarations.filter((each) => each instanceof protobuf.Enum).map(enumDescriptor),
    service: declarations.filter((each) => each instanceof protobuf.Service).map(serviceDescriptor),
    syntax: 'proto3',
  };
}

/** @param {protobuf.Type} type */
function messageDescriptor(type) {
  // A proto3 optional field lives in a oneof of its own, and such oneofs must come after all written ones.
  const oneofs = [...type.oneofsArray].toSorted((a, b) => Number(isSynthetic(a)) - Number(isSynthetic(b)));
  return {
    name: type.name,
    field: inDescriptorOrder(type).map((field) => fieldDescriptor(field, oneofs)),
    nestedType: [
      ...type.nestedArray.filter((nested) => nested instanceof protobuf.Type).map(messageDescriptor),
      ...type.fieldsArray.filter((field) => field.map).map(mapEntry),
    ],
    enumType: type.nestedArray.filter((nested) => nested instanceof protobuf.Enum).map(enumDescriptor),
    oneofDecl: oneofs.map((oneof) => ({ name: oneof.name })),
  };
}

/**
 * Members of a oneof must follow each other, which a member from our additions does not.
 *
 * @param {protobuf.Type} type
 */
function inDescriptorOrder(type) {
  return [...new Set(type.fieldsArray.flatMap((field) => field.partOf?.fieldsArray ?? [field]))];
}

/** @param {protobuf.OneOf} oneof */
function isSynthetic(oneof) {
  return oneof.fieldsArray.length === 1 && oneof.fieldsArray[0].options?.proto3_optional === true;
}

/**
 * @param {protobuf.Field} field
 * @param {readonly protobuf.OneOf[]} oneofs
 */
function fieldDescriptor(field, oneofs) {
  const descriptor = {
    name: originalName(field),
    number: field.id,
    label: field.repeated || field.map ? repeated : optional,
    jsonName: jsonName(field.name),
    ...(field.map
      ? { type: typeNumbers.message, typeName: entryTypeName(field) }
      : typeOf(field.type, field.resolvedType)),
  };
  if (field.partOf === null) return descriptor;
  return {
    ...descriptor,
    oneofIndex: oneofs.indexOf(field.partOf),
    ...(isSynthetic(field.partOf) ? { proto3Optional: true } : {}),
  };
}

/**
 * protobufjs brings google.protobuf along in camelCase.
 *
 * @param {protobuf.Field} field
 */
function originalName(field) {
  if (!field.fullName.startsWith('.google.protobuf.')) return field.name;
  return field.name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/**
 * @param {string} name
 * @param {protobuf.Type | protobuf.Enum | null} resolved
 */
function typeOf(name, resolved) {
  if (resolved === null) return { type: typeNumbers[name] };
  return {
    type: resolved instanceof protobuf.Enum ? typeNumbers.enum : typeNumbers.message,
    typeName: resolved.fullName,
  };
}

/** @param {protobuf.MapField} field */
function mapEntry(field) {
  return {
    name: entryName(field),
    field: [
      entryPart('key', 1, { type: typeNumbers[field.keyType] }),
      entryPart('value', 2, typeOf(field.type, field.resolvedType)),
    ],
    options: { mapEntry: true },
  };
}

/**
 * @param {string} name
 * @param {number} number
 * @param {object} type
 */
function entryPart(name, number, type) {
  return { name, number, label: optional, jsonName: name, ...type };
}

/** @param {protobuf.Field} field */
function entryTypeName(field) {
  return `${field.parent.fullName}.${entryName(field)}`;
}

/** @param {protobuf.Field} field the compiler's rule: foo_bar becomes FooBarEntry */
function entryName(field) {
  const name = jsonName(field.name);
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}Entry`;
}

/** @param {string} name */
function jsonName(name) {
  return name.replaceAll(/_([a-zA-Z0-9])/g, (_match, letter) => letter.toUpperCase());
}

/** @param {protobuf.Enum} type */
function enumDescriptor(type) {
  const value = Object.entries(type.values).map(([name, number]) => ({ name, number }));
  const aliases = new Set(Object.values(type.values)).size < value.length;
  return { name: type.name, value, ...(aliases ? { options: { allowAlias: true } } : {}) };
}

/** @param {protobuf.Service} service */
function serviceDescriptor(service) {
  const method = service.methodsArray.map((each) => ({
    name: each.name,
    inputType: each.resolvedRequestType.fullName,
    outputType: each.resolvedResponseType.fullName,
    clientStreaming: each.requestStream === true,
    serverStreaming: each.responseStream === true,
  }));
  return { name: service.name, method };
}

/**
 * @param {string} a
 * @param {string} b
 */
function byCodeUnit(a, b) {
  return a < b ? -1 : 1;
}
