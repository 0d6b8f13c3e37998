/** What this program itself fails at, as Problems of the objects that it was to be computed from. */
import type { Kind } from '../cluster/kubernetes-object.ts';
import type { Failure, Table } from '../cluster/table.ts';
import type { Problem } from '../model/problem.ts';

/** The kind to blame, if several had a part: users ask for things by Ingresses. */
const blamed = [
  'Ingress',
  'Service',
  'EndpointSlice',
  'Secret',
  'IngressClass',
  'ConfigMap',
] as const satisfies readonly Kind[];

/** A catch-all host may be made of thousands of Ingresses. */
const maxObjects = 10;

export function failureProblems(
  { table, key, error, inputs }: Failure,
  objects: Readonly<Record<Kind, Table<unknown>>>,
): readonly Problem[] {
  const keysOf = (kind: Kind): readonly string[] =>
    inputs.filter((input) => input.table === objects[kind]).map((input) => input.key);
  const kind = blamed.find((each) => keysOf(each).length > 0);
  if (kind === undefined) return [];
  const reason = error instanceof Error ? error.message : String(error);
  return keysOf(kind)
    .toSorted()
    .slice(0, maxObjects)
    .map((objectKey) => ({
      object: { kind, ...parseObjectKey(objectKey) },
      field: '',
      severity: 'error',
      reason: 'InternalError',
      message: `"${key}" of the table "${table.name}" cannot be computed: ${reason}`,
      fix: 'report it as a bug with this object; until then, try to write the object in another way',
    }));
}

/** Cluster-scoped objects have keys without a slash. */
function parseObjectKey(key: string): { readonly namespace: string; readonly name: string } {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, Math.max(0, slash)), name: key.slice(slash + 1) };
}
