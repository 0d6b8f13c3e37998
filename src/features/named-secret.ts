/** The Secret that an annotation names, by its name or with its namespace before that. */
import type { Secret } from '../cluster/kubernetes-object.ts';
import type { ObjectLookup } from './object-lookup.ts';

export type SecretLookup =
  | { readonly kind: 'secret'; readonly secret: Secret }
  | { readonly kind: 'fault'; readonly message: string; readonly fix: string };

/** The annotation has to be known in src/cluster/secret-reference.ts. */
export function namedSecret(name: string, objects: ObjectLookup): SecretLookup {
  const { namespace, allowsOtherNamespaces = false } = objects;
  const key = name.includes('/') ? name : `${namespace}/${name}`;
  if (!key.startsWith(`${namespace}/`) && !allowsOtherNamespaces) {
    const message = `Secret ${key} is in another namespace, which is not allowed`;
    const fix = 'use a Secret of this namespace, or set allow-cross-namespace-resources in the ConfigMap';
    return { kind: 'fault', message, fix };
  }
  const secret = objects.secret(key);
  if (secret !== undefined) return { kind: 'secret', secret };
  return { kind: 'fault', message: `Secret ${key} does not exist`, fix: 'create it, or correct the name' };
}
