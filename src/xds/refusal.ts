/**
 * From a refused response to what in it is refused. An Envoy may drop the rest of a response from its first bad resource on, does not
 * always say which that was, and takes some messages as a whole only; so what was refused is sent again, apart, until it is one name.
 */
import { typeUrl } from '../proto/type-url.ts';
import type { Batch } from './batch.ts';
import type { Held } from './dirty-names.ts';
import { wholeState } from './delivery.ts';
import { Isolation, splitByHint } from './isolation.ts';
import { routed } from './order.ts';
import type { Resource } from './resource.ts';
import type { InFlight, Subscription } from './subscription.ts';

/** What a client that has refused something else has of a name: nothing, or anything, which routes may use. */
const unknown: Held = { version: '' };

type Protocol = 'sotw' | 'delta';

/** The client has accepted a response. */
export function noteAccepted(subscription: Subscription, protocol: Protocol, { batch, version }: InFlight): void {
  subscription.acceptedVersion = version;
  for (const { name } of subscription.variants.size > 0 ? batch.resources : []) subscription.variants.delete(name);
  for (const { key, parts } of wholesOf(subscription, protocol, batch)) {
    subscription.accepted.set(key, parts);
    const isolation = subscription.isolations.get(key);
    if (isolation === undefined) continue;
    const { table } = subscription;
    isolation.accept(parts, key === '' ? subscription.covered() : (table.get(key)?.parts ?? []));
    if (key === '') isolation.keepOnly((name) => subscription.covers(name));
    if (isolation.isOver) subscription.isolations.delete(key);
    else if (isolation.isWaiting) sendAgain(subscription, key, 0);
  }
}

/**
 * The client has refused a response: sees to it that what is refused is found.
 *
 * @param sequence the publication that stands
 * @returns what is found by now
 */
export function isolate(
  subscription: Subscription,
  protocol: Protocol,
  { batch, names: refused, oldest }: InFlight,
  message: string,
  sequence: number,
): readonly Resource[] {
  const isWhole = protocol === 'sotw' && wholeState.has(subscription.typeUrl);
  const names = isWhole ? [] : [...refused].filter((name) => subscription.covers(name));
  if (names.length > 1) {
    subscription.retries.push(...splitByHint(names, message));
    // Others wait for it, or it for them, as they did before.
    const first = oldest > 0 ? oldest : undefined;
    const held = routed.has(subscription.typeUrl) ? unknown : undefined;
    for (const name of names) {
      subscription.dirty.mark(name, held, sequence, true, first);
      if (subscription.typeUrl !== typeUrl.secret) continue;
      subscription.variants.set(name, (subscription.variants.get(name) ?? 0) + 1);
    }
    return [];
  }
  const wholes = wholesOf(subscription, protocol, batch);
  if (wholes.length === 0) {
    for (const name of names) subscription.variants.delete(name);
    return batch.resources.filter(({ name }) => names.includes(name));
  }
  return wholes.flatMap(({ key, parts }) => {
    // What the client has given up meanwhile, it will never accept, and nothing is to wait for that.
    if (key !== '' && !subscription.covers(key)) return [];
    const isResumed = subscription.isResumed && !subscription.accepted.has(key);
    const isolation = subscription.isolations.get(key) ?? new Isolation(subscription.accepted.get(key) ?? []);
    subscription.isolations.set(key, isolation);
    const wanted = key === '' ? parts.filter(({ name }) => subscription.covers(name)) : parts;
    const culprits = isolation.refuse(wanted, message, isResumed);
    if (isolation.isWaiting || isolation.differs(wanted)) sendAgain(subscription, key, sequence);
    return culprits;
  });
}

/** What of a response is accepted or refused as a whole, with its parts; nothing where each resource stands for itself. */
function wholesOf({ typeUrl: type }: Subscription, protocol: Protocol, { resources }: Batch) {
  if (protocol === 'delta') return [];
  if (wholeState.has(type)) return [{ key: '', parts: resources }];
  return resources.flatMap(({ name, parts }) => (parts === undefined ? [] : [{ key: name, parts }]));
}

function sendAgain(subscription: Subscription, key: string, sequence: number): void {
  if (key === '') subscription.owesAnswer = true;
  else if (subscription.covers(key)) subscription.dirty.mark(key, undefined, sequence, true);
}
