// Finds the manifest files below the given paths, and tells by their fingerprints whether they may have changed.

import type { BigIntStats } from 'node:fs';
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import type { ManifestFile } from './manifest-set.ts';
import { isMissing, messageOf } from './system-error.ts';

const extensions: ReadonlySet<string> = new Set(['.yaml', '.yml', '.json']);

export interface FoundFile extends ManifestFile {
  /** Differs when the file was written, replaced, or a link on its path points elsewhere. */
  readonly fingerprint: string;
  /** Milliseconds since the epoch at which the file, its name or its rights last changed. */
  readonly changedAt: number;
  /** In bytes. */
  readonly size: number;
}

export interface ManifestScan {
  /** No path twice. */
  readonly files: readonly FoundFile[];
  /** Paths that should be there, and folders: what is below them is unknown now. */
  readonly unreadable: readonly (ManifestFile & { readonly message: string })[];
  /** The absolute paths of both. */
  readonly paths: ReadonlySet<string>;
  /** One for each given path: the same string as long as the same file or folder is there. */
  readonly identities: readonly string[];
}

/** True for files that are read when they are inside a given folder. */
export function isManifestName(path: string): boolean {
  return !basename(path).startsWith('.') && extensions.has(extname(path).toLowerCase());
}

/**
 * Looks at each given path: a file is taken whatever its name; a folder is searched with all folders in it, through
 * links too, for files ending in .yaml, .yml and .json. What begins with a dot is passed over.
 */
export async function scanManifests(paths: readonly string[]): Promise<ManifestScan> {
  const walks = await Promise.all(paths.map((path, rank) => new Walk(rank).start(path)));
  const files = new Map<string, FoundFile>();
  // The path given first keeps a file that can be found from several.
  for (const file of walks.flatMap((walk) => walk.files)) if (!files.has(file.path)) files.set(file.path, file);
  const unreadable = walks.flatMap((walk) => walk.unreadable);
  return {
    files: [...files.values()],
    unreadable,
    paths: new Set([...files.keys(), ...unreadable.map(({ path }) => path)]),
    identities: walks.map((walk) => walk.identity),
  };
}

class Walk {
  readonly files: FoundFile[] = [];
  readonly unreadable: (ManifestFile & { readonly message: string })[] = [];
  identity = '';
  readonly #rank: number;

  constructor(rank: number) {
    this.#rank = rank;
  }

  async start(given: string): Promise<this> {
    const root = this.#file(resolve(given), join(given));
    try {
      const stats = await stat(root.path, { bigint: true });
      this.identity = `${stats.dev}:${stats.ino}`;
      if (stats.isDirectory()) await this.#folder(root, [await realpath(root.path)]);
      else this.#found(root, stats);
    } catch (error) {
      this.#fail(root, error);
    }
    return this;
  }

  /** `ancestors` are the real paths of the folder and of those around it: a link to one of them leads nowhere new. */
  async #folder(folder: ManifestFile, ancestors: readonly string[]): Promise<void> {
    const found = await readdir(folder.path, { withFileTypes: true });
    const shown = found.filter(({ name }) => !name.startsWith('.'));
    await Promise.all(
      shown.map(async (each) => {
        const entry = this.#file(join(folder.path, each.name), join(folder.name, each.name));
        if (!(await isMisnamed(entry.path))) await this.#entry(entry, ancestors);
        else if (each.isDirectory() || isManifestName(each.name)) this.#unreadable(entry, misnamed);
      }),
    );
  }

  async #entry(entry: ManifestFile, ancestors: readonly string[]): Promise<void> {
    try {
      const stats = await stat(entry.path, { bigint: true });
      if (stats.isDirectory()) {
        const real = await realpath(entry.path);
        if (!ancestors.includes(real)) await this.#folder(entry, [...ancestors, real]);
      } else if (stats.isFile() && isManifestName(entry.path)) {
        this.#found(entry, stats);
      }
    } catch (error) {
      // What is missing went away since the folder was read, unless it is a broken link that should have been read.
      if (!isMissing(error) || (isManifestName(entry.path) && (await isLink(entry.path)))) this.#fail(entry, error);
    }
  }

  #found(file: ManifestFile, stats: BigIntStats): void {
    this.files.push({
      ...file,
      fingerprint: [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(':'),
      changedAt: Math.max(Number(stats.ctimeMs), Number(stats.mtimeMs)),
      size: Number(stats.size),
    });
  }

  #fail(file: ManifestFile, error: unknown): void {
    this.#unreadable(file, isMissing(error) ? 'It does not exist' : `It cannot be read: ${messageOf(error)}`);
  }

  #unreadable(file: ManifestFile, message: string): void {
    this.unreadable.push({ ...file, message });
  }

  #file(path: string, name: string): ManifestFile {
    return { path, name, rank: this.#rank };
  }
}

const misnamed = 'Its name is not valid UTF-8, so it cannot be opened; rename it';

/** Node puts U+FFFD in the place of bytes that are not UTF-8, and a file of that name is then not there. */
async function isMisnamed(path: string): Promise<boolean> {
  if (!basename(path).includes('\uFFFD')) return false;
  return lstat(path).then(() => false, isMissing);
}

function isLink(path: string): Promise<boolean> {
  return lstat(path).then(
    (stats) => stats.isSymbolicLink(),
    () => false,
  );
}
