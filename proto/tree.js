/**
 * Loads the upstream .proto files that declare the roots and finds what the roots reach. The unit is the top-level
 * declaration: a message brings its nested messages and enums along.
 */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const here = dirname(fileURLToPath(import.meta.url));
const upstream = join(here, '../node_modules/@grpc/grpc-js-xds/deps');
const includes = ['envoy-api', 'xds', 'googleapis'].map((folder) => join(upstream, folder));

/** Files that only declare options: nothing that goes over the wire needs them, and protobufjs keeps options as text. */
const optionFiles =
  /^(validate|udpa\/annotations|xds\/annotations|envoy\/annotations)\/|^google\/(api\/\w+\.proto|protobuf\/descriptor\.proto)$/;

/**
 * Loads every file of every package that holds a root, which relies on Envoy's rule that package a.b.v3 is in a/b/v3.
 *
 * @param {readonly string[]} names full names of messages and services
 * @returns {protobuf.Root} resolved as far as upstream goes; packages that upstream lacks are simply not there
 */
export function loadRoots(names) {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => (optionFiles.test(target) ? null : (find(target) ?? null));
  const packages = new Set(names.map((name) => packageOf(name)));
  const files = Object.keys(protobuf.common).filter((name) => name.startsWith('google/protobuf/'));
  for (const name of [...packages].toSorted()) files.push(...filesOf(name));
  root.loadSync(files, { keepCase: true });
  return root;
}

/** @param {string} target */
function find(target) {
  if (target in protobuf.common) return target;
  if (target.startsWith(upstream)) return target;
  return includes.map((include) => join(include, target)).find((path) => existsSync(path));
}

/** @param {string} name */
function packageOf(name) {
  const parts = name.split('.');
  return parts
    .slice(
      0,
      parts.findIndex((part) => /^[A-Z]/.test(part)),
    )
    .join('.');
}

/** @param {string} name package name */
function filesOf(name) {
  for (const include of includes) {
    const folder = join(include, ...name.split('.'));
    if (!existsSync(folder)) continue;
    return readdirSync(folder)
      .filter((file) => file.endsWith('.proto'))
      .toSorted()
      .map((file) => join(folder, file));
  }
  return [];
}

/**
 * A top-level message, enum or service and the path of its file below the include folder.
 *
 * @typedef {{ readonly declaration: protobuf.Type | protobuf.Enum | protobuf.Service, readonly file: string }} Declaration
 */

/**
 * @param {protobuf.Root} root
 * @param {readonly string[]} names
 * @returns {readonly Declaration[]} everything the roots reach, sorted by full name
 */
export function reachable(root, names) {
  /** @type {Set<protobuf.Type | protobuf.Enum | protobuf.Service>} */
  const seen = new Set();
  const queue = names.map((name) => {
    const found = root.lookup(name);
    if (isDeclaration(found)) return found;
    throw new Error(`proto/roots.json: neither upstream nor proto/additions declares ${name}`);
  });
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const declaration = topLevel(next);
    if (seen.has(declaration)) continue;
    seen.add(declaration);
    queue.push(...uses(declaration));
  }
  return [...seen]
    .map((declaration) => ({ declaration, file: fileOf(declaration) }))
    .toSorted((a, b) => (a.declaration.fullName < b.declaration.fullName ? -1 : 1));
}

/** @param {protobuf.ReflectionObject | null} object */
function isDeclaration(object) {
  return object instanceof protobuf.Type || object instanceof protobuf.Enum || object instanceof protobuf.Service;
}

/**
 * @param {protobuf.ReflectionObject} object
 * @returns {protobuf.ReflectionObject} the declaration that directly sits in a package
 */
export function topLevel(object) {
  return object.parent instanceof protobuf.Type ? topLevel(object.parent) : object;
}

/**
 * @param {protobuf.Type | protobuf.Enum | protobuf.Service} declaration
 * @returns {readonly (protobuf.Type | protobuf.Enum)[]} every message and enum that it or something nested in it mentions
 */
export function uses(declaration) {
  if (declaration instanceof protobuf.Service) {
    return declaration.methodsArray.flatMap((method) => [
      method.resolve().resolvedRequestType,
      method.resolvedResponseType,
    ]);
  }
  if (declaration instanceof protobuf.Enum) return [];
  const own = declaration.fieldsArray.map((field) => field.resolve().resolvedType).filter((type) => type !== null);
  return [...own, ...declaration.nestedArray.filter(isDeclaration).flatMap(uses)];
}

/** @param {protobuf.ReflectionObject} declaration */
function fileOf(declaration) {
  if (declaration.filename !== null) {
    const include = includes.find((folder) => declaration.filename.startsWith(`${folder}/`));
    return include === undefined ? declaration.filename : declaration.filename.slice(include.length + 1);
  }
  const common = Object.keys(protobuf.common).find(
    (file) => protobuf.common[file].nested?.google?.nested?.protobuf?.nested?.[declaration.name] !== undefined,
  );
  if (common === undefined) throw new Error(`no file is known for ${declaration.fullName}`);
  return common;
}
