// Where in the API the objects of each kind are, and how many of them to ask for at once.

import type { Kind } from '../cluster/kubernetes-object.ts';

export interface ReflectedResource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly isNamespaced: boolean;
  /** Objects a page: Secrets can be a megabyte each. */
  readonly pageSize: number;
  readonly fieldSelector?: string;
}

export const reflectedResources: Readonly<Record<Kind, ReflectedResource>> = {
  IngressClass: resource('networking.k8s.io', 'ingressclasses', { isNamespaced: false }),
  Ingress: resource('networking.k8s.io', 'ingresses'),
  Service: resource('', 'services'),
  EndpointSlice: resource('discovery.k8s.io', 'endpointslices'),
  // Only certificates: the other Secrets of a cluster (tokens, Helm releases, passwords) are none of our business and
  // often the bulk of its data. Those of other types that an object names are read one by one, see named-watches.ts.
  Secret: resource('', 'secrets', { pageSize: 100, fieldSelector: 'type=kubernetes.io/tls' }),
  // Only by name, never as a kind.
  ConfigMap: resource('', 'configmaps', { pageSize: 100 }),
};

/** What one reflector keeps up with. */
export interface ReflectorTarget {
  readonly resource: Kind;
  /** Empty for all namespaces. */
  readonly namespace: string;
  /** Only the object of this name, whatever its type; all when absent. */
  readonly name?: string;
}

/** Path and query of a collection. */
export function collectionPath(
  { resource: kind, namespace, name }: ReflectorTarget,
  query: Readonly<Record<string, string>>,
): string {
  const { group, version, plural, isNamespaced, ...rest } = reflectedResources[kind];
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const scope = isNamespaced && namespace !== '' ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  const fieldSelector = name === undefined ? rest.fieldSelector : `metadata.name=${name}`;
  const parameters = new URLSearchParams({ ...query, ...(fieldSelector === undefined ? {} : { fieldSelector }) });
  return `${root}${scope}/${plural}?${parameters.toString()}`;
}

/** For messages: `ingresses of namespace blue`. */
export function describeTarget({ resource: kind, namespace, name }: ReflectorTarget): string {
  const { plural } = reflectedResources[kind];
  if (name !== undefined) return `${kind} ${namespace}/${name}`;
  return namespace === '' ? plural : `${plural} of namespace ${namespace}`;
}

/** Different for different targets. */
export function targetKey({ resource: kind, namespace, name = '' }: ReflectorTarget): string {
  return `${kind}/${namespace}/${name}`;
}

function resource(group: string, plural: string, rest: Partial<ReflectedResource> = {}): ReflectedResource {
  return { group, version: 'v1', plural, isNamespaced: true, pageSize: 500, ...rest };
}
