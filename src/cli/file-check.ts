import { access, constants, readFile } from 'node:fs/promises';
import { UsageError } from '../setting.ts';

/** Looks whether the files that flags name can be read, so that a command says which flag to change before it starts. */

export interface WantedFile {
  readonly flag: string;
  readonly path: string;
}

/** @throws UsageError for the first file that cannot be read. */
export async function requireReadableFiles(wanted: readonly WantedFile[]): Promise<void> {
  await requireEach(wanted, (path) => readFile(path));
}

/**
 * A manifest path that is missing at the start would be read as no objects at all, and Envoys that still serve them would
 * lose them.
 *
 * @throws UsageError for the first file or folder that cannot be read.
 */
export async function requireReadableManifests(paths: readonly string[]): Promise<void> {
  await requireEach(
    paths.map((path) => ({ flag: '--dir', path })),
    (path) => access(path, constants.R_OK),
  );
}

async function requireEach(wanted: readonly WantedFile[], attempt: (path: string) => Promise<unknown>): Promise<void> {
  const reasons = await Promise.all(wanted.map((file) => whyNot(file, attempt)));
  const reason = reasons.find((text) => text !== undefined);
  if (reason !== undefined) throw new UsageError(reason);
}

async function whyNot(
  { flag, path }: WantedFile,
  attempt: (path: string) => Promise<unknown>,
): Promise<string | undefined> {
  try {
    await attempt(path);
    return undefined;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return `${flag} "${path}" cannot be read (${code}): give one that exists and that this user may read`;
  }
}
