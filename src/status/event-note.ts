// What an Event says: a Problem, or that it is over, as an `events.k8s.io/v1` Event of the object that it is about.

import { createHash } from 'node:crypto';
import { apiVersions } from '../cluster/projection.ts';
import type { Kind } from '../cluster/kubernetes-object.ts';
import type { Problem } from '../model/problem.ts';
import { microTime } from './micro-time.ts';

export const reportingController = 'sluice.dev/ingress-controller';

/** Limits of the API on an Event, in bytes and characters. */
const mostNoteBytes = 1_024;
const mostInstanceLength = 128;
const mostNameLength = 253;

export interface EventNote {
  readonly type: 'Warning' | 'Normal';
  readonly reason: string;
  readonly text: string;
}

export function appeared({ field, message, fix, reason }: Problem): EventNote {
  const where = field === '' ? '' : `${field}: `;
  return { type: 'Warning', reason, text: cut(`${where}${message}. To fix it: ${fix}.`) };
}

export function resolved({ field, message, reason }: Problem): EventNote {
  const where = field === '' ? '' : ` at ${field}`;
  return { type: 'Normal', reason: 'Resolved', text: cut(`${reason}${where} is solved; it was: ${message}.`) };
}

/** The kind, if it is of Kubernetes: there is nobody to tell of a File. */
export function kindOf({ object }: Problem): Kind | undefined {
  return isKind(object.kind) ? object.kind : undefined;
}

/** Events of what has no namespace are in `default`, where kubectl looks for them. */
export function eventNamespace({ object }: Problem): string {
  return object.namespace === '' ? 'default' : object.namespace;
}

/** The same for the same note on the same object, so that no replica tells it twice, and not after a restart. */
export function eventName(problem: Problem, uid: string, note: EventNote): string {
  const { kind, name } = problem.object;
  const hash = createHash('sha256').update(JSON.stringify([reportingController, kind, uid, note]));
  const suffix = `.${hash.digest('hex').slice(0, 16)}`;
  return `${name.slice(0, mostNameLength - suffix.length).replace(/[.-]+$/, '')}${suffix}`;
}

export interface EventStamp {
  readonly kind: Kind;
  readonly uid: string;
  /** The replica that writes it. */
  readonly identity: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export function newEvent(problem: Problem, note: EventNote, { kind, uid, identity, now }: EventStamp): object {
  const { namespace, name } = problem.object;
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { namespace: eventNamespace(problem), name: eventName(problem, uid, note) },
    eventTime: microTime(now),
    reportingController,
    reportingInstance: identity.slice(0, mostInstanceLength),
    action: 'Translate',
    type: note.type,
    reason: note.reason,
    note: note.text,
    regarding: { apiVersion: apiVersions[kind], kind, ...(namespace !== '' && { namespace }), name, uid },
  };
}

/** It has been seen so many times by now, at least twice. */
export function eventSeries(count: number, now: number): object {
  return { series: { count: Math.max(2, count), lastObservedTime: microTime(now) } };
}

function isKind(kind: string): kind is Kind {
  return Object.hasOwn(apiVersions, kind);
}

/** To the most bytes of UTF-8 that the API takes, at the end of a character. */
function cut(text: string): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= mostNoteBytes) return text;
  let end = mostNoteBytes - Buffer.byteLength('…');
  // In UTF-8 the bytes that continue a character begin with the bits 10.
  while (((bytes[end] ?? 0) & 0b1100_0000) === 0b1000_0000) end -= 1;
  return `${bytes.subarray(0, end).toString('utf8')}…`;
}
