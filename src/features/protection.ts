/** Whether two forms of an Ingress protect its paths alike, so that the earlier opens nothing that the newer wants closed. */
import { isDeepStrictEqual } from 'node:util';
import type { Policies } from '../model/policy.ts';
import type { PolicyReading } from './policies.ts';
import { featureNamed } from './registry.ts';

export function areAlikeProtected(earlier: PolicyReading, newest: PolicyReading): boolean {
  if (earlier.isClosed || newest.isClosed) return false;
  return isDeepStrictEqual(protectionOf(earlier.policies), protectionOf(newest.policies));
}

/** What features that are not known to be harmless ask for. */
function protectionOf({ byFeature }: Policies): Policies['byFeature'] {
  return Object.fromEntries(Object.entries(byFeature).filter(([name]) => featureNamed(name)?.isHarmless !== true));
}
