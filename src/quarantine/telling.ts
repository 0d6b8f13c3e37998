/** What users are told of what Envoys refuse. */
import type { HeldObject } from '../cluster/held-object.ts';
import type { ObjectRef } from '../model/object-ref.ts';
import type { Problem } from '../model/problem.ts';
import type { Refusal } from './verdicts.ts';

/** An object that is held, and why. */
export interface Culprit extends HeldObject {
  readonly cause: Refused | Faulty;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** Envoys refuse a resource that comes from it. */
interface Refused {
  readonly kind: 'refused';
  readonly typeUrl: string;
  readonly name: string;
  /** Redacted text of the Envoy. */
  readonly message: string;
  /** The field that the text speaks of; empty when it speaks of none. */
  readonly field: string;
}

/** Parts of it could not be served. */
interface Faulty {
  readonly kind: 'faulty';
  readonly faults: readonly Problem[];
}

/** More of an Envoy's text tells nobody more. */
const textLength = 500;

export function culpritProblems({ cause, ...held }: Culprit): readonly Problem[] {
  return cause.kind === 'refused'
    ? [refusedProblem(cause, held)]
    : cause.faults.map((fault) => faultyProblem(fault, held));
}

function faultyProblem(fault: Problem, { since }: Pick<Culprit, 'since'>): Problem {
  const form = `Instead of this form, what the ${fault.object.kind} was before ${timeText(since)} stays in use`;
  return { ...fault, message: `${fault.message}. ${form}` };
}

function refusedProblem(refused: Refused, { kind, key, form, since }: Omit<Culprit, 'cause'>): Problem {
  const stays = {
    earlier: `what it was before ${timeText(since)} stays in use`,
    closed: kind === 'Ingress' ? 'its paths answer 503' : 'it is not used',
    absent: 'it is left out',
  }[form.kind];
  return {
    object: refOf(kind, key),
    field: refused.field,
    severity: 'error',
    reason: 'RefusedByEnvoy',
    message: `Envoy refuses ${describe(refused)}, which this object asks for, so ${stays}: ${cut(refused.message)}`,
    fix: 'change what the message speaks of; every change of the object is tried',
  };
}

export function unexplainedProblem(
  resource: Pick<Refusal, 'typeUrl' | 'name' | 'message'>,
  hasSubstitute: boolean,
): Problem {
  const stays = hasSubstitute ? 'its last accepted state stays' : 'it is left out for Envoys that start';
  return {
    object: { kind: shortType(resource.typeUrl), namespace: '', name: resource.name },
    field: '',
    severity: 'error',
    reason: 'RefusedByEnvoy',
    message: `Envoy refuses ${describe(resource)}, for which no object is found to blame, so ${stays}: ${cut(resource.message)}`,
    fix: 'report it as a bug, with the objects that have changed last',
  };
}

export function ownMatterProblem(
  refusal: Refusal,
  suspect: { readonly kind: string; readonly key: string } | undefined,
): Problem {
  const object =
    suspect === undefined
      ? { kind: shortType(refusal.typeUrl), namespace: '', name: refusal.name }
      : refOf(suspect.kind, suspect.key);
  return {
    object,
    field: '',
    severity: 'warning',
    reason: 'RefusedByOneEnvoy',
    message: `the Envoy "${refusal.node}" refuses ${describe(refusal)}, which others have in use, so it goes on with what it had: ${cut(refusal.message)}`,
    fix: 'compare the version and the bootstrap of this Envoy with those of the others',
  };
}

function describe({ typeUrl, name }: { readonly typeUrl: string; readonly name: string }): string {
  return `the ${shortType(typeUrl)} "${name}"`;
}

function timeText(time: number): string {
  return new Date(time).toISOString();
}

function shortType(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
}

function cut(text: string): string {
  const whole = text === '' ? 'it does not say why' : text;
  return whole.length > textLength ? `${whole.slice(0, textLength)}…` : whole;
}

function refOf(kind: string, key: string): ObjectRef {
  const slash = key.indexOf('/');
  return { kind, namespace: key.slice(0, Math.max(0, slash)), name: key.slice(slash + 1) };
}
