/** Which of the objects that a resource is made of are looked into, in which order, and what may stand for each meanwhile. */
import { fingerprintOf } from '../cluster/held-object.ts';
import type { HeldForm } from '../cluster/held-object.ts';
import type { Kind, KubernetesObject } from '../cluster/kubernetes-object.ts';
import { blamedField } from './blame.ts';

export interface ObjectKey {
  readonly kind: Kind;
  /** `namespace/name`. */
  readonly key: string;
}

export interface Suspect {
  readonly of: ObjectKey;
  readonly forms: readonly HeldForm[];
}

/** What is known of one of the objects. */
export interface Candidate {
  readonly of: ObjectKey;
  readonly object: KubernetesObject;
  /** What it was before; undefined when that is not known. */
  readonly before: KubernetesObject | undefined;
  /** Whether it has changed since the resource was accepted last. */
  readonly isRecent: boolean;
  /** The form that stands for it already, because of another resource or of this one. */
  readonly held: HeldForm | undefined;
}

/** Those that changed, if any; of these, first what the Envoy's text speaks of, and last what is blamed for something else already. */
export function suspectsAmong(candidates: readonly Candidate[], message: string): ReadonlyMap<string, Suspect> {
  const open = candidates.filter((each) => formsOf(each).length > 0);
  const recent = open.filter(({ isRecent }) => isRecent);
  const likelihood = ({ object, held }: Candidate): number =>
    (held === undefined ? 2 : 0) + (blamedField(object, message) === undefined ? 0 : 1);
  const sorted = (recent.length > 0 ? recent : open).toSorted((a, b) => likelihood(b) - likelihood(a));
  return new Map(sorted.map((each) => [idOf(each.of), { of: each.of, forms: formsOf(each) }]));
}

/** The forms to try, without those that were tried before. */
function formsOf({ object, before, held }: Candidate): readonly HeldForm[] {
  const isOther = before !== undefined && fingerprintOf(before) !== fingerprintOf(object);
  const all: readonly HeldForm[] = [
    ...(isOther ? [{ kind: 'earlier', object: before } as const] : []),
    { kind: 'closed' },
    { kind: 'absent' },
  ];
  const tried = held === undefined ? -1 : all.findIndex(({ kind }) => kind === held.kind);
  return all.slice(tried + 1).filter(({ kind }) => held === undefined || kind !== 'earlier');
}

export function idOf({ kind, key }: ObjectKey): string {
  return `${kind} ${key}`;
}
