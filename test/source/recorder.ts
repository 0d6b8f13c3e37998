/** Subscribes to a source and keeps what it sends, as a list and as the state that it adds up to. */
import type { KubernetesObject } from '../../src/cluster/kubernetes-object.ts';
import { describeObject } from '../../src/model/object-ref.ts';
import type { Problem } from '../../src/model/problem.ts';
import type { ObjectChange, Source, SourceEvent } from '../../src/source/source.ts';
import { eventually } from '../support/eventually.ts';

export class Recorder {
  readonly events: SourceEvent[] = [];
  readonly objects = new Map<string, KubernetesObject>();
  readonly #problems = new Map<string, readonly Problem[]>();
  readonly #end: () => void;

  constructor(source: Source) {
    const subscription = source.events$.subscribe({
      next: (event) => this.#note(event),
      error: (error: unknown) => {
        throw error;
      },
    });
    this.#end = () => subscription.unsubscribe();
  }

  get problems(): readonly Problem[] {
    return [...this.#problems.values()].flat();
  }

  get changes(): readonly ObjectChange[] {
    return this.events.flatMap((event) => (event.kind === 'changes' ? event.changes : []));
  }

  get syncs(): number {
    return this.events.filter(({ kind }) => kind === 'synced').length;
  }

  /** `Ingress default/web`, sorted. */
  get names(): readonly string[] {
    return [...this.objects.keys()].toSorted();
  }

  synced(within = 10_000): Promise<void> {
    return this.until('it is synced', () => this.syncs > 0, within);
  }

  until(what: string, condition: () => boolean, within = 10_000): Promise<void> {
    return eventually(
      () => {
        if (!condition()) throw new Error(`${what}: not so; known are ${this.names.join(', ') || 'no objects'}`);
      },
      { within, every: 5 },
    );
  }

  stop(): void {
    this.#end();
  }

  #note(event: SourceEvent): void {
    this.events.push(event);
    if (event.kind === 'problems') this.#problems.set(event.origin, event.problems);
    if (event.kind !== 'changes') return;
    for (const change of event.changes) {
      if (change.object === undefined) this.objects.delete(describeObject(change));
      else this.objects.set(describeObject(change), change.object);
    }
  }
}
