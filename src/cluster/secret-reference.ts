// Which Secrets an object names. A feature that reads Secrets from another field adds that field here, and the source
// brings them, whatever their type.

import type { KubernetesObject } from './kubernetes-object.ts';

/** `namespace/name` of each, in the order of the object; the same may come twice. */
export function referencedSecrets(object: KubernetesObject): readonly string[] {
  if (object.kind !== 'Ingress') return [];
  const names = object.spec.tls.map(({ secretName }) => secretName).filter((name) => name !== '');
  return names.map((name) => `${object.metadata.namespace}/${name}`);
}
