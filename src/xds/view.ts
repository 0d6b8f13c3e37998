/**
 * The resources that clients of one protocol variant see, by type, and who is to be told when one of them changes.
 */
import type { Resource } from './resource.ts';
import { ResourceTable } from './resource-table.ts';

/** One change of one resource; `resource` is undefined when it is gone. */
export interface ResourceChange {
  readonly typeUrl: string;
  readonly name: string;
  readonly resource: Resource | undefined;
  /** Clients that have it are not told that it is gone; those that come are not given it. */
  readonly isSilent?: boolean;
  /** Clients are told that it is gone even if it was gone before, silently. */
  readonly isForced?: boolean;
}

/** Who is told of changes: a session, which nothing need be known of here. */
export type Subscriber = object;

/** What a session may see and ask of a view. */
export interface SubscribableView {
  /** Grows with each publication; 0 until the first, when nothing must be answered yet. */
  readonly sequence: number;
  readonly table: (typeUrl: string) => ResourceTable;
}

/** Stands for every name of a type (xDS protocol, "How the client specifies what resources to return"). */
export const wildcardName = '*';

/** A version, and what the encoding of a name with its version needs beside these two. */
const versionBytes = 24;

export class View implements SubscribableView {
  readonly #tables = new Map<string, ResourceTable>();
  #sequence = 0;

  get sequence(): number {
    return this.#sequence;
  }

  table(typeUrl: string): ResourceTable {
    const existing = this.#tables.get(typeUrl);
    if (existing !== undefined) return existing;
    const table = new ResourceTable(typeUrl);
    this.#tables.set(typeUrl, table);
    return table;
  }

  get(typeUrl: string, name: string): Resource | undefined {
    return this.#tables.get(typeUrl)?.get(name);
  }

  typeUrls(): readonly string[] {
    return [...this.#tables.keys()].toSorted();
  }

  size(typeUrl: string): number {
    return this.#tables.get(typeUrl)?.size ?? 0;
  }

  /** How many names are asked for that nothing has. */
  get unknownNames(): number {
    let sum = 0;
    for (const table of this.#tables.values()) sum += table.unknownNames;
    return sum;
  }

  /** Of the type that has the most. */
  get mostNames(): number {
    let most = 0;
    for (const table of this.#tables.values()) most = Math.max(most, table.size);
    return most;
  }

  /** About how many bytes a client needs that names all resources of one type with their versions. */
  get nameBytes(): number {
    let most = 0;
    for (const table of this.#tables.values()) most = Math.max(most, table.nameLength + table.size * versionBytes);
    return most;
  }

  /** Sorted. */
  names(typeUrl: string): readonly string[] {
    return this.#tables.get(typeUrl)?.names() ?? [];
  }

  /** Takes over the changes and tells those who want them; gives back who was told. */
  apply(changes: readonly ResourceChange[], sequence: number): ReadonlySet<Subscriber> {
    this.#sequence = sequence;
    const told = new Set<Subscriber>();
    for (const { typeUrl, name, resource, isSilent, isForced } of changes) {
      const table = this.table(typeUrl);
      if (isSilent === true) table.withdraw(name);
      else table.replace(name, resource, sequence, told, isForced);
    }
    return told;
  }

  /** To be called now and then: forgets responses that nobody has been sent of late. */
  sweep(): void {
    for (const { batches } of this.#tables.values()) batches.sweep();
  }
}
