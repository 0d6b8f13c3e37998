import { describeObject } from '../model/object-ref.ts';
import type { Problem } from '../model/problem.ts';
import { shortType } from '../admin/metrics.ts';

/** Tells a person at a terminal what a change of the manifests did. */

interface ResourceName {
  readonly typeUrl: string;
  readonly name: string;
}

const mostLines = 30;

/** Remembers what it has told, so that it can tell new from changed and solved from open. */
export class ChangeReport {
  readonly #served = new Set<string>();
  #open: ReadonlySet<string> = new Set();

  /** `+` is new, `~` changed, `-` gone. */
  resources(changed: readonly ResourceName[], removed: readonly ResourceName[]): readonly string[] {
    const lines: string[] = [];
    for (const resource of changed) {
      const label = describeResource(resource);
      lines.push(`${this.#served.has(label) ? '~' : '+'} ${label}`);
      this.#served.add(label);
    }
    for (const resource of removed) {
      const label = describeResource(resource);
      if (this.#served.delete(label)) lines.push(`- ${label}`);
    }
    return shorten(lines);
  }

  problems(problems: readonly Problem[]): readonly string[] {
    const open = new Set(problems.map(describeProblem));
    const appeared = [...open].filter((line) => !this.#open.has(line)).map((line) => `! ${line}`);
    const vanished = [...this.#open].filter((line) => !open.has(line)).map((line) => `solved: ${line}`);
    this.#open = open;
    return shorten([...vanished, ...appeared]);
  }
}

function describeResource({ typeUrl, name }: ResourceName): string {
  return `${shortType(typeUrl)} ${name}`;
}

/** In one line, with which no object can say anything to the terminal. */
export function describeProblem({ object, field, severity, reason, message, fix }: Problem): string {
  const place = field === '' ? describeObject(object) : `${describeObject(object)} ${field}`;
  const line = `${severity} ${reason} in ${place}: ${message}; ${fix}`;
  return line.replaceAll(/\p{Cc}/gu, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function shorten(lines: readonly string[]): readonly string[] {
  if (lines.length <= mostLines) return lines;
  return [...lines.slice(0, mostLines), `  and ${lines.length - mostLines} more`];
}
