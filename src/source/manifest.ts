// Reads the text of one manifest file: YAML or JSON, several documents, Lists. Pure; problems say where they are.

import type { Document } from 'yaml';
import { type Kind, kinds, type KubernetesObject } from '../cluster/kubernetes-object.ts';
import { apiVersions, projectObject } from '../cluster/projection.ts';
import { isRecord } from '../cluster/projection/field-reader.ts';
import type { Problem, ProblemReason } from '../model/problem.ts';
import { messageOf } from './system-error.ts';
import { readYamlText, type YamlText } from './yaml-text.ts';

export interface Manifest {
  /** In the order of the file. */
  readonly objects: readonly ManifestObject[];
  readonly problems: readonly Problem[];
  /** What was passed over because Sluice does not read it, such as `apps/v1 Deployment`. */
  readonly ignored: readonly string[];
}

export interface ManifestObject {
  readonly object: KubernetesObject;
  /** Line of the file in which it begins, from 1. */
  readonly line: number;
}

/** Old or foreign API groups in which a kind of ours has existed too. */
const relatedGroups: Readonly<Record<Kind, readonly string[]>> = {
  IngressClass: ['networking.k8s.io'],
  Ingress: ['networking.k8s.io', 'extensions'],
  Service: [''],
  EndpointSlice: ['discovery.k8s.io'],
  Secret: [''],
  ConfigMap: [''],
};

const maxListDepth = 4;

/** Never throws. `file` names the file in problems. */
export function parseManifest(file: string, text: string): Manifest {
  return new ManifestReader(file, text).read();
}

/** True when nothing in the file has to be put right before it can be used as a whole. */
export function isSound(manifest: Manifest): boolean {
  return manifest.problems.every(({ severity }) => severity !== 'error');
}

type Path = readonly (string | number)[];

class ManifestReader {
  readonly #file: string;
  readonly #yaml: YamlText;
  readonly #objects: ManifestObject[] = [];
  readonly #problems: Problem[] = [];
  readonly #ignored: string[] = [];

  constructor(file: string, text: string) {
    this.#file = file;
    this.#yaml = readYamlText(text);
  }

  read(): Manifest {
    for (const document of this.#yaml.documents) this.#readDocument(document);
    for (const { message, fix, offset } of this.#yaml.refused)
      this.#addFileProblem('InvalidYaml', offset, message, fix);
    return { objects: this.#objects, problems: this.#problems, ignored: this.#ignored };
  }

  #readDocument(document: Document): void {
    const [error] = document.errors;
    if (error !== undefined) {
      // What stands behind a colon may quote the file, and the file may be a Secret.
      const [message = ''] = error.message.split(': ');
      this.#addFileProblem('InvalidYaml', error.pos[0], `It is not valid YAML: ${message}`, 'Correct the syntax');
      return;
    }
    let value: unknown;
    try {
      value = document.toJS();
    } catch (failure) {
      // Aliases that multiply without end, or that form a circle.
      const message = `It cannot be read: ${messageOf(failure)}`;
      this.#addFileProblem('InvalidYaml', startOf(document), message, 'Write the aliases out');
      return;
    }
    // A document of comments only is what a template leaves when its condition is off.
    if (value !== null && value !== undefined) this.#readValue(document, [], value, 0);
  }

  #readValue(document: Document, path: Path, value: unknown, depth: number, listKind = ''): void {
    const position = positionOf(document, path);
    if (!isRecord(value)) {
      this.#addFileProblem(
        'InvalidObject',
        position,
        'It is not a Kubernetes object',
        'Write apiVersion, kind and metadata',
      );
      return;
    }
    const { apiVersion, kind = listKind, items } = value;
    if (typeof kind !== 'string' || kind === '') {
      this.#addFileProblem('InvalidObject', position, 'The object has no kind', 'Set kind, such as kind: Ingress');
    } else if (kind.endsWith('List') && Array.isArray(items) && depth < maxListDepth) {
      const itemKind = kind.slice(0, -'List'.length);
      for (const [index, item] of items.entries()) {
        const whole = itemKind === '' ? item : withVersion(item, apiVersion);
        this.#readValue(document, [...path, 'items', index], whole, depth + 1, itemKind);
      }
    } else if (typeof apiVersion !== 'string' || apiVersion === '') {
      const fix = 'Set apiVersion, such as apiVersion: networking.k8s.io/v1';
      this.#addFileProblem('InvalidObject', position, 'The object has no apiVersion', fix);
    } else {
      this.#readObject(document, path, value, apiVersion, kind);
    }
  }

  #readObject(document: Document, path: Path, value: unknown, apiVersion: string, kindName: string): void {
    const kind = kinds.find((candidate) => candidate === kindName);
    if (kind === undefined || !isRelated(kind, apiVersion)) {
      this.#ignored.push(`${apiVersion} ${kindName}`);
      return;
    }
    const place = this.#place(positionOf(document, path));
    const { object, problems } = projectObject(kind, value, 'file');
    if (apiVersion !== apiVersions[kind]) {
      const ref = object?.metadata ?? problems[0]?.object ?? { namespace: '', name: '' };
      this.#problems.push({
        object: { kind, namespace: ref.namespace, name: ref.name },
        field: 'apiVersion',
        severity: 'warning',
        reason: 'UnsupportedKind',
        message: `It is ${JSON.stringify(apiVersion)}, which Sluice does not read, so that the object is passed over (${place.text})`,
        fix: `Write the object as ${apiVersions[kind]}`,
      });
      return;
    }
    for (const problem of problems) {
      const where = this.#place(positionOf(document, [...path, ...fieldPath(problem.field)]));
      this.#problems.push({ ...problem, message: `${problem.message} (${where.text})` });
    }
    if (object !== undefined) this.#objects.push({ object, line: place.line });
  }

  #addFileProblem(reason: ProblemReason, position: number, message: string, fix: string): void {
    const object = { kind: 'File', namespace: '', name: this.#file };
    const located = `${message} (${this.#place(position).text})`;
    this.#problems.push({ object, field: '', severity: 'error', reason, message: located, fix });
  }

  #place(position: number): { readonly line: number; readonly text: string } {
    const { line, col } = this.#yaml.lines.linePos(position);
    return { line, text: `${this.#file} line ${line} column ${col}` };
  }
}

/** The items of an `IngressList` leave out what the list says already. */
function withVersion(item: unknown, apiVersion: unknown): unknown {
  return isRecord(item) && item['apiVersion'] === undefined ? { ...item, apiVersion } : item;
}

function isRelated(kind: Kind, apiVersion: string): boolean {
  const slash = apiVersion.indexOf('/');
  return relatedGroups[kind].includes(slash === -1 ? '' : apiVersion.slice(0, slash));
}

/** Offset of the value, or of the nearest thing around it that the document has. */
function positionOf(document: Document, path: Path): number {
  for (let length = path.length; length > 0; length -= 1) {
    const node: unknown = document.getIn(path.slice(0, length), true);
    const start = rangeStart(node);
    if (start !== undefined) return start;
  }
  return startOf(document);
}

function startOf(document: Document): number {
  return rangeStart(document.contents) ?? document.range?.[0] ?? 0;
}

function rangeStart(node: unknown): number | undefined {
  if (!isRecord(node) || !('range' in node) || !Array.isArray(node['range'])) return undefined;
  const start: unknown = node['range'][0];
  return typeof start === 'number' ? start : undefined;
}

/** `spec.rules[0].host` as steps into the document; a quoted key, as in `annotations["a/b.c"]`, is one step. */
function fieldPath(field: string): Path {
  const steps: (string | number)[] = [];
  for (const [, name, index, quoted] of field.matchAll(/([^.[\]]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/g)) {
    if (index !== undefined) steps.push(Number(index));
    else if (quoted !== undefined) steps.push(String(JSON.parse(quoted)));
    else if (name !== undefined) steps.push(name);
  }
  return steps;
}
