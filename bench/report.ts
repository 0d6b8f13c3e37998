/** The results as a Markdown table, and the machine that they come from. */
import { execFile } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { promisify } from 'node:util';
import type { ChangeCost, Measurement } from './measurement.ts';

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

const heading = [
  'control plane',
  'N',
  'K',
  'cold start',
  'fill',
  'endpoint: first / last (p99)',
  'CPU',
  'bytes / stream',
  'Ingress: first / last (p99)',
  'CPU',
  'bytes / stream',
  'churn p50 / p99',
  'churn CPU',
  'wrong',
  'RSS (peak)',
  'stall: start / changes',
];

/** Milliseconds and megabytes; N objects of each kind, K streams. */
export function markdownTable(measurements: readonly Measurement[]): string {
  const lines = [heading, heading.map(() => '---'), ...measurements.map(row)];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function row(measured: Measurement): readonly string[] {
  const { churn, memoryMb, stall } = measured;
  return [
    measured.protocol === 'delta' ? measured.contender : `${measured.contender} (SotW)`,
    String(measured.objects),
    String(measured.streams),
    round(measured.coldStart),
    round(measured.fill),
    ...changeCells(measured.endpointChange, measured.streams),
    ...changeCells(measured.newIngress, measured.streams),
    churn === undefined ? '' : `${round(churn.latency.median)} / ${round(churn.latency.p99)}`,
    churn === undefined ? '' : round(churn.serverCpuMs),
    churn === undefined ? '' : String(churn.wrong),
    `${memoryMb.resident} (${memoryMb.peak})`,
    stall.start === undefined || stall.changes === undefined ? '' : `${round(stall.start)} / ${round(stall.changes)}`,
  ];
}

function changeCells(cost: ChangeCost, streams: number): readonly string[] {
  return [
    `${round(cost.first.median)} / ${round(cost.last.median)} (${round(cost.last.p99)})`,
    round(cost.serverCpuMs),
    String(Math.round(cost.bytes / streams)),
  ];
}

function round(value: number): string {
  return Math.abs(value) < 10 ? value.toFixed(1) : String(Math.round(value));
}
