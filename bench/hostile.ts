/**
 * `npm run bench:hostile`: what hostile xDS clients cost the good ones. The built `sluice serve` on a real API server, with simulated Envoys that are sent
 * a change after the other, first alone and then beside hostile clients of one kind after the other; and the server's memory.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startKubeCluster } from '../test/support/kube-cluster.ts';
import { apiClient } from './api-client.ts';
import { type ChangeCost, measureChanges, moveEndpoint } from './change-cost.ts';
import { type Child, startChild } from './child.ts';
import { type ControlPlane, memoryMb, sluice } from './control-plane.ts';
import { launchFleet } from './fleet.ts';
import { type Attack, attacks, type FromHostile, type ToHostile } from './hostile-client.ts';
import { describeMachine } from './report.ts';
import type { Subject, Testbed } from './testbed.ts';
import { Workload } from './workload.ts';

const usage = `npm run bench:hostile -- [options]
  --objects N        Ingresses, Services and EndpointSlices; 1000 when left out
  --streams K        good Envoys, 10 when left out
  --repetitions R    changes of each measurement, 60 when left out
  --only ATTACK      ${Object.keys(attacks).join(', ')} (repeatable)
  --main FILE        the built program, dist/main.js when left out
`;

const { values } = parseArgs({
  options: {
    objects: { type: 'string', default: '1000' },
    streams: { type: 'string', default: '10' },
    repetitions: { type: 'string', default: '60' },
    only: { type: 'string', multiple: true },
    main: { type: 'string', default: join(import.meta.dirname, '..', 'dist', 'main.js') },
    help: { type: 'boolean', default: false },
  },
});

/** Megabytes: resident as the system counts it, and held after a garbage collection. */
interface Memory {
  readonly resident: number;
  readonly held: number;
}

interface Row {
  readonly attack: Attack;
  readonly deeds: number;
  /** Before and after it, together, and beside it. */
  readonly alone: ChangeCost;
  readonly beside: ChangeCost;
  /** Before it, at its end, and some seconds after it. */
  readonly memory: readonly Memory[];
}

if (values.help) process.stdout.write(usage);
else await run();

async function run(): Promise<void> {
  const resultsDirectory = join(import.meta.dirname, 'results');
  await mkdir(resultsDirectory, { recursive: true });
  const cluster = await startKubeCluster();
  const api = apiClient(cluster);
  const workload = new Workload(api);
  const stops: (() => Promise<void>)[] = [
    () => cluster.stop(),
    () => {
      api.close();
      return Promise.resolve();
    },
  ];
  const rows: Row[] = [];
  try {
    await workload.createClasses();
    await workload.growTo(Number(values.objects));
    const idle = await launchFleet(join(resultsDirectory, 'hostile-fleet.log'));
    stops.push(() => idle.stop());
    const server = await sluice(resolve(values.main)).start(cluster, join(resultsDirectory, 'hostile-server.log'));
    stops.push(() => server.stop());
    const streams = Number(values.streams);
    const complete = { assignments: workload.size, hosts: workload.size };
    const fleet = await idle.open({ ...server.access, protocol: 'delta', complete, streams });
    const hostile = await startHostile(join(resultsDirectory, 'hostile-client.log'));
    stops.push(() => hostile.stop());
    const testbed = { cluster, api, workload, resultsDirectory };
    const subject = { server, fleet, streams };
    // So that the first measurement is of a program that is warm.
    await measureChanges(testbed, subject, Number(values.repetitions), moveEndpoint);
    for (const attack of wanted()) {
      say(`${attack}: ${attacks[attack]}`);
      rows.push(await measure(testbed, subject, hostile, attack));
    }
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
  const command = ['npm run bench:hostile --', ...process.argv.slice(2)].join(' ');
  const file = join(resultsDirectory, `hostile-${new Date().toISOString().replaceAll(/[:.]/g, '-')}.json`);
  await writeFile(file, JSON.stringify({ machine: await describeMachine(), command, rows }, null, 2));
  say(`written to ${file}\n\n${tableOf(rows)}`);
}

function wanted(): readonly Attack[] {
  const { only = [] } = values;
  const isAttack = (text: string): text is Attack => text in attacks;
  return Object.keys(attacks)
    .filter(isAttack)
    .filter((each) => only.length === 0 || only.includes(each));
}

/** It comes last where processors are short: a machine of its own would be somewhere else. */
async function startHostile(logFile: string): Promise<Child<ToHostile, FromHostile>> {
  const args = ['--import', join(import.meta.dirname, 'loader.js'), join(import.meta.dirname, 'hostile-client.ts')];
  const child = await startChild<ToHostile, FromHostile>(args, logFile);
  await child.next('ready', 10_000, ({ kind }) => kind === 'ready' || undefined);
  setPriority(child.pid, constants.priority.PRIORITY_LOW);
  return child;
}

async function measure(
  testbed: Testbed,
  subject: Subject,
  hostile: Child<ToHostile, FromHostile>,
  attack: Attack,
): Promise<Row> {
  const { server } = subject;
  const port = server.access.port;
  const changes = () => measureChanges(testbed, subject, Number(values.repetitions), moveEndpoint);
  const before = await memoryOf(server);
  const alone = await changes();
  hostile.tell({ kind: 'begin', attack, port });
  await hostile.next('attack under way', 60_000, ({ kind }) => kind === 'under-way' || undefined);
  const beside = await changes();
  const during = await memoryOf(server);
  hostile.tell({ kind: 'end' });
  const deeds = await hostile.next('end of the attack', 60_000, (said) =>
    said.kind === 'ended' ? said.deeds : undefined,
  );
  await pause(3_000);
  return { attack, deeds, alone, beside, memory: [before, during, await memoryOf(server)] };
}

async function memoryOf(server: ControlPlane): Promise<Memory> {
  const { resident } = await memoryMb(server.pid);
  const { heap = 0, external = 0 } = (await server.heldMemory()) ?? {};
  return { resident, held: heap + external };
}

function tableOf(rows: readonly Row[]): string {
  const head =
    '| hostile clients | deeds | change alone: median, p99 | beside them | ratio | of it ours: alone | beside | RSS, held before | beside | after |';
  const cells = rows.map(({ attack, deeds, alone, beside, memory }) => [
    `${attack}: ${attacks[attack]}`,
    deeds,
    pairOf(alone.total.median, alone.total.p99),
    pairOf(beside.total.median, beside.total.p99),
    pairOf(beside.total.median / alone.total.median, beside.total.p99 / alone.total.p99, 2),
    pairOf(alone.last.median, alone.last.p99),
    pairOf(beside.last.median, beside.last.p99),
    ...memory.map(({ resident, held }) => `${resident}, ${held}`),
  ]);
  const line = head.replaceAll(/[^|]+/g, ' --- ');
  return [head, line, ...cells.map((each) => `| ${each.join(' | ')} |`)].join('\n');
}

function pairOf(median: number, p99: number, digits = 1): string {
  return `${median.toFixed(digits)}, ${p99.toFixed(digits)}`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
