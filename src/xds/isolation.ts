/**
 * Finds out what of a message that is taken or refused as a whole is refused: a state of the world of clusters or listeners, or a
 * RouteConfiguration with its virtual hosts. The parts that changed are tried in halves on top of what was accepted last, until
 * what is refused is one part; it is left as it was accepted last, or out, and all else goes on.
 */
import type { Resource } from './resource.ts';

export class Isolation {
  /** By name: the parts that the client has accepted together. */
  #base: ReadonlyMap<string, Resource>;
  /** Names of parts that are to be tried apart from each other, in this order. */
  #groups: ReadonlySet<string>[] = [];
  /** Versions of parts that are refused by themselves, by name. */
  readonly #refused = new Map<string, string>();
  /**
   * For a client that may have parts which nobody here knows: names, of which each in turn is left out of what is sent. Nothing is
   * applied until the culprit is what is left out, so that no other part is taken from the client meanwhile.
   */
  #candidates: readonly string[] | undefined;
  /** Whether what was composed last lacks something that is still to be tried. */
  #isPartial = false;
  /** Names of parts that the client has as they were, until the newest form is accepted. */
  #behind: ReadonlySet<string> = new Set();

  /** @param accepted the parts of the message that was accepted last */
  constructor(accepted: readonly Resource[]) {
    this.#base = byName(accepted);
  }

  /** The parts to send now, out of those that there are now. */
  compose(current: readonly Resource[]): readonly Resource[] {
    this.#forgetRefusals(current);
    const [candidate] = this.#candidates ?? [];
    if (candidate !== undefined) {
      this.#isPartial = true;
      return current.filter(({ name }) => name !== candidate);
    }
    const pending = this.#pending(current);
    const group = this.#nextGroup(pending);
    const tried = group === undefined ? pending : pending.filter(({ name }) => group.has(name));
    this.#isPartial = tried.length < pending.length;
    return this.#isPartial ? this.#with(tried) : this.#withoutRefused(current);
  }

  /**
   * A message with these parts is accepted.
   *
   * @param current the parts that there are now
   */
  accept(parts: readonly Resource[], current: readonly Resource[]): void {
    this.#base = byName(parts);
    const [candidate] = this.#candidates ?? [];
    this.#candidates = [];
    // Some refuse without a reason that lasts: what was left out is blamed when it is refused again, with nothing else that is new.
    if (candidate !== undefined) this.#groups = [new Set([candidate])];
    const open = this.#pending(current);
    this.#behind = new Set(open.map(({ name }) => name));
    this.#groups = this.#groups.filter((group) => open.some(({ name }) => group.has(name)));
  }

  /**
   * A message with these parts is refused.
   *
   * @param message the client's reason, which may name parts
   * @param isResumed whether the client may have parts which nobody here knows, and would lose them by a try with less in it: then
   * what its text names is taken for what is refused
   * @returns the parts that are refused by themselves, as far as is known now
   */
  refuse(parts: readonly Resource[], message: string, isResumed = false): readonly Resource[] {
    const tried = this.#differing(parts);
    const named = isResumed ? namedCulprits(tried, message) : [];
    if (named.length > 0) {
      if (message.startsWith(appliedInPart)) this.#base = byName(parts.filter((part) => !named.includes(part)));
      for (const { name, version } of named) this.#refused.set(name, version);
      return named;
    }
    if (isResumed && this.#leavesOneOut(tried)) return [];
    this.#groups = this.#groups.filter((group) => !tried.some(({ name }) => group.has(name)));
    if (tried.length < 2) {
      for (const { name, version } of tried) this.#refused.set(name, version);
      return tried;
    }
    const names = tried.map(({ name }) => name);
    this.#groups.unshift(...splitByHint(names, message));
    return [];
  }

  /** The client has given up the parts with other names, so they are neither tried nor kept. */
  keepOnly(isWanted: (name: string) => boolean): void {
    this.#base = new Map([...this.#base].filter(([name]) => isWanted(name)));
    this.#groups = this.#groups.map((group) => new Set([...group].filter(isWanted))).filter((group) => group.size > 0);
    this.#candidates = this.#candidates?.filter(isWanted);
    this.#behind = new Set([...this.#behind].filter(isWanted));
    for (const name of this.#refused.keys()) if (!isWanted(name)) this.#refused.delete(name);
  }

  /** Whether something is to be sent as soon as there is an answer. */
  get isWaiting(): boolean {
    return this.#groups.length > 0 || this.#isPartial || (this.#candidates ?? []).length > 0;
  }

  /** Whether all that there is has been accepted together, so that nothing need be kept apart any longer. */
  get isOver(): boolean {
    return !this.isWaiting && this.#refused.size === 0 && this.#behind.size === 0;
  }

  /** Whether these parts, without those that are refused, are other than what was accepted last. */
  differs(parts: readonly Resource[]): boolean {
    const wanted = this.#withoutRefused(parts);
    return wanted.length !== this.#base.size || this.#differing(wanted).length > 0;
  }

  hasAccepted(name: string, version: string): boolean {
    return this.#base.get(name)?.version === version;
  }

  /** Whether to go on by leaving out one after the other. */
  #leavesOneOut(tried: readonly Resource[]): boolean {
    this.#candidates = this.#candidates === undefined ? tried.map(({ name }) => name) : this.#candidates.slice(1);
    if (this.#candidates.length > candidateLimit) this.#candidates = [];
    return this.#candidates.length > 0;
  }

  #differing(parts: readonly Resource[]): readonly Resource[] {
    return parts.filter(({ name, version }) => this.#base.get(name)?.version !== version);
  }

  /** Those that are neither accepted nor refused by themselves. */
  #pending(current: readonly Resource[]): readonly Resource[] {
    return this.#differing(current).filter(({ name, version }) => this.#refused.get(name) !== version);
  }

  /** A refusal is of a version, and over when there is another; the client goes on with what it had until it has accepted that. */
  #forgetRefusals(current: readonly Resource[]): void {
    if (this.#refused.size === 0) return;
    const versions = new Map(current.map(({ name, version }) => [name, version]));
    for (const [name, version] of this.#refused) {
      if (versions.get(name) === version) continue;
      this.#refused.delete(name);
      this.#behind = new Set(this.#behind).add(name);
    }
  }

  #nextGroup(pending: readonly Resource[]): ReadonlySet<string> | undefined {
    for (let group = this.#groups[0]; group !== undefined; group = this.#groups[0]) {
      const names = group;
      if (pending.some(({ name }) => names.has(name))) return group;
      this.#groups.shift();
    }
    return undefined;
  }

  #with(tried: readonly Resource[]): readonly Resource[] {
    const parts = new Map(this.#base);
    for (const part of tried) parts.set(part.name, part);
    return [...parts.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  #withoutRefused(current: readonly Resource[]): readonly Resource[] {
    if (this.#refused.size === 0) return current;
    return current.flatMap((part) =>
      this.#refused.get(part.name) === part.version ? (this.#base.get(part.name) ?? []) : part,
    );
  }
}

/** More parts than this are not tried one by one. */
const candidateLimit = 300;

/** So many names in a refusal are taken for the culprits; more are told apart faster in halves. */
const hintLimit = 8;

/** Parts of what was refused together, in the order in which to try them: by what the client's text names, else halves. */
export function splitByHint(names: readonly string[], message: string): readonly ReadonlySet<string>[] {
  const named = names.filter((name) => isNamed(name, message));
  if (named.length > 0 && named.length <= hintLimit && named.length < names.length) {
    const rest = names.filter((name) => !named.includes(name));
    return [new Set(rest), ...named.map((name) => new Set([name]))];
  }
  const middle = Math.ceil(names.length / 2);
  return [new Set(names.slice(0, middle)), new Set(names.slice(middle))];
}

/** How a refusal begins of which all but what is named has been applied (Envoy 1.40). */
const appliedInPart = 'Error adding/updating';

/** What a refused state of the world is refused for, by Envoy's text: a list of names with reasons, or one whole resource in text form. */
function namedCulprits(tried: readonly Resource[], message: string): readonly Resource[] {
  if (message.startsWith(appliedInPart)) {
    const named = tried.filter(({ name }) => [') ', ', '].some((before) => message.includes(`${before}${name}: `)));
    return named.length <= hintLimit ? named : [];
  }
  const [, inText] = /^\S+\s+name: "([^"]+)"/.exec(message) ?? [];
  return tried.filter(({ name }) => name === inText);
}

/** As a word of its own, not within another name. */
function isNamed(name: string, message: string): boolean {
  const at = message.indexOf(name);
  if (at < 0) return false;
  return !/[\w.*/~-]/.test(message.charAt(at - 1)) && !/[\w*/~-]/.test(message.charAt(at + name.length));
}

function byName(parts: readonly Resource[]): ReadonlyMap<string, Resource> {
  return new Map(parts.map((part) => [part.name, part]));
}
