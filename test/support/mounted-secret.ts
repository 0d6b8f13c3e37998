/** A folder that holds a Secret's keys as files, exchanged all at once as kubelet does it: behind one link, which is replaced. */
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface MountedSecret {
  readonly path: (key: string) => string;
  /** The keys are those of the first time. */
  update(data: Readonly<Record<string, string>>): Promise<void>;
}

export async function mountSecret(folder: string, data: Readonly<Record<string, string>>): Promise<MountedSecret> {
  let version = 0;
  const path = (key: string): string => join(folder, key);
  const update = async (next: Readonly<Record<string, string>>): Promise<void> => {
    version += 1;
    const home = `..${version}`;
    await mkdir(path(home));
    await Promise.all(Object.entries(next).map(([key, text]) => writeFile(join(folder, home, key), text)));
    await symlink(home, path('..data_tmp'));
    await rename(path('..data_tmp'), path('..data'));
    await rm(path(`..${version - 1}`), { recursive: true, force: true });
  };
  await mkdir(folder, { recursive: true });
  await update(data);
  await Promise.all(Object.keys(data).map((key) => symlink(join('..data', key), path(key))));
  return { path, update };
}
