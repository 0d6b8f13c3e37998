/** Which clusters a virtual host sends requests to, so that it waits for those and for no others. */
import { decode } from '../proto/message.ts';
import { bodyOf } from './resource.ts';
import type { Resource } from './resource.ts';

/** Shared by all streams; of those only that have ever had to wait. */
const known = new WeakMap<Resource, ReadonlySet<string>>();

/** What a VirtualHost names under `cluster` or as one of several, wherever in it; what is no cluster may be among them. */
export function clustersNamedIn(virtualHost: Resource): ReadonlySet<string> {
  const found = known.get(virtualHost);
  if (found !== undefined) return found;
  const names = new Set<string>();
  collect(decode('envoy.config.route.v3.VirtualHost', bodyOf(virtualHost)), names);
  known.set(virtualHost, names);
  return names;
}

/** The fields of RouteAction, WeightedCluster and RequestMirrorPolicy (`envoy.config.route.v3`) that hold names of clusters. */
const fields: ReadonlySet<string> = new Set(['cluster', 'name']);

function collect(value: unknown, names: Set<string>): void {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
  for (const [field, inner] of Object.entries(value)) {
    if (typeof inner !== 'string') collect(inner, names);
    else if (fields.has(field)) names.add(inner);
  }
}
