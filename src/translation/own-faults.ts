/** What of the value of an Ingress itself cannot be served, whatever else there is: by this, one that turns bad is told from one that waits for others. */
import { objectKey } from '../model/object-ref.ts';
import type { ObjectRef } from '../model/object-ref.ts';
import type { Problem, ProblemReason } from '../model/problem.ts';
import { typeUrl } from '../proto/type-url.ts';
import { annotationsOf, refusalProblem } from './refusal-problems.ts';
import type { Objects } from './refusal-problems.ts';
import type { ResourceTable } from './resource-tables.ts';
import type { RoutingTables } from './routing-tables.ts';

export interface FaultSources {
  readonly objects: Objects;
  readonly routing: RoutingTables;
  readonly resources: readonly ResourceTable[];
  /** For each value that cannot be computed, whom that is said of. */
  readonly failures: readonly (readonly Problem[])[];
}

/** Without what depends on other objects, and what has a meaning of its own: a bad annotation is left out, or closes what it protects. */
const reasons: ReadonlySet<ProblemReason> = new Set(['InvalidHost', 'InvalidPath', 'TooManyPaths']);

/** The only other resources that leave out what they would be refused for. */
const listeners = ['http', 'https'];

/** The problems as they would be without what they cost; none for an Ingress that is not ours. */
export function ownFaults(sources: FaultSources, key: string): readonly Problem[] {
  const { routing, failures } = sources;
  const verdict = routing.verdicts.get(key);
  const isThis = ({ kind, ...ref }: ObjectRef): boolean => kind === 'Ingress' && objectKey(ref) === key;
  const read = verdict?.problems.filter(({ reason }) => reasons.has(reason)) ?? [];
  const hosts =
    verdict?.reading === undefined ? [] : [...verdict.reading.hosts.keys(), ...verdict.reading.aliases.keys()];
  const refused = refusalsOf(sources, hosts, isThis);
  // Of several objects it is not known whose fault it is.
  const failed = failures
    .flatMap((problems) => (problems.length === 1 ? problems : []))
    .filter(({ object }) => isThis(object));
  return [...read, ...refused, ...failed];
}

/** What both virtual hosts of a host are refused for is one fault. */
function refusalsOf(
  { objects, resources }: FaultSources,
  hosts: readonly string[],
  isThis: (object: ObjectRef) => boolean,
): readonly Problem[] {
  const found = new Map<string, Problem>();
  for (const { typeUrl: type, table } of resources) {
    for (const each of type === typeUrl.virtualHost ? hosts : listeners) {
      for (const { error, origin } of table.get(each)?.refusals ?? []) {
        if (!isThis(origin.object)) continue;
        const problem = refusalProblem(error, origin, annotationsOf(origin.object, objects));
        found.set(`${problem.field} ${problem.message}`, problem);
      }
    }
  }
  return [...found.values()];
}
