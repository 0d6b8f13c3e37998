/**
 * Finds the resource that has a name and a version which a request gives as bytes, without making strings of them: a client that comes
 * back names all that it has, and nearly all of it is as it was.
 */
import type { Resource } from './resource.ts';

/** Where in some bytes a name and its version stand. */
export interface Entry {
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly versionStart: number;
  readonly versionEnd: number;
}

export class VersionIndex {
  /** By the start of the version. Two that start alike overwrite each other, and the client's is then compared as text. */
  readonly #ids = new Map<number, number>();
  readonly #at: (id: number) => Resource | undefined;

  /** @param at the resource with a number */
  constructor(at: (id: number) => Resource | undefined) {
    this.#at = at;
  }

  add(id: number, { record, versionOffset }: Resource): void {
    this.#ids.set(keyAt(record, versionOffset), id);
  }

  delete(id: number, { record, versionOffset }: Resource): void {
    const key = keyAt(record, versionOffset);
    if (this.#ids.get(key) === id) this.#ids.delete(key);
  }

  /** The number of the resource with this name and version; undefined if there is none, or if it was not found this way. */
  find(bytes: Uint8Array, { nameStart, nameEnd, versionStart, versionEnd }: Entry): number | undefined {
    if (versionEnd - versionStart !== versionLength) return undefined;
    const id = this.#ids.get(keyAt(bytes, versionStart));
    const resource = id === undefined ? undefined : this.#at(id);
    if (resource === undefined) return undefined;
    const { record, nameOffset, versionOffset } = resource;
    // The name is followed by the tag and the length of the version.
    if (nameEnd - nameStart !== versionOffset - nameOffset - 2) return undefined;
    const isSame =
      equals(record, versionOffset, bytes, versionStart, versionLength) &&
      equals(record, nameOffset, bytes, nameStart, nameEnd - nameStart);
    return isSame ? id : undefined;
  }
}

/** Hexadecimal digits. */
const versionLength = 16;

/** Seven digits of a version as a number: as much as fits one that needs no memory of its own. */
function keyAt(bytes: Uint8Array, start: number): number {
  let key = 0;
  for (let i = start; i < start + 7; i += 1) {
    const byte = bytes[i] ?? 0;
    // 0 to 9 are 0x30 to 0x39, and a to f are 0x61 to 0x66.
    key = (key << 4) | ((byte & 15) + (byte >> 6) * 9);
  }
  return key;
}

function equals(left: Uint8Array, leftStart: number, right: Uint8Array, rightStart: number, length: number): boolean {
  for (let i = 0; i < length; i += 1) if (left[leftStart + i] !== right[rightStart + i]) return false;
  return true;
}
