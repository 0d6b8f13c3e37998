/**
 * The validation rules that stand in the options of the declarations (protoc-gen-validate), as the bundle carries them:
 * those of a field by its kind, such as `{ string: { min_len: 1 } }`. protobufjs keeps options twice; only the parsed form
 * has lists in full.
 */
import protobuf from 'protobufjs';

/** Rules that Envoy has given up since the declarations were published. */
const lifted = new Set([
  // An empty one stands for every value.
  '.envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.Entry.value',
  // A route may have nothing but data for the script of the listener.
  '.envoy.extensions.filters.http.lua.v3.LuaPerRoute.override',
]);

/**
 * Puts the rules into the JSON form of a declaration, and takes out the options that they were read from.
 *
 * @param {protobuf.ReflectionObject} declaration
 * @param {object} json what `toJSON` has made of it
 */
export function addRules(declaration, json) {
  if (!(declaration instanceof protobuf.Type)) return;
  for (const field of declaration.fieldsArray) {
    const written = json.fields[field.name];
    const rules = rulesOf(field);
    if (rules !== undefined) written.rules = rules;
    if (written.options !== undefined) written.options = withoutRules(written.options);
  }
  for (const oneof of declaration.oneofsArray) {
    const written = json.oneofs[oneof.name];
    const isRequired = written?.options?.['(validate.required)'] === true && !lifted.has(oneof.fullName);
    if (isRequired) written.isRequired = true;
    if (written?.options !== undefined) written.options = withoutRules(written.options);
  }
  for (const nested of declaration.nestedArray) addRules(nested, json.nested[nested.name]);
}

/**
 * @param {protobuf.Field} field
 * @returns {object | undefined}
 */
function rulesOf(field) {
  if (lifted.has(field.fullName)) return undefined;
  const all = (field.parsedOptions ?? []).flatMap((each) => each['(validate.rules)'] ?? []);
  return all.length === 0 ? undefined : Object.assign({}, ...all);
}

/** @param {Readonly<Record<string, unknown>>} options */
function withoutRules(options) {
  const kept = Object.entries(options).filter(([name]) => !name.startsWith('(validate.'));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}
