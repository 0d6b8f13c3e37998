// Brings the Secrets that objects name but that are not of the type for certificates, by a watch for each: API servers
// have an index for Secrets by name, and nothing is read of the thousands that nobody names.

import type { KubernetesObject } from '../cluster/kubernetes-object.ts';
import { describeObject } from '../model/object-ref.ts';
import { SecretDemand } from './secret-demand.ts';
import type { ObjectChange, SourceEvent } from './source.ts';

export interface SecretWatchesOptions {
  /** Whether the Secrets of the namespace are read by type, so that a named one need be looked for only if it is not there. */
  readonly isReadByType: (namespace: string) => boolean;
  /** Secrets, as `namespace/name`, that are wanted in any case. */
  readonly always: readonly string[];
  /** Starts a watch for one Secret; returns what ends it. */
  readonly start: (namespace: string, name: string, receiver: NamedReceiver) => () => void;
  readonly emit: (event: SourceEvent) => void;
}

interface NamedReceiver {
  readonly emit: (event: SourceEvent) => void;
  readonly listed: () => void;
}

interface NamedWatch {
  stop: () => void;
  isListed: boolean;
  object: KubernetesObject | undefined;
}

export class SecretWatches {
  readonly #options: SecretWatchesOptions;
  readonly #demand: SecretDemand;
  /** Those that were read by type, as `namespace/name`. */
  readonly #typed = new Set<string>();
  readonly #watches = new Map<string, NamedWatch>();
  /** Namespaces whose Secrets have been listed by type; the empty one stands for all. */
  readonly #listed = new Set<string>();

  constructor(options: SecretWatchesOptions) {
    this.#options = options;
    this.#demand = new SecretDemand(options.always);
  }

  get size(): number {
    return this.#watches.size;
  }

  /** False while a Secret that is named has not been looked for. */
  get isSettled(): boolean {
    return [...this.#watches.values()].every(({ isListed }) => isListed);
  }

  /** Secrets that are wanted in any case can be elsewhere than where others are read. */
  begin(): void {
    for (const secret of this.#demand.wanted) this.#weigh(secret);
  }

  /** The Secrets of a namespace, empty for all, have been read by type. */
  listed(namespace: string): void {
    if (this.#listed.has(namespace)) return;
    this.#listed.add(namespace);
    for (const secret of this.#demand.wanted) this.#weigh(secret);
  }

  /** Sends an event of the reflectors that read whole kinds on, and learns from it what is wanted. */
  pass(event: SourceEvent): void {
    if (event.kind !== 'changes') {
      this.#options.emit(event);
      return;
    }
    this.#options.emit({ kind: 'changes', changes: event.changes.map((change) => this.#note(change)) });
    for (const { kind, namespace, name, object } of event.changes) {
      if (kind === 'Secret') this.#weigh(`${namespace}/${name}`);
      const secrets = this.#demand.note(describeObject({ kind, namespace, name }), object);
      for (const secret of secrets) this.#weigh(secret);
    }
  }

  stop(): void {
    for (const { stop } of this.#watches.values()) stop();
    this.#watches.clear();
  }

  /** A Secret that is gone from those of its type may have come back with another, which its own watch may know first. */
  #note(change: ObjectChange): ObjectChange {
    if (change.kind !== 'Secret') return change;
    const secret = `${change.namespace}/${change.name}`;
    if (change.object !== undefined) this.#typed.add(secret);
    else this.#typed.delete(secret);
    return change.object === undefined ? { ...change, object: this.#watches.get(secret)?.object } : change;
  }

  /** Starts or ends the watch for a Secret, as it is needed. */
  #weigh(secret: string): void {
    const [namespace = '', name = ''] = secret.split('/');
    const { isReadByType } = this.#options;
    const isLookedFor = this.#listed.has(namespace) || this.#listed.has('') || !isReadByType(namespace);
    const isNeeded = this.#demand.has(secret) && !this.#typed.has(secret) && isLookedFor;
    const watch = this.#watches.get(secret);
    if (isNeeded && watch === undefined) this.#start(secret, namespace, name);
    if (isNeeded || watch === undefined) return;
    watch.stop();
    this.#watches.delete(secret);
    if (watch.object === undefined || this.#typed.has(secret)) return;
    this.#options.emit({ kind: 'changes', changes: [{ kind: 'Secret', namespace, name, object: undefined }] });
  }

  #start(secret: string, namespace: string, name: string): void {
    const watch: NamedWatch = { stop: () => undefined, isListed: false, object: undefined };
    this.#watches.set(secret, watch);
    watch.stop = this.#options.start(namespace, name, {
      listed: () => {
        watch.isListed = true;
      },
      emit: (event) => {
        if (this.#watches.get(secret) !== watch) return;
        if (event.kind === 'changes') watch.object = event.changes.at(-1)?.object;
        // What was read by type is the same object, or a newer one.
        if (event.kind !== 'changes' || !this.#typed.has(secret)) this.#options.emit(event);
      },
    });
  }
}
