/**
 * `npm run bench`: measures Sluice, and what it is compared with, against a real API server. The quick form takes about a minute;
 * `-- --full` takes all sizes. Results go to bench/results as JSON and Markdown, after every measurement.
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startKubeCluster } from '../test/support/kube-cluster.ts';
import { apiClient } from './api-client.ts';
import { type Contender, sluice } from './control-plane.ts';
import { envoyGateway } from './envoy-gateway.ts';
import { type Cell, type ContenderKey, contenderKeys, fullForm, ownForm, quickForm, type Wish } from './form.ts';
import { measure, type Plan } from './measurement.ts';
import { contour, yardstick } from './peer.ts';
import { openResults, type Results } from './results.ts';
import type { Testbed } from './testbed.ts';
import { Workload } from './workload.ts';

const usage = `npm run bench -- [options]
  (none)               about a minute: N = 100 and 1,000, K = 1 and 100, beside those peers that are built already
  --full               half an hour: N = 100, 1,000, 10,000 and K = 1, 100, 1,000, 5,000, all peers, churn of 20 s, reconnects
  --objects N          only these sizes (repeatable)
  --streams K          only these numbers of streams (repeatable)
  --only NAME          ${contenderKeys.join(', ')} (repeatable); vhds, linear and rds are the Go yardsticks
  --protocol P         delta or sotw (repeatable); delta when left out, except for Contour, which serves sotw
  --repetitions R      changes of each kind, 20 when left out
  --churn SECONDS      how long, 0 for none
  --storms             with --objects or --streams: also the reconnects
  --resume FILE        go on with the run whose JSON this is: what it has is not measured again
  --profile, --heap    write CPU profiles, or heap profiles, of Sluice; see bench/profile.ts
  --main FILE          the built program, dist/main.js when left out
`;

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    objects: { type: 'string', multiple: true },
    streams: { type: 'string', multiple: true },
    only: { type: 'string', multiple: true },
    protocol: { type: 'string', multiple: true },
    repetitions: { type: 'string', default: '20' },
    churn: { type: 'string' },
    storms: { type: 'boolean', default: false },
    resume: { type: 'string' },
    profile: { type: 'boolean', default: false },
    heap: { type: 'boolean', default: false },
    main: { type: 'string', default: join(import.meta.dirname, '..', 'dist', 'main.js') },
    help: { type: 'boolean', default: false },
  },
});

const contenders: Readonly<Record<ContenderKey, Contender>> = {
  sluice: sluice(resolve(values.main)),
  vhds: yardstick('vhds'),
  linear: yardstick('linear'),
  rds: yardstick('rds'),
  contour: contour(),
  'envoy-gateway': envoyGateway(),
};

if (values.help) process.stdout.write(usage);
else await run();

async function run(): Promise<void> {
  const resultsDirectory = join(import.meta.dirname, 'results');
  const command = ['npm run bench --', ...process.argv.slice(2)].join(' ');
  const results = await openResults(resultsDirectory, command, values.resume);
  const cells = await possible(formOf(wish()).filter((cell) => !isMeasured(cell, results)));
  say('starting the API server');
  const cluster = await startKubeCluster();
  const api = apiClient(cluster);
  const workload = new Workload(api);
  try {
    await workload.createClasses();
    for (const cell of cells) {
      if (workload.size < cell.objects) say(`growing to ${cell.objects} Ingresses, Services and EndpointSlices`);
      await workload.growTo(cell.objects);
      await runCell(cell, { cluster, api, workload, resultsDirectory }, results);
    }
  } finally {
    api.close();
    await cluster.stop();
  }
  say(`written to ${results.file}.json and .md\n\n${results.markdown()}`);
}

async function runCell(cell: Cell, testbed: Testbed, results: Results): Promise<void> {
  const contender = contenders[cell.contender];
  say(`${contender.name}, ${cell.protocol}, N=${cell.objects}, K=${cell.streams}`);
  const profile = values.heap ? 'heap' : 'cpu';
  const plan: Plan = {
    protocol: cell.protocol,
    streams: cell.streams,
    repetitions: Number(values.repetitions),
    churn: { perSecond: 200, seconds: cell.churnSeconds },
    storms: cell.storms,
    ...((values.heap || values.profile) && { profile }),
  };
  // One that fails must not take the others' results away.
  await measure(contender, testbed, plan).then(results.add, (error: unknown) => {
    process.exitCode = 1;
    say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  });
}

function wish(): Wish {
  const chosen = values.only?.map((name) => {
    const key = contenderKeys.find((each) => each === name);
    if (key === undefined) throw new Error(`--only ${name}: it is one of ${contenderKeys.join(', ')}`);
    return key;
  });
  const protocols = values.protocol?.map((name) => {
    if (name !== 'delta' && name !== 'sotw') throw new Error(`--protocol ${name}: it is delta or sotw`);
    return name;
  });
  return {
    ...(values.objects && { objects: values.objects.map(Number) }),
    ...(values.streams && { streams: values.streams.map(Number) }),
    ...(chosen && { contenders: chosen }),
    ...(protocols && { protocols }),
    ...(values.churn !== undefined && { churnSeconds: Number(values.churn) }),
    storms: values.storms,
  };
}

function formOf(wished: Wish): readonly Cell[] {
  if (values.full) return fullForm(wished);
  const isOwn = wished.objects ?? wished.streams ?? wished.protocols;
  return isOwn === undefined ? quickForm(wished) : ownForm(wished);
}

function isMeasured({ contender, protocol, objects, streams }: Cell, { measurements }: Results): boolean {
  return measurements.some(
    (each) =>
      each.contender === contenders[contender].name &&
      each.protocol === protocol &&
      each.objects === objects &&
      each.streams === streams,
  );
}

/** Those whose control plane can be had here, and whose streams this process and its children may open. */
async function possible(cells: readonly Cell[]): Promise<readonly Cell[]> {
  const isQuick = !values.full && values.only === undefined;
  const absent = new Set<ContenderKey>();
  for (const key of new Set(cells.map(({ contender }) => contender))) {
    const contender = contenders[key];
    const problem =
      isQuick && !contender.isPrepared()
        ? `it is not built yet, which takes minutes: \`npm run bench -- --only ${key}\` does it`
        : await contender.prepare().then(() => undefined, messageOf);
    if (problem === undefined) continue;
    absent.add(key);
    say(`without ${contender.name}: ${problem}`);
  }
  const most = openFiles() - 200;
  return cells.filter(({ contender, protocol, streams }) => {
    if (streams > most) say(`without K=${streams}: \`ulimit -n\` is ${most + 200}`);
    return streams <= most && !absent.has(contender) && contenders[contender].protocols.includes(protocol);
  });
}

/** How many files a process may have open. */
function openFiles(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
