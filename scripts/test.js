/**
 * `npm test`: everything, from a fresh clone. Installs the packages, generates the protobuf types, prepares the tools, and runs the
 * tests in four groups; the slow Go builds go on while the first groups run. Arguments go to jest: `npm test -- test/envoy -t drain`.
 *
 * What this machine cannot do is skipped and said; with CI=true it is a failure. The last line is the total of the whole run:
 * `N passed, N failed`, with `, N skipped` where something was.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installDependencies } from './dependencies.js';
import { networkNamespace } from './network-namespace.js';
import { prepare } from './tools.js';

/** @typedef {import('./tools.js').Group} Tool */
/** @typedef {{ passed: number, failed: number, skipped: number }} Total */
/** @typedef {{ project: string, needs: readonly Tool[], flags: readonly string[], ownNetwork: boolean }} Group */

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const isCi = process.env.CI === 'true';
const jest = ['--experimental-vm-modules', '--no-warnings', join(root, 'node_modules', 'jest', 'bin', 'jest.js')];

/**
 * The jest projects, in the order in which their tools are ready. Those with real processes get more time, because these share two
 * cores with everything else; API servers run one after the other, because each wants a core and half a gigabyte.
 *
 * @type {readonly Group[]}
 */
const groups = [
  { project: 'fast', needs: [], flags: [], ownNetwork: false },
  { project: 'envoy', needs: ['envoy'], flags: ['--testTimeout=30000'], ownNetwork: false },
  { project: 'grpcurl', needs: ['grpcurl', 'envoy'], flags: ['--testTimeout=30000'], ownNetwork: false },
  {
    project: 'kube',
    needs: ['kubernetes', 'envoy', 'helm'],
    flags: ['--testTimeout=60000', '--runInBand'],
    ownNetwork: true,
  },
];

const interrupted = new AbortController();
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.once(signal, () => {
    interrupted.abort();
    process.exitCode = 128 + os.constants.signals[signal];
  });
}

/** @param {string} line */
function say(line) {
  process.stdout.write(`${line}\n`);
}

/** @param {readonly string[]} args */
async function main(args) {
  installDependencies(root, say);
  execFileSync(process.execPath, [join(root, 'proto', 'build.js')], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });

  const wanted = groupsWithTests(args);
  if (wanted.length === 0) throw new Error(`no test matches: ${args.join(' ')}`);
  const preparations = startPreparing(new Set(wanted.flatMap((group) => group.needs)));

  const total = { passed: 0, failed: 0, skipped: 0 };
  const { SLUICE_TEST_REPORTS: kept } = process.env;
  const reports = kept ?? mkdtempSync(join(os.tmpdir(), 'sluice-test-'));
  try {
    for (const group of wanted) {
      // oxlint-disable-next-line no-await-in-loop -- one group after the other: a later one waits for its tools
      await runGroup(group, args, preparations, join(reports, `${group.project}.json`), total);
    }
  } finally {
    if (kept === undefined) rmSync(reports, { recursive: true, force: true });
  }
  if (total.failed > 0) process.exitCode = 1;
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
  say(`${total.passed} passed, ${total.failed} failed${skipped}`);
}

/**
 * The groups that have a test for these arguments. Nobody should wait for an API server to be built to run one fast test.
 *
 * @param {readonly string[]} args
 */
function groupsWithTests(args) {
  const list = execFileSync(process.execPath, [...jest, '--listTests', '--json', '--passWithNoTests', ...args], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  /** @type {string[]} */
  const files = JSON.parse(list);
  const projects = new Set(
    files.map((file) => /^test\/(envoy|grpcurl|kube)\//.exec(relative(root, file))?.[1] ?? 'fast'),
  );
  return groups.filter((group) => projects.has(group.project));
}

/**
 * Starts all preparations at once, except that Go builds follow one another. A promise answers what went wrong, or undefined.
 *
 * @param {ReadonlySet<Tool>} tools
 * @returns {Map<Tool, Promise<string | undefined>>}
 */
function startPreparing(tools) {
  /** @type {Map<Tool, Promise<string | undefined>>} */
  const preparations = new Map();
  let builds = Promise.resolve();
  for (const tool of tools) {
    const turn = tool === 'envoy' ? Promise.resolve() : builds;
    const preparation = turn
      .then(() => prepare(tool, say, interrupted.signal))
      .then(
        () => undefined,
        (error) => (error instanceof Error ? error.message : String(error)),
      );
    preparations.set(tool, preparation);
    if (tool !== 'envoy') builds = preparation.then(() => undefined);
  }
  return preparations;
}

/**
 * @param {Group} group
 * @param {readonly string[]} args
 * @param {ReadonlyMap<Tool, Promise<string | undefined>>} preparations
 * @param {string} report
 * @param {Total} total where the group's numbers are added
 */
async function runGroup(group, args, preparations, report, total) {
  const outcomes = await Promise.all(group.needs.flatMap((tool) => preparations.get(tool) ?? []));
  if (interrupted.signal.aborted) return;
  const problems = outcomes.filter((outcome) => outcome !== undefined);
  const network = group.ownNetwork ? networkNamespace() : { prefix: [] };
  if ('problem' in network) problems.push(network.problem);
  for (const problem of problems) {
    say(`${isCi ? 'failed' : 'skipped'}: ${group.project} tests: ${problem}`);
    if (isCi) total.failed += 1;
  }
  // Without what they need the tests are run all the same: they skip, or fail, themselves, and so they are counted.
  const prefix = 'prefix' in network ? network.prefix : [];
  const flags = [
    '--selectProjects',
    group.project,
    '--passWithNoTests',
    '--json',
    '--outputFile',
    report,
    ...group.flags,
  ];
  say(`\n== ${group.project}`);
  const code = await run([...prefix, process.execPath, ...jest, ...flags, ...args]);
  count(report, code, total);
}

/**
 * @param {readonly string[]} command
 * @returns {Promise<number | null>} the exit code; null when a signal ended it
 */
function run(command) {
  const [executable = '', ...args] = command;
  return new Promise((fulfil) => {
    const child = spawn(executable, args, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      signal: interrupted.signal,
    });
    child.once('error', () => fulfil(null));
    child.once('close', fulfil);
  });
}

/**
 * Adds up a report. A test file that fails without a failed test (it does not load, or its clean-up throws) counts as one failure, and
 * so does a jest that fails without saying why.
 *
 * @param {string} report
 * @param {number | null} code
 * @param {Total} total
 */
function count(report, code, total) {
  const before = total.failed;
  const result = readReport(report);
  total.passed += result.numPassedTests;
  total.failed += result.numFailedTests;
  total.skipped += result.numPendingTests + result.numTodoTests;
  for (const file of result.testResults) {
    const tests = file.assertionResults.filter((test) => test.status === 'failed');
    if (file.status === 'failed' && tests.length === 0) total.failed += 1;
  }
  if (code !== 0 && total.failed === before) total.failed += 1;
}

/**
 * @typedef {{ status: string, assertionResults: { status: string }[] }} TestFile
 * @param {string} report
 * @returns {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number, testResults: TestFile[] }}
 */
function readReport(report) {
  try {
    return JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    return { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] };
  }
}

main(process.argv.slice(2)).catch((error) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  say('0 passed, 1 failed');
  process.exitCode = 1;
});
