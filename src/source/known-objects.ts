// What a reflector has sent of one kind, so that only real differences are sent: Kubernetes repeats itself a lot.

import { isDeepStrictEqual } from 'node:util';
import type { Kind, KubernetesObject } from '../cluster/kubernetes-object.ts';
import { projectObject } from '../cluster/projection.ts';
import { isRecord } from '../cluster/projection/field-reader.ts';
import { describeObject, type ObjectRef } from '../model/object-ref.ts';
import type { Problem } from '../model/problem.ts';
import type { ObjectChange, SourceEvent } from './source.ts';

/** A list that is being read, page by page; nothing changes before it is complete. */
export interface Listing {
  /** False when the object has no name, so that it cannot be told apart. */
  readonly add: (raw: unknown) => boolean;
  /** Everything that was not added is gone. */
  readonly finish: () => void;
}

/** The objects of one kind as they were sent last; when an object becomes unreadable, its last good form stays. */
export class KnownObjects {
  readonly #kind: Kind;
  readonly #objects = new Map<string, { readonly ref: ObjectRef; readonly object: KubernetesObject }>();
  readonly #troubled = new Set<string>();
  #changes: ObjectChange[] = [];
  #problems = new Map<string, readonly Problem[]>();

  constructor(kind: Kind) {
    this.#kind = kind;
  }

  get size(): number {
    return this.#objects.size;
  }

  /** False when the object has no name. */
  put(raw: unknown): boolean {
    const ref = this.#refOf(raw);
    if (ref === undefined) return false;
    this.#store(ref, this.#read(ref, raw));
    return true;
  }

  /** False when the object has no name. */
  remove(raw: unknown): boolean {
    const ref = this.#refOf(raw);
    if (ref === undefined) return false;
    this.#remove(ref);
    return true;
  }

  list(): Listing {
    const listed = new Map<string, { readonly ref: ObjectRef; readonly object: KubernetesObject | undefined }>();
    return {
      add: (raw) => {
        const ref = this.#refOf(raw);
        if (ref !== undefined) listed.set(describeObject(ref), { ref, object: this.#read(ref, raw) });
        return ref !== undefined;
      },
      finish: () => {
        for (const { ref, object } of listed.values()) this.#store(ref, object);
        for (const [key, { ref }] of this.#objects) if (!listed.has(key)) this.#remove(ref);
        for (const key of this.#troubled) if (!listed.has(key)) this.#setProblems(key, []);
      },
    };
  }

  /** What is to be sent since the last call. */
  take(): readonly SourceEvent[] {
    const events: SourceEvent[] = [];
    if (this.#changes.length > 0) events.push({ kind: 'changes', changes: this.#changes });
    for (const [origin, problems] of this.#problems) events.push({ kind: 'problems', origin, problems });
    this.#changes = [];
    this.#problems = new Map();
    return events;
  }

  /** The object, or the very one that is known when there is no difference; undefined when it cannot be read. */
  #read(ref: ObjectRef, raw: unknown): KubernetesObject | undefined {
    const key = describeObject(ref);
    const { object, problems } = projectObject(this.#kind, raw, 'api');
    this.#setProblems(key, problems);
    const known = this.#objects.get(key)?.object;
    return known !== undefined && isDeepStrictEqual(known, object) ? known : object;
  }

  #store(ref: ObjectRef, object: KubernetesObject | undefined): void {
    const key = describeObject(ref);
    if (object === undefined || this.#objects.get(key)?.object === object) return;
    this.#objects.set(key, { ref, object });
    this.#change(ref, object);
  }

  #remove(ref: ObjectRef): void {
    const key = describeObject(ref);
    this.#setProblems(key, []);
    if (this.#objects.delete(key)) this.#change(ref, undefined);
  }

  #change({ namespace, name }: ObjectRef, object: KubernetesObject | undefined): void {
    this.#changes.push({ kind: this.#kind, namespace, name, object });
  }

  #setProblems(key: string, problems: readonly Problem[]): void {
    if (problems.length === 0 && !this.#troubled.delete(key)) return;
    if (problems.length > 0) this.#troubled.add(key);
    this.#problems.set(key, problems);
  }

  #refOf(raw: unknown): ObjectRef | undefined {
    if (!isRecord(raw) || !isRecord(raw['metadata'])) return undefined;
    const { name, namespace = '' } = raw['metadata'];
    if (typeof name !== 'string' || name === '' || typeof namespace !== 'string') return undefined;
    return { kind: this.#kind, namespace, name };
  }
}
