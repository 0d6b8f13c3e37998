// Reads ObjectMeta of untrusted objects, and checks names as the API server does.

import type { Kind, Metadata } from '../kubernetes-object.ts';
import type { FieldReader } from './field-reader.ts';

/** Objects from an API server have passed its validation; those from a file are whatever somebody typed. */
export type Origin = 'api' | 'file';

/** kubectl's copy of the whole object; it doubles the memory and says nothing that the object does not. */
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/** Has no prototype, so that an annotation called `__proto__` or `constructor` is a name like any other. */
const noAnnotations: Readonly<Record<string, string>> = Object.freeze(createRecord());

const kindsWithAnnotations: ReadonlySet<Kind> = new Set<Kind>(['Ingress', 'IngressClass', 'Service']);
const clusterScopedKinds: ReadonlySet<Kind> = new Set<Kind>(['IngressClass']);

export function readMetadata(kind: Kind, root: FieldReader, origin: Origin): Metadata {
  const metadata = root.requiredChild('metadata');
  if (metadata === undefined) {
    return { namespace: '', name: '', uid: '', creationTimestamp: '', annotations: noAnnotations };
  }
  return {
    namespace: readNamespace(kind, metadata),
    name: readName(metadata, 'name'),
    uid: origin === 'api' ? metadata.text('uid') : '',
    creationTimestamp: readTimestamp(metadata, 'creationTimestamp'),
    annotations: readAnnotations(kind, metadata),
  };
}

/** A required name of a Kubernetes object: a DNS subdomain. It therefore has no `/`, which object keys rely on. */
export function readName(reader: FieldReader, key: string): string {
  const name = reader.requiredText(key);
  if (name !== '' && !isSubdomain(name)) {
    reader.problem(
      key,
      `It is ${reader.show(name)}, which is not a valid name`,
      'Use at most 253 lower case letters, digits, - and ., beginning and ending with a letter or digit',
    );
  }
  return name;
}

/** An API server always sets the namespace; a file may leave it out. */
function readNamespace(kind: Kind, metadata: FieldReader): string {
  const namespace = metadata.text('namespace');
  if (clusterScopedKinds.has(kind)) return '';
  if (namespace === '') return 'default';
  if (namespace.length > 63 || namespace.includes('.') || !isSubdomain(namespace)) {
    metadata.problem(
      'namespace',
      `It is ${metadata.show(namespace)}, which is not a valid namespace`,
      'Use at most 63 lower case letters, digits and -, beginning and ending with a letter or digit',
    );
  }
  return namespace;
}

function isSubdomain(name: string): boolean {
  return name.length <= 253 && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name);
}

function readTimestamp(reader: FieldReader, key: string): string {
  const text = reader.text(key);
  if (text === '' || /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text)) return text;
  const time = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) {
    reader.problem(key, `It is ${reader.show(text)}, which is not a time`, 'Write it like 2026-01-31T12:00:00Z');
    return '';
  }
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}

function readAnnotations(kind: Kind, metadata: FieldReader): Readonly<Record<string, string>> {
  // Some controllers write annotations of slices and Secrets all the time; Sluice reads none of them.
  if (!kindsWithAnnotations.has(kind)) return noAnnotations;
  const entries = metadata.textEntries('annotations').filter(([name]) => name !== lastApplied);
  if (entries.length === 0) return noAnnotations;
  const annotations = createRecord();
  for (const [name, value] of entries) annotations[name] = value;
  return annotations;
}

function createRecord(): Record<string, string> {
  const record: Record<string, string> = Object.create(null);
  return record;
}
