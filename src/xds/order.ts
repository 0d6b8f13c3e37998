/** The order of the resource types: what is used comes before what uses it (make before break). */
import { typeUrl } from '../proto/type-url.ts';
import type { TypeUrl } from '../proto/type-url.ts';

/** Types that are not listed come last. */
const order: readonly string[] = [
  typeUrl.cluster,
  typeUrl.clusterLoadAssignment,
  typeUrl.secret,
  typeUrl.listener,
  typeUrl.routeConfiguration,
  typeUrl.virtualHost,
] satisfies TypeUrl[];

/** These name clusters, so their changes wait for the clusters, and the removal of a cluster waits for them. */
export const routing: ReadonlySet<string> = new Set([
  typeUrl.listener,
  typeUrl.routeConfiguration,
  typeUrl.virtualHost,
]);

/** What routes use. */
export const routed: ReadonlySet<string> = new Set([typeUrl.cluster, typeUrl.clusterLoadAssignment, typeUrl.secret]);

export function rank(type: string): number {
  const index = order.indexOf(type);
  return index < 0 ? order.length : index;
}
