/** The results as Markdown tables, and the machine that they come from. */
import { execFile } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { promisify } from 'node:util';
import type { ChangeCost } from './change-cost.ts';
import type { Measurement } from './measurement.ts';
import { ratioOf, Run, targetTable } from './target.ts';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly versions: Readonly<Record<string, string>>;
}

export async function describeMachine(): Promise<Machine> {
  const all = cpus();
  const go = await promisify(execFile)('go', ['version']).then(
    ({ stdout }) => stdout.split(' ')[2] ?? '',
    () => 'absent',
  );
  return {
    processor: all[0]?.model ?? 'unknown',
    cores: all.length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    versions: { node: process.version, go, kernel: (await promisify(execFile)('uname', ['-r'])).stdout.trim() },
  };
}

/** Milliseconds and megabytes; N objects of each kind, K streams. */
export function markdownReport(measurements: readonly Measurement[]): string {
  const run = new Run(measurements);
  const sections = [
    ['Costs: milliseconds, medians with the 99th percentile in brackets; CPU and bytes are for each change', costs],
    ['Ratios: how many times as much as Sluice in delta, at the same N and K', ratios],
    ['Reconnects: milliseconds', storms],
  ] as const;
  const parts = sections.map(([title, rows]) => section(title, rows(measurements)));
  return [...parts, section('Targets', targetTable(run))].filter((part) => part !== '').join('\n\n');
}

/** The first row is the heading; nothing when there is no other. */
function section(title: string, [heading = [], ...rows]: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const lines = [heading, heading.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return `${title}:\n\n${lines.join('\n')}`;
}

const costHeading = [
  'control plane',
  'N',
  'K',
  'cold start',
  'fill',
  'endpoint change: first / last',
  'CPU',
  'bytes / stream',
  'new Ingress: first / last',
  'CPU',
  'bytes / stream',
  'churn p50 / p99',
  'churn CPU',
  'wrong',
  'RSS (peak)',
  'stall: start / changes',
];

function costs(measurements: readonly Measurement[]): readonly (readonly string[])[] {
  const rows = measurements.map(({ churn, memoryMb, stall, ...measured }) => [
    nameOf(measured),
    String(measured.objects),
    String(measured.streams),
    round(measured.coldStart),
    round(measured.fill),
    ...changeCells(measured.endpointChange, measured.streams),
    ...changeCells(measured.newIngress, measured.streams),
    churn === undefined ? '' : `${round(churn.latency.median)} / ${round(churn.latency.p99)}`,
    churn === undefined ? '' : `${round(churn.serverCpuMs)} in ${churn.seconds} s`,
    churn === undefined ? '' : String(churn.wrong + churn.differing),
    `${memoryMb.resident} (${memoryMb.peak})`,
    stall.start === undefined || stall.changes === undefined ? '' : `${round(stall.start)} / ${round(stall.changes)}`,
  ]);
  return [costHeading, ...rows];
}

function changeCells({ changes, first, last, serverCpuMs, bytes }: ChangeCost, streams: number): readonly string[] {
  const few = changes < 20 ? `, of ${changes}` : '';
  return [
    `${round(first.median)} (${round(first.p99)}) / ${round(last.median)} (${round(last.p99)})${few}`,
    round(serverCpuMs),
    String(Math.round(bytes / streams)),
  ];
}

/** What is compared, with the part of a measurement that it is. */
const compared: Readonly<Record<string, (measured: Measurement) => number | undefined>> = {
  'endpoint: last': ({ endpointChange }) => endpointChange.last.median,
  'endpoint: CPU': ({ endpointChange }) => endpointChange.serverCpuMs,
  'Ingress: last': ({ newIngress }) => newIngress.last.median,
  'Ingress: CPU': ({ newIngress }) => newIngress.serverCpuMs,
  'Ingress: bytes': ({ newIngress }) => newIngress.bytes,
  'churn p50': ({ churn }) => churn?.latency.median,
  'churn p99': ({ churn }) => churn?.latency.p99,
  'churn CPU': ({ churn }) => churn?.serverCpuMs,
  'cold start': ({ coldStart }) => coldStart,
  fill: ({ fill }) => fill,
  RSS: ({ memoryMb }) => memoryMb.resident,
};

function ratios(measurements: readonly Measurement[]): readonly (readonly string[])[] {
  const run = new Run(measurements);
  const rows = measurements.flatMap((other) => {
    const own = run.sluice(other.objects, other.streams);
    if (own === undefined || own === other) return [];
    const cells = Object.values(compared).map((pick) => ratioCell(ratioOf(pick(other), pick(own))));
    return [[nameOf(other), String(other.objects), String(other.streams), ...cells]];
  });
  return [['control plane', 'N', 'K', ...Object.keys(compared)], ...rows];
}

function ratioCell(ratio: number | undefined): string {
  if (ratio === undefined) return '';
  return ratio < 10 ? ratio.toFixed(ratio < 0.1 ? 2 : 1) : Math.round(ratio).toLocaleString('en');
}

const stormHeading = [
  'control plane',
  'N',
  'K',
  'reconnect',
  'answered',
  'longest wave',
  'server CPU',
  'responses / stream',
  'bytes / stream',
  'stall',
  'peak RSS',
  'differing',
];

function storms(measurements: readonly Measurement[]): readonly (readonly string[])[] {
  const rows = measurements.flatMap((measured) =>
    measured.storms.map((storm) => [
      nameOf(measured),
      String(measured.objects),
      String(measured.streams),
      `${storm.kind === 'rolling' ? 'in ten waves' : 'all at once'}, ${storm.resume ? 'with' : 'without'} versions`,
      round(storm.answered),
      storm.kind === 'rolling' ? round(storm.longestWave) : '',
      round(storm.serverCpuMs),
      (storm.messages / measured.streams).toFixed(1),
      String(Math.round(storm.bytes / measured.streams)),
      storm.stall === undefined ? '' : round(storm.stall),
      String(storm.peakMb),
      String(storm.differing),
    ]),
  );
  return [stormHeading, ...rows];
}

function nameOf({ contender, protocol }: Pick<Measurement, 'contender' | 'protocol'>): string {
  return protocol === 'delta' ? contender : `${contender} (SotW)`;
}

function round(value: number): string {
  return Math.abs(value) < 10 ? value.toFixed(1) : String(Math.round(value));
}
