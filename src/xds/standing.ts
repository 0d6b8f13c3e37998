/** Whether a client has a resource in a certain state: what others make of something that one of them refuses. */
import { typeUrl } from '../proto/type-url.ts';
import { wholeState } from './delivery.ts';
import type { Subscription } from './subscription.ts';

/** `open`: it has not answered yet, or is still to be sent it. */
export type Standing = 'accepted' | 'open' | 'none';

export function standingOf(
  protocol: 'sotw' | 'delta',
  subscriptions: readonly Subscription[],
  type: string,
  name: string,
  version: string,
): Standing {
  const isInTable = protocol === 'sotw' && type === typeUrl.virtualHost;
  const of = isInTable ? typeUrl.routeConfiguration : type;
  const subscription = subscriptions.find((each) => each.typeUrl === of);
  const carrier = isInTable ? name.slice(0, name.indexOf('/')) : name;
  if (subscription === undefined || !subscription.covers(carrier)) return 'none';
  const { dirty, inFlight, rejected, isolations, table, accepted } = subscription;
  const key = wholeState.has(of) ? '' : carrier;
  const isolation = protocol === 'sotw' ? isolations.get(key) : undefined;
  if (isolation?.hasAccepted(name, version) === true) return 'accepted';
  if (isolation?.isWaiting === true || dirty.has(carrier) || inFlight?.names.has(carrier) === true) return 'open';
  if (isolation !== undefined || rejected.has(carrier)) return 'none';
  const parts = protocol === 'sotw' ? accepted.get(key) : undefined;
  if (parts !== undefined)
    return parts.some((part) => part.name === name && part.version === version) ? 'accepted' : 'none';
  return table.get(carrier)?.version === version ? 'accepted' : 'none';
}
