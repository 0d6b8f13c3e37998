/** What sets the clusters of one Service port apart: equal policies give the same, on every replica. */
import { createHash } from 'node:crypto';

export interface BackendVariant {
  /** Stands in the name of the cluster. */
  readonly variant: string;
  readonly policies: Readonly<Record<string, unknown>>;
}

/** @param policies by the name of the feature */
export function clusterVariant(policies: Readonly<Record<string, unknown>>): BackendVariant {
  return { variant: createHash('sha256').update(JSON.stringify(policies)).digest('hex').slice(0, 12), policies };
}
