// Which ConfigMaps an object names. A feature that reads ConfigMaps by another annotation or key adds its name here, and the
// source brings them: each is read by itself, and no other ConfigMap of the cluster is.

import type { KubernetesObject } from './kubernetes-object.ts';

/** Annotations, under any prefix, whose value is `namespace/name`, or a name in the Ingress's namespace. */
const annotations: ReadonlySet<string> = new Set([
  'auth-proxy-set-headers',
  'custom-headers',
  'fastcgi-params-configmap',
]);

/** Keys of the ConfigMap with the settings, whose value is `namespace/name`. */
const keys: ReadonlySet<string> = new Set(['add-headers', 'proxy-set-headers']);

/** `namespace/name` of each; the same may come twice. What cannot be a name is left out: its feature says what is wrong. */
export function referencedConfigMaps(object: KubernetesObject): readonly string[] {
  if (object.kind !== 'Ingress' && object.kind !== 'ConfigMap') return [];
  const { namespace, annotations: own } = object.metadata;
  const written = object.kind === 'Ingress' ? Object.keys(own).filter(isReference) : [...keys];
  const values = object.kind === 'Ingress' ? own : object.data;
  return written.flatMap((key) => objectNamed(values[key] ?? '', namespace) ?? []);
}

function isReference(annotation: string): boolean {
  return annotations.has(annotation.slice(annotation.indexOf('/') + 1));
}

/** `namespace/name` of what a value names; undefined when it names nothing. */
export function objectNamed(value: string, namespace: string): string | undefined {
  const parts = value.trim().split('/');
  const [name = '', own = namespace, ...rest] = parts.toReversed();
  return rest.length === 0 && isName(own) && isName(name) ? `${own}/${name}` : undefined;
}

/** It goes into selectors: more than a name there would ask for something else. */
function isName(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(text);
}
