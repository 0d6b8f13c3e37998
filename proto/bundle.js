/** Writes the reachable tree as a protobufjs JSON descriptor, with absolute type names so that nothing is searched at load. */
import protobuf from 'protobufjs';
import { addRules } from './rules.js';

/**
 * @param {readonly import('./tree.js').Declaration[]} declarations
 * @returns {protobuf.INamespace}
 */
export function bundleOf(declarations) {
  const root = { nested: {} };
  for (const { declaration } of declarations) {
    makeAbsolute(declaration);
    const names = declaration.fullName.slice(1).split('.');
    const name = names.pop();
    let namespace = root;
    for (const part of names) namespace = namespace.nested[part] ??= { nested: {} };
    const json = declaration.toJSON({ keepComments: false });
    addRules(declaration, json);
    namespace.nested[name] = json;
  }
  return root;
}

/** @param {protobuf.ReflectionObject} declaration */
function makeAbsolute(declaration) {
  if (declaration instanceof protobuf.Service) {
    for (const method of declaration.methodsArray) {
      method.requestType = method.resolvedRequestType.fullName;
      method.responseType = method.resolvedResponseType.fullName;
    }
  }
  if (declaration instanceof protobuf.Type) {
    for (const field of declaration.fieldsArray)
      if (field.resolvedType !== null) field.type = field.resolvedType.fullName;
    for (const nested of declaration.nestedArray) makeAbsolute(nested);
  }
}
