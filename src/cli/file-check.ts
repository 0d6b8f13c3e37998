import { readFile } from 'node:fs/promises';
import { UsageError } from '../setting.ts';

/** Looks whether the files that flags name can be read, so that a command says which flag to change before it starts. */

export interface WantedFile {
  readonly flag: string;
  readonly path: string;
}

/** @throws UsageError for the first file that cannot be read. */
export async function requireReadableFiles(wanted: readonly WantedFile[]): Promise<void> {
  const reasons = await Promise.all(wanted.map((file) => whyNot(file)));
  const reason = reasons.find((text) => text !== undefined);
  if (reason !== undefined) throw new UsageError(reason);
}

async function whyNot({ flag, path }: WantedFile): Promise<string | undefined> {
  try {
    await readFile(path);
    return undefined;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return `${flag} "${path}" cannot be read (${code}): give a file that exists and that this user may read`;
  }
}
