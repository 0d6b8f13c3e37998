// All manifest files together: which document defines each object, and what changed since it was last asked. Pure.

import { isDeepStrictEqual } from 'node:util';
import { kinds, type KubernetesObject } from '../cluster/kubernetes-object.ts';
import { describeObject, type ObjectRef } from '../model/object-ref.ts';
import { compareProblems, type Problem } from '../model/problem.ts';
import { isSound, type Manifest, type ManifestObject } from './manifest.ts';
import type { ObjectChange, SourceEvent } from './source.ts';

/** A manifest file, or a path where one should be. */
export interface ManifestFile {
  /** Absolute. */
  readonly path: string;
  /** As the user would write it; it names the file in problems. */
  readonly name: string;
  /** Which of the given paths it belongs to, from 0. */
  readonly rank: number;
}

/** By path of a file that is broken: what it defined when it last was sound. Who keeps this keeps it for the next run. */
export type KeptManifests = Map<string, readonly ManifestObject[]>;

interface Entry {
  readonly file: ManifestFile;
  readonly objects: readonly ManifestObject[];
  readonly problems: readonly Problem[];
  /** True when the objects are all that the file defined when it was last sound. */
  readonly isWhole: boolean;
}

interface Definition {
  readonly object: KubernetesObject;
  readonly file: ManifestFile;
  readonly line: number;
}

export class ManifestSet {
  readonly #kept: KeptManifests;
  readonly #entries = new Map<string, Entry>();
  #sentObjects: ReadonlyMap<string, KubernetesObject> = new Map();
  #sentProblems: ReadonlyMap<string, readonly Problem[]> = new Map();

  /** @param kept is kept up to date; what is in it already was sound in another run */
  constructor(kept: KeptManifests = new Map()) {
    this.#kept = kept;
  }

  /**
   * What the file holds now. While it is not sound, what it defined when it last was stays; if it never was, the
   * documents that can be read count.
   */
  put(file: ManifestFile, manifest: Manifest): void {
    const { objects, problems } = manifest;
    const last = this.#lastOf(file.path);
    if (isSound(manifest)) {
      this.#kept.delete(file.path);
      this.#entries.set(file.path, { file, objects, problems, isWhole: true });
    } else if (last?.isWhole === true) this.#keep(file, last.objects, problems);
    else this.#entries.set(file.path, { file, objects, problems, isWhole: false });
  }

  #lastOf(path: string): Pick<Entry, 'objects' | 'isWhole'> | undefined {
    const kept = this.#kept.get(path);
    return this.#entries.get(path) ?? (kept && { objects: kept, isWhole: true });
  }

  #keep(file: ManifestFile, objects: Entry['objects'], problems: Entry['problems']): void {
    this.#kept.set(file.path, objects);
    this.#entries.set(file.path, { file, objects, problems, isWhole: true });
  }

  /** The file, or folder, cannot be read; what it defined stays. */
  fail(file: ManifestFile, message: string, fix = 'Create it, or make it readable; it is picked up then'): void {
    const last = this.#lastOf(file.path) ?? { objects: [], isWhole: false };
    const problem: Problem = {
      object: { kind: 'File', namespace: '', name: file.name },
      field: '',
      severity: 'error',
      reason: 'FileUnreadable',
      message,
      fix,
    };
    if (last.isWhole) this.#keep(file, last.objects, [problem]);
    else this.#entries.set(file.path, { ...last, file, problems: [problem] });
  }

  /** Whether objects of the file are in use. */
  defines(path: string): boolean {
    return (this.#lastOf(path)?.objects.length ?? 0) > 0;
  }

  delete(path: string): void {
    this.#kept.delete(path);
    this.#entries.delete(path);
  }

  /** Forgets what another run kept of files that are gone. */
  forgetKept(isPresent: (path: string) => boolean): void {
    for (const path of this.#kept.keys()) if (!this.#entries.has(path) && !isPresent(path)) this.#kept.delete(path);
  }

  /** What is to be sent since the last call; it does not depend on the order of the calls before. */
  take(): readonly SourceEvent[] {
    const { objects, problems } = this.#merge();
    const changes = this.#takeChanges(objects);
    return [...(changes.length === 0 ? [] : [{ kind: 'changes', changes } as const]), ...this.#takeProblems(problems)];
  }

  #merge(): { objects: Map<string, Definition>; problems: Map<string, readonly Problem[]> } {
    const objects = new Map<string, Definition>();
    const problems = new Map<string, readonly Problem[]>();
    for (const { file, objects: defined, problems: own } of [...this.#entries.values()].toSorted(compareEntries)) {
      const duplicates: Problem[] = [];
      for (const { object, line } of defined) {
        const key = describeObject(refOf(object));
        const first = objects.get(key);
        if (first === undefined) objects.set(key, { object, file, line });
        else duplicates.push(duplicateProblem(object, `${file.name} line ${line}`, first));
      }
      const all = [...own, ...duplicates].toSorted(compareProblems);
      if (all.length > 0) problems.set(file.name, all);
    }
    return { objects, problems };
  }

  #takeChanges(defined: ReadonlyMap<string, Definition>): readonly ObjectChange[] {
    const changes: ObjectChange[] = [];
    const objects = new Map<string, KubernetesObject>();
    for (const [key, { object }] of defined) {
      const sent = this.#sentObjects.get(key);
      const isSame = sent !== undefined && isDeepStrictEqual(sent, object);
      objects.set(key, isSame ? sent : object);
      if (!isSame) changes.push({ ...refOf(object), object });
    }
    for (const [key, object] of this.#sentObjects) {
      if (!defined.has(key)) changes.push({ ...refOf(object), object: undefined });
    }
    this.#sentObjects = objects;
    return changes.toSorted(compareChanges);
  }

  #takeProblems(problems: ReadonlyMap<string, readonly Problem[]>): readonly SourceEvent[] {
    const origins = [...new Set([...this.#sentProblems.keys(), ...problems.keys()])].toSorted(compareText);
    const last = this.#sentProblems;
    this.#sentProblems = problems;
    return origins.flatMap((origin) => {
      const now = problems.get(origin) ?? [];
      return isDeepStrictEqual(last.get(origin), now) ? [] : [{ kind: 'problems', origin, problems: now } as const];
    });
  }
}

function duplicateProblem(object: KubernetesObject, place: string, first: Definition): Problem {
  return {
    object: refOf(object),
    field: '',
    severity: 'error',
    reason: 'DuplicateObject',
    message: `It is defined again at ${place}; the definition at ${first.file.name} line ${first.line} is used`,
    fix: 'Remove or rename one of the two',
  };
}

function refOf({ kind, metadata }: KubernetesObject): ObjectRef & { readonly kind: KubernetesObject['kind'] } {
  return { kind, namespace: metadata.namespace, name: metadata.name };
}

function compareEntries({ file: a }: Entry, { file: b }: Entry): number {
  return a.rank - b.rank || compareText(a.name, b.name);
}

function compareChanges(a: ObjectChange, b: ObjectChange): number {
  return (
    kinds.indexOf(a.kind) - kinds.indexOf(b.kind) ||
    compareText(a.namespace, b.namespace) ||
    compareText(a.name, b.name)
  );
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
