/**
 * The resources that clients of one protocol variant see, and who is to be told when one of them changes: an index from
 * resource names to subscribers, so that a change costs as much as there are clients that want it.
 */
import type { Resource } from './resource.ts';

/** One change of one resource; `resource` is undefined when it is gone. */
export interface ResourceChange {
  readonly typeUrl: string;
  readonly name: string;
  readonly resource: Resource | undefined;
}

export interface Subscriber {
  /** A resource that the subscriber wants has changed. `before` is what it was; `sequence`, when it changed. */
  readonly changed: (typeUrl: string, name: string, before: Resource | undefined, sequence: number) => void;
}

/** What a session may see and ask of a view. */
export interface SubscribableView {
  /** Grows with each publication; 0 until the first, when nothing must be answered yet. */
  readonly sequence: number;
  readonly get: (typeUrl: string, name: string) => Resource | undefined;
  /** Sorted. */
  readonly names: (typeUrl: string) => readonly string[];
  /** The same for the same resources of the type, whatever the order in which they came. */
  readonly digest: (typeUrl: string) => string;
  readonly subscribe: (subscriber: Subscriber, typeUrl: string, name: string) => void;
  readonly unsubscribe: (subscriber: Subscriber, typeUrl: string, name: string) => void;
}

/** Stands for every name of a type (xDS protocol, "How the client specifies what resources to return"). */
export const wildcardName = '*';

interface TypeState {
  readonly resources: Map<string, Resource>;
  readonly subscribers: Map<string, Set<Subscriber>>;
  sortedNames: readonly string[] | undefined;
  digest: bigint;
}

export class View implements SubscribableView {
  readonly #types = new Map<string, TypeState>();
  #sequence = 0;

  get sequence(): number {
    return this.#sequence;
  }

  get(typeUrl: string, name: string): Resource | undefined {
    return this.#types.get(typeUrl)?.resources.get(name);
  }

  typeUrls(): readonly string[] {
    return [...this.#types.keys()].toSorted();
  }

  size(typeUrl: string): number {
    return this.#types.get(typeUrl)?.resources.size ?? 0;
  }

  names(typeUrl: string): readonly string[] {
    const state = this.#types.get(typeUrl);
    if (state === undefined) return [];
    state.sortedNames ??= [...state.resources.keys()].toSorted();
    return state.sortedNames;
  }

  digest(typeUrl: string): string {
    return (this.#types.get(typeUrl)?.digest ?? 0n).toString(16).padStart(16, '0');
  }

  /** Takes over the changes and tells those who want them; gives back who was told. */
  apply(changes: readonly ResourceChange[], sequence: number): ReadonlySet<Subscriber> {
    this.#sequence = sequence;
    const told = new Set<Subscriber>();
    for (const { typeUrl, name, resource } of changes) {
      const state = this.#type(typeUrl);
      const before = state.resources.get(name);
      if (before?.version === resource?.version) continue;
      replace(state, name, before, resource);
      for (const key of [name, wildcardName]) {
        for (const subscriber of state.subscribers.get(key) ?? []) {
          subscriber.changed(typeUrl, name, before, sequence);
          told.add(subscriber);
        }
      }
    }
    return told;
  }

  subscribe(subscriber: Subscriber, typeUrl: string, name: string): void {
    const { subscribers } = this.#type(typeUrl);
    const existing = subscribers.get(name);
    if (existing === undefined) subscribers.set(name, new Set([subscriber]));
    else existing.add(subscriber);
  }

  unsubscribe(subscriber: Subscriber, typeUrl: string, name: string): void {
    const subscribers = this.#types.get(typeUrl)?.subscribers;
    const existing = subscribers?.get(name);
    existing?.delete(subscriber);
    if (existing?.size === 0) subscribers?.delete(name);
  }

  #type(typeUrl: string): TypeState {
    const existing = this.#types.get(typeUrl);
    if (existing !== undefined) return existing;
    const state: TypeState = { resources: new Map(), subscribers: new Map(), sortedNames: undefined, digest: 0n };
    this.#types.set(typeUrl, state);
    return state;
  }
}

function replace(state: TypeState, name: string, before: Resource | undefined, after: Resource | undefined): void {
  // Exclusive or is its own inverse, so what leaves is taken out by the same step that puts in what comes.
  if (before !== undefined) state.digest ^= BigInt(`0x${before.version}`);
  if (after !== undefined) state.digest ^= BigInt(`0x${after.version}`);
  if (after === undefined) state.resources.delete(name);
  else state.resources.set(name, after);
  if ((before === undefined) !== (after === undefined)) state.sortedNames = undefined;
}
