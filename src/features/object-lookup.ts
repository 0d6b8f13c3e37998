/** How a feature reads the objects that its values name. */
import type { ConfigMap, Secret } from '../cluster/kubernetes-object.ts';

/**
 * Objects by `namespace/name`; undefined for what does not exist, or is not among what the source brings (see
 * src/cluster/config-map-reference.ts and secret-reference.ts). When one that was asked for changes, comes or goes, the
 * policy is computed again.
 */
export interface ObjectLookup {
  /** Of the object that is being read, in which a name without one is looked for. */
  readonly namespace: string;
  /** Whether values may name objects of other namespaces; no when left out. */
  readonly allowsOtherNamespaces?: boolean;
  configMap(key: string): ConfigMap | undefined;
  secret(key: string): Secret | undefined;
}

/** Where there are no objects to look at. */
export const noObjects: ObjectLookup = {
  namespace: '',
  configMap: () => undefined,
  secret: () => undefined,
};
