/** Which Envoy is used, with stand-ins for Envoy and for python3: shell scripts that a test writes. */
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { envoyVersion, findEnvoy } from '../../src/cli/envoy-binary.ts';

describe('findEnvoy', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sluice-find-'));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  const script = async (file: string, text: string): Promise<string> => {
    const path = join(directory, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `#!/bin/sh\n${text}\n`);
    await chmod(path, 0o755);
    return path;
  };
  const installed = () => join(directory, `envoy-${envoyVersion}`, 'envoy', '_bin', 'envoy');

  it('takes the given executable before everything else', async () => {
    const given = await script('given', 'echo envoy version: abc/1.1.0/Clean/RELEASE');
    await script('bin/envoy', 'echo envoy version: abc/1.2.0/Clean/RELEASE');

    expect(await findEnvoy({ executable: given, path: join(directory, 'bin'), directory })).toBe(given);
  });

  it('says that the given executable does not run instead of taking another one', async () => {
    const given = await script('given', 'echo no such library >&2; exit 127');
    await script('bin/envoy', 'echo envoy version: abc/1.2.0/Clean/RELEASE');

    await expect(findEnvoy({ executable: given, path: join(directory, 'bin'), directory })).rejects.toThrow(
      `ENVOY names ${given}, which does not run: no such library. Point ENVOY at an Envoy executable or unset it.`,
    );
  });

  it('refuses a given program that is no Envoy', async () => {
    const given = await script('given', 'echo GNU coreutils version 9');

    await expect(findEnvoy({ executable: given, directory })).rejects.toThrow('its --version is not that of an Envoy');
  });

  it('takes the first envoy on the path that can be executed', async () => {
    await mkdir(join(directory, 'a', 'envoy'), { recursive: true });
    await mkdir(join(directory, 'b'));
    await writeFile(join(directory, 'b', 'envoy'), 'not executable');
    const found = await script('c/envoy', 'echo envoy version: abc/1.2.0/Clean/RELEASE');
    const path = ['', 'a', 'b', 'c', 'no-such-folder']
      .map((name) => (name === '' ? '' : join(directory, name)))
      .join(':');

    expect(await findEnvoy({ executable: '', path, directory })).toBe(found);
  });

  it('takes what an earlier call has fetched, without a word', async () => {
    await script(`envoy-${envoyVersion}/envoy/_bin/envoy`, 'echo envoy version: abc/1.3.0/Clean/RELEASE');
    const lines: string[] = [];

    expect(await findEnvoy({ directory, progress: (line) => lines.push(line) })).toBe(installed());
    expect(lines).toEqual([]);
  });

  it('names the three ways when there is none and it may not fetch one', async () => {
    await expect(findEnvoy({ directory, install: false })).rejects.toThrow(
      /set ENVOY to the path.*put an `envoy` on the PATH.*python3 with pip/,
    );
    expect(await readdir(directory)).toEqual([]);
  });
});
