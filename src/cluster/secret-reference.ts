// Which Secrets an object names. A feature that reads Secrets from another field adds that field here, and the source
// brings them, whatever their type.

import type { Ingress, KubernetesObject } from './kubernetes-object.ts';

/** Annotations that name a Secret, as `name` or `namespace/name`; under any prefix, since that is a setting. */
const naming: ReadonlySet<string> = new Set(['auth-secret', 'auth-tls-secret', 'proxy-ssl-secret']);

/** `namespace/name` of each, in the order of the object; the same may come twice. */
export function referencedSecrets(object: KubernetesObject): readonly string[] {
  if (object.kind !== 'Ingress') return [];
  const names = object.spec.tls.map(({ secretName }) => secretName).filter((name) => name !== '');
  return [...names.map((name) => `${object.metadata.namespace}/${name}`), ...annotated(object)];
}

/** It becomes a part of a path of the API, where `..` would be another object. */
const objectName =
  /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\/)?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;

function annotated({ metadata: { namespace, annotations } }: Ingress): readonly string[] {
  const keys = Object.keys(annotations).filter((key) => naming.has(key.slice(key.indexOf('/') + 1)));
  return keys.toSorted().flatMap((key) => {
    const name = annotations[key]?.trim() ?? '';
    if (!objectName.test(name)) return [];
    return [name.includes('/') ? name : `${namespace}/${name}`];
  });
}
