// Brings the objects of one kind that others name, by a watch for each: API servers have an index by name, and nothing is
// read of the thousands that nobody names. Of Secrets, those of the type for certificates are read as a kind; this brings
// the others. ConfigMaps are read by name only.

import type { KubernetesObject, Kind } from '../cluster/kubernetes-object.ts';
import { describeObject } from '../model/object-ref.ts';
import { NamedDemand } from './named-demand.ts';
import type { ReflectorEvent } from './reflector.ts';
import type { ObjectChange, SourceEvent } from './source.ts';

export interface NamedWatchesOptions {
  readonly kind: Kind;
  /** The objects of the kind, as `namespace/name`, that an object names. */
  readonly namesIn: (object: KubernetesObject) => readonly string[];
  /** Whether objects of the kind are read in the namespace anyway, so that a named one need be looked for only if it is not there. */
  readonly isReadAnyway: (namespace: string) => boolean;
  /** Objects, as `namespace/name`, that are wanted in any case. */
  readonly always: readonly string[];
  /** Starts a watch for one object; returns what ends it. */
  readonly start: (namespace: string, name: string, receiver: NamedReceiver) => () => void;
  readonly emit: (event: SourceEvent) => void;
}

export interface NamedReceiver {
  readonly emit: (event: SourceEvent) => void;
  readonly observe: (event: ReflectorEvent) => void;
}

interface NamedWatch {
  stop: () => void;
  isListed: boolean;
  refusals: number;
  object: KubernetesObject | undefined;
}

/** So many refusals in a row are an answer, see sync-gate.ts. */
const refusalsThatCount = 3;

export class NamedWatches {
  readonly #options: NamedWatchesOptions;
  readonly #demand: NamedDemand;
  /** Those that are read anyway, as `namespace/name`. */
  readonly #read = new Set<string>();
  readonly #watches = new Map<string, NamedWatch>();
  /** Namespaces whose objects have been listed; the empty one stands for all. */
  readonly #listed = new Set<string>();

  constructor(options: NamedWatchesOptions) {
    this.#options = options;
    this.#demand = new NamedDemand(options.namesIn, options.always);
  }

  get size(): number {
    return this.#watches.size;
  }

  /**
   * False while an object that is named has not been looked for. One that may not be read is as good as absent: whoever
   * may write an Ingress could else keep the control plane from starting. Not so those that are wanted in any case.
   */
  get isSettled(): boolean {
    const { always } = this.#options;
    return [...this.#watches].every(
      ([key, { isListed, refusals }]) => isListed || (refusals >= refusalsThatCount && !always.includes(key)),
    );
  }

  /** Those that are wanted in any case can be elsewhere than where others are read. */
  begin(): void {
    for (const key of this.#demand.wanted) this.#weigh(key);
  }

  /** The objects of a namespace, empty for all, have been read. */
  listed(namespace: string): void {
    if (this.#listed.has(namespace)) return;
    this.#listed.add(namespace);
    for (const key of this.#demand.wanted) this.#weigh(key);
  }

  /** Sends an event of the reflectors that read whole kinds on, and learns from it what is wanted. */
  pass(event: SourceEvent): void {
    if (event.kind !== 'changes') {
      this.#options.emit(event);
      return;
    }
    this.#options.emit({ kind: 'changes', changes: event.changes.map((change) => this.#note(change)) });
    for (const { kind, namespace, name } of event.changes) {
      if (kind === this.#options.kind) this.#weigh(`${namespace}/${name}`);
    }
    this.#learn(event.changes);
  }

  stop(): void {
    for (const { stop } of this.#watches.values()) stop();
    this.#watches.clear();
  }

  #learn(changes: readonly ObjectChange[]): void {
    for (const { kind, namespace, name, object } of changes) {
      const keys = this.#demand.note(describeObject({ kind, namespace, name }), object);
      for (const key of keys) this.#weigh(key);
    }
  }

  /** A Secret that is gone from those of its type may have come back with another, which its own watch may know first. */
  #note(change: ObjectChange): ObjectChange {
    if (change.kind !== this.#options.kind) return change;
    const key = `${change.namespace}/${change.name}`;
    if (change.object !== undefined) this.#read.add(key);
    else this.#read.delete(key);
    return change.object === undefined ? { ...change, object: this.#watches.get(key)?.object } : change;
  }

  /** Starts or ends the watch for an object, as it is needed. */
  #weigh(key: string): void {
    const [namespace = '', name = ''] = key.split('/');
    const { kind, isReadAnyway } = this.#options;
    const isLookedFor = this.#listed.has(namespace) || this.#listed.has('') || !isReadAnyway(namespace);
    const isNeeded = this.#demand.has(key) && !this.#read.has(key) && isLookedFor;
    const watch = this.#watches.get(key);
    if (isNeeded && watch === undefined) this.#start(key, namespace, name);
    if (isNeeded || watch === undefined) return;
    watch.stop();
    this.#watches.delete(key);
    if (watch.object === undefined || this.#read.has(key)) return;
    this.#send({ kind: 'changes', changes: [{ kind, namespace, name, object: undefined }] });
  }

  #start(key: string, namespace: string, name: string): void {
    const watch: NamedWatch = { stop: () => undefined, isListed: false, refusals: 0, object: undefined };
    this.#watches.set(key, watch);
    watch.stop = this.#options.start(namespace, name, {
      observe: (event) => {
        if (event.kind === 'listed') watch.isListed = true;
        if (event.kind === 'failed') watch.refusals = event.failure.status === 403 ? watch.refusals + 1 : 0;
      },
      emit: (event) => {
        if (this.#watches.get(key) !== watch) return;
        if (event.kind === 'changes') watch.object = event.changes.at(-1)?.object;
        // What is read anyway is the same object, or a newer one.
        if (event.kind !== 'changes' || !this.#read.has(key)) this.#send(event);
      },
    });
  }

  /** What is read by name may itself name others. */
  #send(event: SourceEvent): void {
    this.#options.emit(event);
    if (event.kind === 'changes') this.#learn(event.changes);
  }
}
