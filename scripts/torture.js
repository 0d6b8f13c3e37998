/**
 * `npm run torture`: runs the tests that inject faults, and prints what was injected, what was expected and seen, how many requests were lost, and
 * how long it took to heal. `--full` injects more of the same; `--seed N` repeats a run; `--only TEXT` takes the suites whose name has it.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** @typedef {{ readonly name: string, readonly paths: readonly string[], readonly full?: Readonly<Record<string, string>> }} Suite */
/** @typedef {{ test: string, injected: string, expected: string, seen: string, requests?: number, lost?: number, healMs?: number }} FaultRecord */
/** @typedef {{ fullName: string, status: string, failureMessages: string[] }} TestResult */
/** @typedef {{ suite: string, held: boolean, cases: number, injected: string, expected: string, seen: string, requests?: number, lost?: number, healMs?: number }} Row */

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * `full` is what the long form adds to the environment.
 *
 * @type {readonly Suite[]}
 */
const suites = [
  { name: 'anything, in any order', paths: ['test/kube/random-faults'], full: { SLUICE_FAULT_ROUNDS: '60' } },
  { name: 'rollouts', paths: ['test/kube/zero-loss', 'test/envoy/rollout'], full: { SLUICE_ENVOY_ROLLOUTS: '50' } },
  { name: 'silence', paths: ['test/envoy/stopped-processes', 'test/envoy/silent-networks'] },
  {
    name: 'API server',
    paths: ['test/kube/watch-faults', 'test/source/kubernetes-faults', 'test/source/random-faults'],
  },
  { name: 'starts', paths: ['test/source/random-starts', 'test/envoy/envoy-starts'], full: { SLUICE_STARTS: '10000' } },
  {
    name: 'order on the wire',
    paths: ['test/wire/random-transitions', 'test/xds/convergence', 'test/envoy/warming'],
    full: { SLUICE_TRANSITIONS: '10000' },
  },
  {
    name: 'what Envoys refuse',
    paths: ['test/envoy/quarantine', 'test/envoy/isolation', 'test/wire/quarantine', 'test/quarantine'],
    full: { SLUICE_QUARANTINE_RUNS: '5000' },
  },
  {
    name: 'what never leaves',
    paths: ['test/validation', 'test/envoy/differential', 'test/translation/object-fuzz', 'test/envoy/object-sets'],
    full: { SLUICE_DIFFERENTIAL: '20000', SLUICE_OBJECT_SETS: '100000' },
  },
  {
    name: 'hostile objects',
    paths: [
      'test/envoy/hostile-annotations',
      'test/envoy/refused-objects',
      'test/translation/hostile-objects',
      'test/translation/published-exploits',
    ],
    full: { SLUICE_TEST_FUZZ: '50000', SLUICE_GOOD_INGRESSES: '1000' },
  },
  {
    name: 'hostile xDS clients',
    paths: ['test/wire/hostile-clients', 'test/xds/protocol-fuzz', 'test/wire/back-pressure', 'test/wire/storm'],
    full: { SLUICE_FLOOD: '50', SLUICE_CONNECTIONS: '10000', SLUICE_FUZZ_MESSAGES: '1000000' },
  },
  {
    name: 'certificates',
    paths: ['test/certificates', 'test/envoy/certificate-rotation', 'test/envoy/tls'],
    full: { SLUICE_ROTATIONS: '100', SLUICE_TLS_CHANGES: '1000' },
  },
  { name: 'tenants', paths: ['test/envoy/tenants', 'test/envoy/resolved-addresses', 'test/cli/leaks'] },
  { name: 'data plane', paths: ['test/envoy/data-plane'], full: { SLUICE_PATH_SPELLINGS: 'all' } },
];

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    seed: { type: 'string', default: '20' },
    only: { type: 'string', multiple: true, default: [] },
  },
});

/** @param {string} line */
function say(line) {
  process.stdout.write(`${line}\n`);
}

async function main() {
  const { full, seed, only } = values;
  const wanted = suites.filter(({ name }) => only.length === 0 || only.some((text) => name.includes(text)));
  if (wanted.length === 0)
    throw new Error(`no suite has that name; there are: ${suites.map(({ name }) => name).join(', ')}`);
  const began = Date.now();
  /** @type {Row[]} */
  const rows = [];
  for (const suite of wanted) {
    say(`\n# ${suite.name}`);
    // oxlint-disable-next-line no-await-in-loop -- faults of one suite would be faults to another
    rows.push(...(await runSuite(suite, { SLUICE_TEST_SEED: seed, ...(full && suite.full) })));
  }
  const minutes = ((Date.now() - began) / 60_000).toFixed(1);
  const document = describe(rows, `npm run torture -- ${full ? '--full ' : ''}--seed ${seed}`, minutes);
  const folder = join(root, 'torture-results');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, new Date(began).toISOString().replaceAll(/[:.]/g, '-'));
  writeFileSync(`${file}.md`, document);
  writeFileSync(`${file}.json`, JSON.stringify({ full, seed, minutes: Number(minutes), rows }, undefined, 2));
  say(`\n${document}\nwritten to ${file}.md and .json`);
  if (rows.some(({ held }) => !held)) process.exitCode = 1;
}

/**
 * @param {Suite} suite
 * @param {Readonly<Record<string, string>>} environment
 * @returns {Promise<readonly Row[]>}
 */
async function runSuite({ name, paths }, environment) {
  const folder = mkdtempSync(join(os.tmpdir(), 'sluice-torture-'));
  const recordFile = join(folder, 'records.jsonl');
  try {
    const reports = { SLUICE_TEST_REPORTS: folder, SLUICE_FAULT_RECORDS: recordFile };
    await run(paths, { ...process.env, ...environment, ...reports });
    const records = readRecords(recordFile);
    const results = readdirSync(folder)
      .filter((file) => file.endsWith('.json'))
      .flatMap((file) => readResults(join(folder, file)));
    if (results.length === 0) return [row(name, { held: false, injected: paths.join(' '), seen: 'no test ran' })];
    return rowsOf(name, results, records);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {readonly string[]} paths
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<void>}
 */
function run(paths, env) {
  return new Promise((fulfil) => {
    const child = spawn(process.execPath, [join(root, 'scripts', 'test.js'), ...paths], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env,
    });
    child.once('error', () => fulfil());
    child.once('close', () => fulfil());
  });
}

/**
 * @param {string} file
 * @returns {readonly FaultRecord[]}
 */
function readRecords(file) {
  try {
    return readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  } catch {
    // No test of the suite puts down more than its name.
    return [];
  }
}

/**
 * @param {string} file
 * @returns {readonly TestResult[]}
 */
function readResults(file) {
  /** @type {{ testResults: { name: string, status: string, message: string, assertionResults: TestResult[] }[] }} */
  const { testResults } = JSON.parse(readFileSync(file, 'utf8'));
  return testResults.flatMap(({ name, status, message, assertionResults }) =>
    assertionResults.length === 0 && status === 'failed'
      ? [{ fullName: name, status, failureMessages: [message] }]
      : assertionResults,
  );
}

/**
 * A row for each thing that was put down, one for each test that failed, and one for all other tests together.
 *
 * @param {string} suite
 * @param {readonly TestResult[]} results
 * @param {readonly FaultRecord[]} records
 * @returns {readonly Row[]}
 */
function rowsOf(suite, results, records) {
  const status = new Map(results.map((result) => [result.fullName, result.status]));
  const told = new Set(records.map(({ test }) => test));
  const recorded = records.map(({ test, lost = 0, ...record }, index) => {
    // Of a test that failed, what was put down last is what it failed at.
    const isLast = records.findLastIndex((other) => other.test === test) === index;
    const held = lost === 0 && (status.get(test) === 'passed' || !isLast);
    return row(suite, { ...record, ...(record.requests !== undefined && { lost }), held });
  });
  const failed = results
    .filter((result) => result.status === 'failed' && !told.has(result.fullName))
    .map(({ fullName, failureMessages }) =>
      row(suite, { held: false, injected: fullName, seen: firstLine(failureMessages) }),
    );
  const silent = results.filter((result) => result.status === 'passed' && !told.has(result.fullName)).length;
  const skipped = results.filter((result) => result.status === 'pending').length;
  return [
    ...recorded,
    ...failed,
    ...(silent > 0
      ? [row(suite, { held: true, cases: silent, injected: `${silent} more cases, each a test`, seen: 'so it was' })]
      : []),
    ...(skipped > 0
      ? [row(suite, { held: false, cases: skipped, injected: `${skipped} cases`, seen: 'could not run here' })]
      : []),
  ];
}

/**
 * @param {string} suite
 * @param {Partial<Row>} parts
 * @returns {Row}
 */
function row(suite, parts) {
  return { suite, held: false, cases: 1, injected: '', expected: 'as the test says', seen: '', ...parts };
}

/** @param {readonly string[]} messages */
function firstLine(messages) {
  // oxlint-disable-next-line no-control-regex -- jest colours its messages
  return (messages[0] ?? '').replaceAll(/\u001b\[[0-9;]*m/g, '').split('\n')[0] ?? '';
}

/**
 * @param {readonly Row[]} rows
 * @param {string} command
 * @param {string} minutes
 */
function describe(rows, command, minutes) {
  const requests = sum(rows, ({ requests: each = 0 }) => each);
  const lost = sum(rows, ({ lost: each = 0 }) => each);
  const cases = sum(rows, (each) => each.cases);
  const failed = sum(rows, ({ held, cases: each }) => (held ? 0 : each));
  const slowest = Math.max(0, ...rows.map(({ healMs = 0 }) => healMs));
  return [
    `\`${command}\`, ${minutes} minutes: ${cases} faults, ${failed} not as expected; ${requests} requests meanwhile, ${lost} lost; slowest to heal ${seconds(slowest)} s`,
    '',
    '| suite | injected | expected | seen | requests | lost | healed after, s |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...rows.map((each) => {
      const { suite, held, injected, expected, seen, requests: sent = '', lost: gone = '', healMs } = each;
      const cells = [
        suite,
        injected,
        expected,
        held ? seen : `FAILED: ${seen}`,
        sent,
        gone,
        healMs === undefined ? '' : seconds(healMs),
      ];
      return `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
    }),
    '',
  ].join('\n');
}

/**
 * @param {readonly Row[]} rows
 * @param {(row: Row) => number} of
 */
function sum(rows, of) {
  return rows.reduce((total, each) => total + of(each), 0);
}

/** @param {number} ms */
function seconds(ms) {
  return (ms / 1_000).toFixed(2);
}

main().catch((error) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
