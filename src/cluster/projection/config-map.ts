// Reads the data of a `v1` ConfigMap.

import type { ConfigMap } from '../kubernetes-object.ts';
import type { FieldReader } from './field-reader.ts';

export function readConfigMap(root: FieldReader): Pick<ConfigMap, 'data'> {
  // Without a prototype, so that a key called `__proto__` is a key like any other.
  const data: Record<string, string> = Object.create(null);
  for (const [key, value] of root.textEntries('data')) data[key] = value;
  return { data };
}
