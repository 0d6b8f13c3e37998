/**
 * `npm run bench`: measures Sluice, and what it is compared with, against a real API server. The quick form takes about a minute for
 * Sluice; `-- --full` takes all sizes. Results go to bench/results as JSON and Markdown.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startKubeCluster } from '../test/support/kube-cluster.ts';
import { apiClient } from './api-client.ts';
import { type Contender, sluice } from './control-plane.ts';
import { measure, type Measurement } from './measurement.ts';
import { contour, yardstick } from './peer.ts';
import { describeMachine, markdownTable } from './report.ts';
import { Workload } from './workload.ts';

const usage = `npm run bench -- [options]
  --full               N = 100, 1000, 10000 and K = 1, 100, 1000; churn for 20 s
  --objects N          only these sizes (repeatable)
  --streams K          only these numbers of streams (repeatable)
  --only NAME          sluice, rds, vhds (the Go yardsticks) or contour (repeatable); all when left out
  --protocol P         delta or sotw (repeatable); delta when left out, except for Contour, which is measured in sotw
  --repetitions R      changes of each kind, 20 when left out
  --churn SECONDS      5 when left out, 0 for none
  --profile            write CPU profiles of Sluice
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
    profile: { type: 'boolean', default: false },
    main: { type: 'string', default: join(import.meta.dirname, '..', 'dist', 'main.js') },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) process.stdout.write(usage);
else await run();

async function run(): Promise<void> {
  const sizes = (values.objects ?? (values.full ? ['100', '1000', '10000'] : ['100', '1000'])).map(Number);
  const fleets = (values.streams ?? (values.full ? ['1', '100', '1000'] : ['1', '100'])).map(Number);
  const resultsDirectory = join(import.meta.dirname, 'results');
  await mkdir(resultsDirectory, { recursive: true });
  const contenders = await selectContenders();
  say('starting the API server');
  const cluster = await startKubeCluster();
  const api = apiClient(cluster);
  const workload = new Workload(api);
  const measurements: Measurement[] = [];
  try {
    await workload.createClasses();
    for (const size of sizes.toSorted((a, b) => a - b)) {
      say(`growing to ${size} Ingresses, Services and EndpointSlices`);
      await workload.growTo(size);
      for (const streams of fleets) {
        for (const contender of contenders) {
          for (const protocol of protocolsOf(contender)) {
            say(`${contender.name}, ${protocol}, N=${size}, K=${streams}`);
            const churn = { perSecond: 200, seconds: streams === 1 ? churnSeconds() : 0 };
            const plan = { protocol, streams, repetitions: Number(values.repetitions), churn, profile: values.profile };
            const testbed = { cluster, api, workload, resultsDirectory };
            const measured = await measure(contender, testbed, plan).catch(explain);
            if (measured !== undefined) measurements.push(measured);
          }
        }
      }
    }
  } finally {
    api.close();
    await cluster.stop();
  }
  await report(measurements, resultsDirectory);
}

async function selectContenders(): Promise<readonly Contender[]> {
  const all = {
    sluice: sluice(resolve(values.main)),
    rds: yardstick('rds'),
    vhds: yardstick('vhds'),
    contour: contour(),
  };
  const wanted = values.only ?? Object.keys(all);
  const selected: Contender[] = [];
  for (const [name, contender] of Object.entries(all)) {
    if (!wanted.includes(name)) continue;
    await contender.prepare().then(
      () => selected.push(contender),
      (error: unknown) => say(`without ${contender.name}: ${error instanceof Error ? error.message : String(error)}`),
    );
  }
  return selected;
}

function protocolsOf(contender: Contender) {
  const wanted = values.protocol ?? [contender.protocols[0]];
  return contender.protocols.filter((protocol) => wanted.includes(protocol));
}

function churnSeconds(): number {
  return Number(values.churn ?? (values.full ? '20' : '5'));
}

async function report(measurements: readonly Measurement[], directory: string): Promise<void> {
  const machine = await describeMachine();
  const command = ['npm run bench --', ...process.argv.slice(2)].join(' ');
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-');
  const table = markdownTable(measurements);
  const file = join(directory, `bench-${stamp}`);
  await writeFile(`${file}.json`, JSON.stringify({ machine, command, measurements }, null, 2));
  await writeFile(`${file}.md`, `\`${command}\` on ${JSON.stringify(machine)}\n\n${table}\n`);
  say(`written to ${file}.json and .md\n\n${table}`);
}

/** One that fails must not take the others' results away. */
function explain(error: unknown): undefined {
  process.exitCode = 1;
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
