/**
 * Merges our own declarations into the upstream tree: a new message is added, a known one gets the additional fields. A
 * name or number that upstream already uses is an error, so an addition goes away when upstream catches up.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';

/**
 * @param {protobuf.Root} tree
 * @param {string} folder
 */
export function mergeAdditions(tree, folder) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.proto'));
  for (const file of files.toSorted()) {
    const parsed = protobuf.parse(readFileSync(join(folder, file), 'utf8'), new protobuf.Root(), { keepCase: true });
    if (parsed.package === undefined) throw new Error(`${file}: has no package`);
    mergeInto(tree.define(parsed.package), parsed.root.lookup(parsed.package), file);
  }
}

/**
 * @param {protobuf.NamespaceBase} target
 * @param {protobuf.NamespaceBase} source
 * @param {string} file
 */
function mergeInto(target, source, file) {
  for (const addition of source.nestedArray) {
    const known = target.get(addition.name);
    if (known === null) {
      source.remove(addition);
      addition.filename = file;
      target.add(addition);
    } else if (known instanceof protobuf.Type && addition instanceof protobuf.Type) {
      addFields(known, addition, file);
      mergeInto(known, addition, file);
    } else {
      throw new Error(`${file}: ${addition.fullName.slice(1)} exists already; only messages can be extended`);
    }
  }
}

/**
 * @param {protobuf.Type} known
 * @param {protobuf.Type} addition
 * @param {string} file
 */
function addFields(known, addition, file) {
  for (const field of addition.fieldsArray) {
    const where = `${file}: ${addition.fullName.slice(1)}.${field.name}`;
    if (known.get(field.name) !== null) throw new Error(`${where}: a field of this name exists already`);
    const holder = known.fieldsById[field.id];
    if (holder !== undefined) throw new Error(`${where}: number ${field.id} is taken by ${holder.name}`);
    if (isReserved(known, field.id)) throw new Error(`${where}: number ${field.id} is reserved`);
    known.add(copyOf(field));
  }
  for (const oneof of addition.oneofsArray) joinOneof(known, oneof);
}

/**
 * protobufjs's own check leaves out the last number of a range, which its parser includes.
 *
 * @param {protobuf.Type} type
 * @param {number} id
 */
function isReserved(type, id) {
  return (type.reserved ?? []).some((range) => typeof range !== 'string' && range[0] <= id && id <= range[1]);
}

/** @param {protobuf.Field} field */
function copyOf(field) {
  const Kind = field instanceof protobuf.MapField ? protobuf.MapField : protobuf.Field;
  return Kind.fromJSON(field.name, field.toJSON());
}

/**
 * @param {protobuf.Type} known
 * @param {protobuf.OneOf} oneof
 */
function joinOneof(known, oneof) {
  if (known.oneofs?.[oneof.name] === undefined) known.add(new protobuf.OneOf(oneof.name, [], oneof.options));
  const target = known.oneofs[oneof.name];
  for (const name of oneof.oneof) target.add(known.fields[name]);
}
