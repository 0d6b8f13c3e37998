/**
 * Prepares what the tests run against into the git-ignored folder `.tools`: Envoy, grpcurl, a Kubernetes API server with etcd and
 * kubectl, and Helm. Everything that is already there is kept; two runs at once do not disturb each other.
 *
 * On the command line: `node scripts/tools.js [envoy] [grpcurl] [kubernetes] [helm]` (all when none is named). The last line printed
 * is JSON: the path of each binary by its name. Settings: SLUICE_TOOLS_DIR is another folder than `.tools`, ENVOY an Envoy to use.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Where the tools are kept. */
export const toolsDirectory = resolve(process.env.SLUICE_TOOLS_DIR ?? join(root, '.tools'));

/** @typedef {(line: string) => void} Progress */
/** @typedef {Readonly<Record<string, string>>} Binaries Path of each binary by its name. */
/** @typedef {{ module: string, binaries: readonly string[], duration: string }} GoTool */

/** What each group consists of. `module` is a folder of test/tools whose go.mod pins the versions and names the commands. */
const groups = {
  /** @type {readonly GoTool[]} */
  envoy: [],
  grpcurl: [{ module: 'grpcurl', binaries: ['grpcurl'], duration: 'half a minute' }],
  kubernetes: [
    { module: 'etcd', binaries: ['etcd'], duration: 'half a minute' },
    {
      module: 'kubernetes',
      binaries: ['kube-apiserver', 'kube-controller-manager', 'kubectl'],
      duration: 'about five minutes on two cores',
    },
  ],
  helm: [{ module: 'helm', binaries: ['helm'], duration: 'two minutes' }],
};

/** @typedef {keyof typeof groups} Group */

/** @type {readonly Group[]} */
export const groupNames = ['envoy', 'grpcurl', 'kubernetes', 'helm'];

/** `go install` names a binary after its package's folder; these are called otherwise here. */
const renamed = new Map([['server', 'etcd']]);

/** Something is missing on this machine, so that the tool cannot be made; the message says what to install. */
export class ToolMissing extends Error {}

/**
 * Prepares one group and answers where its binaries are.
 *
 * Throws ToolMissing when the machine lacks what it takes, and an Error with the compiler's words when a build fails.
 *
 * @param {Group} group
 * @param {Progress} progress told one line for each step that takes time
 * @param {AbortSignal} [signal] ends a build that runs
 * @returns {Promise<Binaries>}
 */
export async function prepare(group, progress, signal) {
  if (group === 'envoy') return { envoy: await prepareEnvoy(progress) };
  /** @type {Record<string, string>} */
  const binaries = {};
  for (const tool of groups[group]) {
    // oxlint-disable-next-line no-await-in-loop -- one build at a time: each takes every core by itself
    await buildGoTool(tool, progress, signal);
    for (const name of tool.binaries) binaries[name] = join(toolsDirectory, 'bin', name);
  }
  return binaries;
}

/**
 * The search itself is src/cli/envoy-binary.ts, which `sluice up` needs too. It imports nothing but Node's builtins, so its
 * compiled text can be imported as it is, before anything was built.
 *
 * @param {Progress} progress
 */
async function prepareEnvoy(progress) {
  const { transformFile } = await import('@swc/core');
  const { code } = await transformFile(join(root, 'src', 'cli', 'envoy-binary.ts'), {
    configFile: false,
    swcrc: false,
    jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
    module: { type: 'es6' },
  });
  const { findEnvoy } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  try {
    return await findEnvoy({
      executable: process.env.ENVOY,
      path: process.env.PATH,
      directory: toolsDirectory,
      progress,
    });
  } catch (error) {
    throw new ToolMissing(messageOf(error), { cause: error });
  }
}

/**
 * Builds into a folder of its own and renames the finished binaries into place one by one: a run beside this one sees the old binary
 * or the new one, never half of it. The stamp, written last, says which go.mod and go.sum the binaries were made from.
 *
 * @param {GoTool} tool
 * @param {Progress} progress
 * @param {AbortSignal} [signal]
 */
async function buildGoTool(tool, progress, signal) {
  const module = join(root, 'test', 'tools', tool.module);
  const bin = join(toolsDirectory, 'bin');
  const stampFile = join(toolsDirectory, `${tool.module}.stamp`);
  const flags = ['-trimpath', '-buildvcs=false', `-ldflags=${['-s', '-w', ...(await versionFlags(module))].join(' ')}`];
  const stamp = await stampOf(module, flags);
  const present = tool.binaries.every((name) => existsSync(join(bin, name)));
  if (present && existsSync(stampFile) && (await readFile(stampFile, 'utf8')) === stamp) return;

  progress(`building ${tool.binaries.join(', ')} from Go source (${tool.duration} the first time)`);
  await mkdir(bin, { recursive: true });
  const draft = await mkdtemp(join(toolsDirectory, `.${tool.module}-`));
  const started = Date.now();
  try {
    await goInstall(module, flags, draft, signal);
    const built = await readdir(draft);
    await Promise.all(built.map((name) => rename(join(draft, name), join(bin, renamed.get(name) ?? name))));
    await writeFile(`${draft}/stamp`, stamp);
    await rename(`${draft}/stamp`, stampFile);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  progress(`built ${tool.binaries.join(', ')} in ${Math.round((Date.now() - started) / 1000)} s`);
}

/**
 * A plain `go install` leaves Kubernetes without a version; stamped, the API server and kubectl say the one that go.mod pins.
 *
 * @param {string} module
 * @returns {Promise<string[]>}
 */
async function versionFlags(module) {
  const pinned = /^\s*k8s\.io\/kubernetes v((\d+)\.(\d+)\.\S+)/m.exec(await readFile(join(module, 'go.mod'), 'utf8'));
  if (pinned === null) return [];
  const [, version, major, minor] = pinned;
  const values = { gitVersion: `v${version}`, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  return Object.entries(values).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
}

/**
 * @param {string} module
 * @param {readonly string[]} flags
 */
async function stampOf(module, flags) {
  const files = await Promise.all(['go.mod', 'go.sum'].map((name) => readFile(join(module, name), 'utf8')));
  return `${createHash('sha256')
    .update(JSON.stringify([flags, files]))
    .digest('hex')}\n`;
}

/**
 * Runs at the lowest priority: it has the machine when nothing else wants it, and the tests beside it keep their pace.
 *
 * @param {string} module
 * @param {readonly string[]} flags
 * @param {string} into
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
function goInstall(module, flags, into, signal) {
  return new Promise((fulfil, reject) => {
    const go = spawn('go', ['install', ...flags, 'tool'], {
      cwd: module,
      env: { ...process.env, CGO_ENABLED: '0', GOBIN: into },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(signal && { signal }),
    });
    lowerPriority(go.pid);
    let output = '';
    for (const stream of [go.stdout, go.stderr]) stream.on('data', (data) => (output += data));
    go.on('error', (error) => {
      const missing = 'code' in error && error.code === 'ENOENT';
      reject(
        missing ? new ToolMissing('Go is not on the PATH; install Go 1.26 or newer and run `npm test` again') : error,
      );
    });
    go.on('close', (code) => {
      if (code === 0) fulfil();
      else
        reject(
          new Error(
            `go install failed in test/tools/${basename(module)}:\n${output.trim().split('\n').slice(-30).join('\n')}`,
          ),
        );
    });
  });
}

/** @param {number | undefined} pid */
function lowerPriority(pid) {
  if (pid === undefined) return;
  try {
    os.setPriority(pid, os.constants.priority.PRIORITY_LOW);
  } catch {
    // Not allowed, or already over: the build runs at the usual priority then.
  }
}

/** @param {unknown} error */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/** @param {readonly string[]} names */
async function main(names) {
  const unknown = names.filter((name) => !Object.hasOwn(groups, name));
  if (unknown.length > 0) {
    throw new Error(`unknown tools: ${unknown.join(', ')}; there are: ${Object.keys(groups).join(', ')}`);
  }
  /** @type {Record<string, string>} */
  const binaries = {};
  for (const group of groupNames.filter((name) => names.length === 0 || names.includes(name))) {
    // oxlint-disable-next-line no-await-in-loop -- one build at a time, as above
    Object.assign(binaries, await prepare(group, (line) => process.stdout.write(`${line}\n`)));
  }
  process.stdout.write(`${JSON.stringify(binaries)}\n`);
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  main(process.argv.slice(2)).catch((error) => {
    process.stderr.write(`${error instanceof ToolMissing ? 'skipped: ' : ''}${messageOf(error)}\n`);
    process.exitCode = 1;
  });
}
