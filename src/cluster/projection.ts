// Turns raw JSON, from an API server or a file, into the immutable objects that Sluice works with. Everything behind
// this point may trust the types; everything before it is trusted with nothing.

import type { Problem } from '../model/problem.ts';
import type { Kind, KubernetesObject, Metadata, ObjectOfKind } from './kubernetes-object.ts';
import { readConfigMap } from './projection/config-map.ts';
import { FieldReader, isRecord, ProblemCollector } from './projection/field-reader.ts';
import { readIngressClassSpec, readIngressSpec } from './projection/ingress.ts';
import { readIngressStatus } from './projection/ingress-status.ts';
import { type Origin, readMetadata } from './projection/metadata.ts';
import { readSecret } from './projection/secret.ts';
import { readEndpointSlice, readServiceSpec } from './projection/service.ts';

/** The API version in which each kind is read. */
export const apiVersions = {
  IngressClass: 'networking.k8s.io/v1',
  Ingress: 'networking.k8s.io/v1',
  Service: 'v1',
  EndpointSlice: 'discovery.k8s.io/v1',
  Secret: 'v1',
  ConfigMap: 'v1',
} as const satisfies Readonly<Record<Kind, string>>;

export interface Projection {
  /** Undefined when anything is wrong: half an object could serve what nobody asked for. */
  readonly object: KubernetesObject | undefined;
  /** InvalidObject problems, at most 20. */
  readonly problems: readonly Problem[];
}

/**
 * Reads an object of the kind and of its version in `apiVersions`; the object's own `kind` and `apiVersion` are not
 * looked at, because an API server leaves them out in lists. Does not change or keep `raw`. Never throws.
 */
export function projectObject(kind: Kind, raw: unknown, origin: Origin): Projection {
  const collector = new ProblemCollector(refOf(kind, raw), kind === 'Secret');
  if (!isRecord(raw)) {
    collector.add('', `It is ${collector.show(raw)}, but must be an object`, 'Write an object with metadata and spec');
    return { object: undefined, problems: collector.problems };
  }
  const root = new FieldReader(raw, collector);
  const read = readers[kind](root, readMetadata(kind, root, origin));
  const status = read.kind === 'Ingress' && origin === 'api' ? readIngressStatus(raw) : undefined;
  const object = status === undefined ? read : { ...read, status };
  return { object: collector.problems.length > 0 ? undefined : object, problems: collector.problems };
}

const readers: { readonly [K in Kind]: (root: FieldReader, metadata: Metadata) => ObjectOfKind<K> } = {
  IngressClass: (root, metadata) => ({ kind: 'IngressClass', metadata, spec: readIngressClassSpec(root) }),
  Ingress: (root, metadata) => ({ kind: 'Ingress', metadata, spec: readIngressSpec(root) }),
  Service: (root, metadata) => ({ kind: 'Service', metadata, spec: readServiceSpec(root, metadata) }),
  EndpointSlice: (root, metadata) => ({ kind: 'EndpointSlice', metadata, ...readEndpointSlice(root) }),
  Secret: (root, metadata) => ({ kind: 'Secret', metadata, ...readSecret(root) }),
  ConfigMap: (root, metadata) => ({ kind: 'ConfigMap', metadata, ...readConfigMap(root) }),
};

/** As much of the name as can be read, for messages. */
function refOf(kind: Kind, raw: unknown): Problem['object'] {
  const metadata = isRecord(raw) && isRecord(raw['metadata']) ? raw['metadata'] : {};
  const { name, namespace } = metadata;
  const given = typeof namespace === 'string' && namespace !== '' ? namespace : 'default';
  return { kind, namespace: kind === 'IngressClass' ? '' : given, name: typeof name === 'string' ? name : '' };
}
