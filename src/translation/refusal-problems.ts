/** What the rules for resources refuse, as Problems of the objects that asked for it. */
import type { Kind } from '../cluster/kubernetes-object.ts';
import type { Table } from '../cluster/table.ts';
import type { Origin } from '../model/host.ts';
import { objectKey } from '../model/object-ref.ts';
import type { ObjectRef } from '../model/object-ref.ts';
import type { Problem } from '../model/problem.ts';
import { InvalidMessage } from '../proto/invalid-message.ts';
import type { Refusal } from './host-isolation.ts';

export type Objects = Readonly<
  Record<Kind, Table<{ readonly metadata: { readonly annotations: Readonly<Record<string, string>> } }>>
>;

export function refusalProblems(refusals: readonly Refusal[], objects: Objects): readonly Problem[] {
  return refusals.map(({ error, origin, cost }) =>
    refusalProblem(error, origin, annotationsOf(origin.object, objects), cost),
  );
}

export function annotationsOf(object: ObjectRef, objects: Objects): Readonly<Record<string, string>> {
  const table = Object.hasOwn(objects, object.kind)
    ? // oxlint-disable-next-line no-unsafe-type-assertion -- it is one of them
      objects[object.kind as Kind]
    : undefined;
  return table?.get(objectKey(object))?.metadata.annotations ?? {};
}

/**
 * @param annotations of the object, one of which is named if the refused text comes from it
 * @param cost what happens instead, as a sentence; left out where that is said elsewhere
 */
export function refusalProblem(
  error: unknown,
  { object, field }: Origin,
  annotations: Readonly<Record<string, string>>,
  cost?: string,
): Problem {
  const instead = cost === undefined ? '' : `. ${cost}`;
  if (!(error instanceof InvalidMessage)) {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `what is asked for cannot be computed: ${reason}${instead}`;
    return { object, field, severity: 'error', reason: 'InternalError', message, fix: bugFix };
  }
  const { path, reason, text } = error;
  const annotation = text === undefined ? undefined : annotationWith(text, annotations);
  return {
    object,
    field: annotation === undefined ? field : `metadata.annotations[${annotation}]`,
    severity: 'error',
    reason: 'ResourceRefused',
    message: `what is asked for would be a part of Envoy's configuration that is not sent: ${reason} (${path})${instead}`,
    fix:
      annotation === undefined ? 'write the value in another way' : `change the value of the annotation ${annotation}`,
  };
}

export const bugFix = 'report it as a bug with this object; until then, try to write the object in another way';

/** Of the annotations that share the most with the text, the first by name. */
function annotationWith(text: string, annotations: Readonly<Record<string, string>>): string | undefined {
  const names = Object.keys(annotations).toSorted();
  const shares = (value: string): boolean => value.length > 1 && (text.includes(value) || value.includes(text));
  return text === '' ? undefined : names.find((name) => shares(annotations[name] ?? ''));
}
