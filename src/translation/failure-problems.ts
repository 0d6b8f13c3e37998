/** What this program itself fails at, as Problems of the objects that it was to be computed from. */
import type { Kind } from '../cluster/kubernetes-object.ts';
import type { Failure } from '../cluster/table.ts';
import type { Problem } from '../model/problem.ts';
import { InvalidMessage } from '../proto/invalid-message.ts';
import { annotationsOf, bugFix, refusalProblem } from './refusal-problems.ts';
import type { Objects } from './refusal-problems.ts';

/** The kind to blame, if several had a part: users ask for things by Ingresses. */
const blamed = [
  'Ingress',
  'Service',
  'EndpointSlice',
  'Secret',
  'IngressClass',
  'ConfigMap',
] as const satisfies readonly Kind[];

/** What makes up these is of another kind. */
const firstBlamed: ReadonlyMap<string, readonly Kind[]> = new Map<string, readonly Kind[]>([
  ['ClusterLoadAssignment', ['EndpointSlice', 'Service']],
  ['TLS Secret', ['Secret']],
  ['Listener http', ['ConfigMap']],
  ['Listener https', ['ConfigMap']],
  ['RouteConfiguration', ['ConfigMap']],
]);

const lastGoodStays = 'What was sent before stays';

/** A catch-all host may be made of thousands of Ingresses. */
const maxObjects = 10;

export function failureProblems({ table, key, error, inputs }: Failure, objects: Objects): readonly Problem[] {
  const keysOf = (kind: Kind): readonly string[] =>
    inputs.filter((input) => input.table === objects[kind]).map((input) => input.key);
  const kinds = [...(firstBlamed.get(table.name) ?? []), ...blamed];
  const kind = kinds.find((each) => keysOf(each).length > 0);
  if (kind === undefined) return [];
  if (error instanceof InvalidMessage) {
    return keysOf(kind)
      .toSorted()
      .slice(0, maxObjects)
      .map((each) => {
        const origin = { object: { kind, ...parseObjectKey(each) }, field: '' };
        return refusalProblem(error, origin, annotationsOf(origin.object, objects), lastGoodStays);
      });
  }
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
      fix: bugFix,
    }));
}

/** Cluster-scoped objects have keys without a slash. */
function parseObjectKey(key: string): { readonly namespace: string; readonly name: string } {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, Math.max(0, slash)), name: key.slice(slash + 1) };
}
