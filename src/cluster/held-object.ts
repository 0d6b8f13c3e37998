/** Objects that are not used as they are, because Envoys or our own checks refuse what follows from them; and what is used instead. */
import { hash } from 'node:crypto';
import type { Ingress, Kind, KubernetesObject } from './kubernetes-object.ts';

/** What stands for an object that is held. */
export type HeldForm =
  /** What it was before. */
  | { readonly kind: 'earlier'; readonly object: KubernetesObject }
  /** An Ingress whose paths answer 503, a Secret without a certificate; another object is as if it were not there. */
  | { readonly kind: 'closed' }
  /** As if it were not there; an Ingress is there, and serves nothing. */
  | { readonly kind: 'absent' };

export interface HeldObject {
  readonly kind: Kind;
  /** `namespace/name`. */
  readonly key: string;
  /** Of the content that is not used: whatever else the object becomes is tried. */
  readonly fingerprint: string;
  readonly form: HeldForm;
}

/** The same for what means the same: without what an object gets anew when somebody makes it again, and without status. */
export function fingerprintOf(object: KubernetesObject): string {
  const { metadata, ...rest } = object;
  const { uid: _uid, creationTimestamp: _created, ...named } = metadata;
  const { status: _status, ...content }: Partial<Ingress> = rest.kind === 'Ingress' ? rest : {};
  const meant = { metadata: named, ...(rest.kind === 'Ingress' ? content : rest) };
  return hash('sha256', JSON.stringify(meant, sorted), 'hex').slice(0, 32);
}

export function heldForm(form: HeldForm, object: KubernetesObject): KubernetesObject | undefined {
  if (form.kind === 'earlier') return form.object;
  if (object.kind === 'Ingress') {
    if (form.kind === 'closed') return { ...object, isHeld: true };
    const { defaultBackend: _backend, ...spec } = object.spec;
    return { ...object, isHeld: true, spec: { ...spec, rules: [], tls: [] } };
  }
  if (object.kind === 'Secret' && form.kind === 'closed') {
    return { ...object, certificate: '', privateKey: '', isHeld: true };
  }
  return undefined;
}

function sorted(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
