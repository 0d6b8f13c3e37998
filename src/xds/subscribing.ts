/** What requests say about which names are wanted, and what of these is therefore to be sent. */
import { typeUrl } from '../proto/type-url.ts';
import type { HeldVersions } from './delta-request.ts';
import { routing } from './order.ts';
import type { Subscription } from './subscription.ts';
import { wildcardName } from './view.ts';

/** Private keys are for Envoys that name them: there is no asking for all of them. */
const namedOnly: ReadonlySet<string> = new Set([typeUrl.secret]);

/** The parts of a first DeltaDiscoveryRequest that open a subscription. */
export interface DeltaOpening {
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly initialVersions: HeldVersions;
}

/** @param sequence here and below: the publication that stands */
export function openDelta(subscription: Subscription, request: DeltaOpening, sequence: number): void {
  const { initialVersions: held } = request;
  const { dirty, table } = subscription;
  subscription.isResumed = held.size > 0;
  const dropped = new Set(request.unsubscribe);
  const since = held.size === 0 ? startOf(subscription, sequence) : sequence;
  if (request.subscribe.length === 0) subscribe(subscription, wildcardName, false, since);
  for (const name of request.subscribe) if (!dropped.has(name)) subscribe(subscription, name, true, since);
  held.compare(
    table,
    (id) => {
      if (subscription.coversId(id)) dirty.deleteId(id);
    },
    (name, version) => {
      if (!subscription.covers(name)) return;
      dirty.delete(name);
      // Which publication it missed is not known: what it has may name clusters that went with any of them.
      dirty.mark(name, { version }, sequence, false, routing.has(subscription.typeUrl) ? 0 : undefined);
    },
  );
  // A client that comes back with what it has needs no answer when nothing has changed.
  if (held.size > 0) subscription.owesAnswer = false;
}

/** @param version what the client has; empty for one that starts */
export function openSotw(
  subscription: Subscription,
  names: readonly string[],
  version: string,
  sequence: number,
): void {
  subscription.hasNamed = names.length > 0;
  subscription.isResumed = version !== '';
  const since = version === '' ? startOf(subscription, sequence) : sequence;
  for (const name of names.length === 0 ? [wildcardName] : names) subscribe(subscription, name, true, since);
}

/** Names that are added to a delta subscription. */
export function subscribeDelta(subscription: Subscription, names: readonly string[], sequence: number): void {
  const since = startOf(subscription, sequence);
  for (const name of names) subscribe(subscription, name, true, since);
}

/** The list of a SotW request is the whole subscription: what it lacks is no longer wanted. */
export function updateSotwNames(subscription: Subscription, list: readonly string[], sequence: number): void {
  if (list.length > 0) subscription.hasNamed = true;
  const names = new Set(list.length === 0 && !subscription.hasNamed ? [wildcardName] : list);
  forgetUnlisted(subscription, names);
  if (subscription.wildcard && !names.has(wildcardName)) forgetWildcard(subscription);
  const since = startOf(subscription, sequence);
  for (const name of names) {
    const isKnown = name === wildcardName ? subscription.wildcard : subscription.names.has(name);
    if (!isKnown) subscribe(subscription, name, true, since);
  }
}

export function unsubscribeDelta(subscription: Subscription, name: string): void {
  if (name === wildcardName) return forgetWildcard(subscription);
  if (!subscription.names.has(name)) return;
  forget(subscription, name);
  // The wildcard still covers it, and the client, which has dropped it, must be told what it is.
  if (subscription.wildcard) subscription.dirty.mark(name, undefined, 0, true);
}

export function forgetUnlisted(subscription: Subscription, names: ReadonlySet<string>): void {
  for (const name of subscription.names) if (!names.has(name)) forget(subscription, name);
}

/**
 * @param forced whether a name is to be sent even if the client holds the same
 * @param since the publication that it counts as changed by
 */
function subscribe(subscription: Subscription, name: string, forced: boolean, since: number): void {
  const { dirty, names } = subscription;
  if (name !== wildcardName) {
    const id = names.add(name);
    dirty.markId(id, name, undefined, { first: Infinity, last: since, forced });
  } else if (!subscription.wildcard && !namedOnly.has(subscription.typeUrl)) {
    subscription.wildcard = true;
    dirty.markAll(names, since);
    // What the client was sent under a name that it has given up is wanted again when it arrives.
    for (const each of subscription.inFlight?.names ?? []) dirty.mark(each, undefined, since, true);
  }
}

/**
 * A client that starts has nothing that could break, so nothing need wait for the clusters that it asks for first
 * (sequence 0); one that comes back with resources of this type, or asks for more of them, has.
 */
function startOf(subscription: Subscription, sequence: number): number {
  return !subscription.hasSent && subscription.typeUrl === typeUrl.cluster ? 0 : sequence;
}

function forget(subscription: Subscription, name: string): void {
  if (!subscription.wildcard) subscription.dirty.delete(name);
  subscription.rejected.delete(name);
  subscription.isolations.delete(name);
  // The last, because a name that nobody else has goes with it.
  subscription.names.delete(name);
  forgetParts(subscription);
}

function forgetWildcard(subscription: Subscription): void {
  if (!subscription.wildcard) return;
  subscription.wildcard = false;
  const { dirty, names, rejected, isolations } = subscription;
  for (const name of dirty.keys()) if (!names.has(name)) dirty.delete(name);
  // What it has refused and no longer asks for, it does not go on with, so nothing has to wait for it.
  for (const name of rejected.keys()) if (!names.has(name)) rejected.delete(name);
  for (const name of isolations.keys()) if (name !== '' && !names.has(name)) isolations.delete(name);
  forgetParts(subscription);
}

/** A state of the world that is tried in parts is of what is asked for. */
function forgetParts(subscription: Subscription): void {
  subscription.isolations.get('')?.keepOnly((name) => subscription.covers(name));
}
