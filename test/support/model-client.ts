/**
 * A client that does with responses what the xDS protocol says, and nothing else: it tells what an Envoy would hold after
 * any sequence of publications, subscriptions and answers.
 */
import { typeUrl } from '../../src/proto/type-url.ts';
import type { Resource } from '../../src/xds/resource.ts';
import type { Response } from '../../src/xds/session.ts';
import { Conversation, emptyAssignments } from './conversation.ts';
import type { Kind } from './conversation.ts';
import { clustersIn } from './resources.ts';

export const kinds = [
  'cluster',
  'clusterLoadAssignment',
  'secret',
  'listener',
  'routeConfiguration',
  'virtualHost',
] as const satisfies readonly Kind[];
const wholeState: ReadonlySet<Kind> = new Set(['cluster', 'listener']);

export class ModelClient extends Conversation {
  readonly #held = new Map<Kind, Map<string, Resource>>(kinds.map((kind) => [kind, new Map()]));
  readonly #wanted = new Map<Kind, Set<string>>(kinds.map((kind) => [kind, new Set()]));
  /** Names whose last answer was a refusal: what the client holds of them is older than what it was sent. */
  readonly #refused = new Map<Kind, Set<string>>(kinds.map((kind) => [kind, new Set()]));
  readonly #sentAt = new Map<Response, number>();

  /** Asks for one more name, or for everything with `*`. */
  want(kind: Kind, name: string): void {
    // There is no asking for all Secrets; who does gets none.
    if (kind !== 'secret' || name !== '*') of(this.#wanted, kind).add(name);
    this.subscribe(kind, name);
  }

  /** Asks no more for a name, and drops what only that name was for. */
  unwant(kind: Kind, name: string): void {
    const wanted = of(this.#wanted, kind);
    if (!wanted.delete(name)) return;
    const held = of(this.#held, kind);
    if (name === '*') for (const each of held.keys()) if (!wanted.has(each)) held.delete(each);
    if (this.protocol === 'delta' || !wanted.has('*')) held.delete(name);
    this.unsubscribe(kind, name);
  }

  /** Takes what is sent; throws when there are two responses of a type on their way at once. */
  receive(): readonly Response[] {
    const before = [...this.unanswered];
    const responses = this.take();
    for (const response of responses) {
      const [other] = before.filter(({ typeUrl: type }) => type === response.typeUrl).slice(-1);
      const since = other === undefined ? -Infinity : (this.#sentAt.get(other) ?? 0);
      if (this.now - since < this.limits.ackPatienceMs) throw new Error(`two responses of ${response.typeUrl} at once`);
      this.#sentAt.set(response, this.now);
    }
    return responses;
  }

  /** Applies and accepts the oldest response that is unanswered, or refuses it; false if there is none. */
  settle(accepts = true): boolean {
    const response = this.unanswered.shift();
    if (response === undefined) return false;
    const kind = kindOf(response);
    // There is nothing to refuse in a response that only removes; and what it removes would never be said again.
    if (!accepts && response.resources.length > 0 && response.removed.length === 0) {
      this.answer(response, 'refused by chance');
      for (const { name } of response.resources) of(this.#refused, kind).add(name);
      return true;
    }
    this.#apply(kind, response);
    this.answer(response, undefined);
    return true;
  }

  /** The clusters that the client's routes name and that it does not hold. */
  danglingClusters(): readonly string[] {
    const clusters = of(this.#held, 'cluster');
    const routes = [...of(this.#held, 'virtualHost').values(), ...of(this.#held, 'routeConfiguration').values()];
    return routes.flatMap(clustersIn).filter((name) => !clusters.has(name));
  }

  /** What it holds, and what it should: versions by name, less the names of which it has refused the last version. */
  compare(kind: Kind): {
    readonly holds: Readonly<Record<string, string>>;
    readonly wants: Readonly<Record<string, string>>;
  } {
    const view = this.protocol === 'delta' ? this.store.delta : this.store.sotw;
    const wanted = of(this.#wanted, kind);
    const names = new Set([...wanted, ...(wanted.has('*') ? view.names(typeUrl[kind]) : [])]);
    names.delete('*');
    const wants: Record<string, string> = {};
    for (const name of names) {
      const resource = view.get(typeUrl[kind], name) ?? emptyAssignments(typeUrl[kind], name);
      if (resource !== undefined) wants[name] = resource.version;
    }
    const holds: Record<string, string> = {};
    for (const [name, { version }] of of(this.#held, kind)) {
      // SotW never says that a resource of the other types is gone.
      if (name in wants || this.protocol === 'delta' || wholeState.has(kind)) holds[name] = version;
    }
    for (const name of of(this.#refused, kind)) {
      delete wants[name];
      delete holds[name];
    }
    return { holds, wants };
  }

  #apply(kind: Kind, response: Response): void {
    const held = of(this.#held, kind);
    const wanted = of(this.#wanted, kind);
    if (this.protocol === 'sotw' && wholeState.has(kind)) {
      held.clear();
      of(this.#refused, kind).clear();
    }
    for (const resource of response.resources) {
      of(this.#refused, kind).delete(resource.name);
      if (wanted.has('*') || wanted.has(resource.name)) held.set(resource.name, resource);
    }
    for (const name of response.removed) {
      of(this.#refused, kind).delete(name);
      held.delete(name);
    }
  }
}

function kindOf(response: Response): Kind {
  const kind = kinds.find((each) => typeUrl[each] === response.typeUrl);
  if (kind === undefined) throw new Error(`nobody asked for ${response.typeUrl}`);
  return kind;
}

function of<V>(map: ReadonlyMap<Kind, V>, kind: Kind): V {
  const value = map.get(kind);
  if (value === undefined) throw new Error(`no ${kind}`);
  return value;
}
