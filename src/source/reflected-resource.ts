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
  // often the bulk of its data. Features that need Secrets of other types have to ask for those by name.
  Secret: resource('', 'secrets', { pageSize: 100, fieldSelector: 'type=kubernetes.io/tls' }),
};

/** Path and query of a collection; an empty namespace means all of them. */
export function collectionPath(kind: Kind, namespace: string, query: Readonly<Record<string, string>>): string {
  const { group, version, plural, isNamespaced, fieldSelector } = reflectedResources[kind];
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const scope = isNamespaced && namespace !== '' ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  const parameters = new URLSearchParams({ ...query, ...(fieldSelector === undefined ? {} : { fieldSelector }) });
  return `${root}${scope}/${plural}?${parameters.toString()}`;
}

function resource(group: string, plural: string, rest: Partial<ReflectedResource> = {}): ReflectedResource {
  return { group, version: 'v1', plural, isNamespaced: true, pageSize: 500, ...rest };
}
