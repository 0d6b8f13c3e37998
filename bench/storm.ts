/** Envoys that lose their connection and come back, all at once or in waves, while the configuration moves on. */
import { writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { moveEndpoint, nextChange } from './change-cost.ts';
import { now } from './clock.ts';
import { cpuMs, memoryMb } from './control-plane.ts';
import type { StreamRange } from './fleet-protocol.ts';
import type { Subject, Testbed } from './testbed.ts';

export interface StormPlan {
  readonly kind: 'at-once' | 'rolling';
  /** Whether they say in `initial_resource_versions` what they hold. */
  readonly resume: boolean;
}

/** Times are in milliseconds. */
export interface StormCost extends StormPlan {
  /** From the connecting until every stream has all, a change included that was made while they were away; of all waves. */
  readonly answered: number;
  readonly longestWave: number;
  /** From the dropping on. */
  readonly serverCpuMs: number;
  readonly clientCpuMs: number;
  readonly messages: number;
  readonly bytes: number;
  readonly stall: number | undefined;
  readonly peakMb: number;
  /** Streams that hold something else than the first afterwards. */
  readonly differing: number;
}

const waves = 10;

/** So long after a change every control plane has taken it up, those too that gather changes. */
const takenUpMs = 1_000;

export async function measureStorm(testbed: Testbed, subject: Subject, plan: StormPlan): Promise<StormCost> {
  const { server, fleet, streams } = subject;
  await server.longestStall();
  await forgetPeak(server.pid);
  const before = await fleet.counts();
  const cpuBefore = await cpuMs(server.pid);
  const spans: number[] = [];
  for (const range of rangesOf(plan, streams)) spans.push(await measureWave(testbed, subject, range, plan.resume));
  const cpu = (await cpuMs(server.pid)) - cpuBefore;
  const after = await fleet.counts();
  return {
    ...plan,
    answered: spans.reduce((sum, span) => sum + span, 0),
    longestWave: Math.max(...spans),
    serverCpuMs: cpu,
    clientCpuMs: after.cpuMs - before.cpuMs,
    messages: after.messages - before.messages,
    bytes: after.bytes - before.bytes,
    stall: await server.longestStall(),
    peakMb: (await memoryMb(server.pid)).peak,
    differing: (await fleet.audit()).differing,
  };
}

function rangesOf({ kind }: StormPlan, streams: number): readonly StreamRange[] {
  if (kind === 'at-once') return [{ from: 0, to: streams }];
  const size = Math.ceil(streams / waves);
  return Array.from({ length: Math.ceil(streams / size) }, (_, i) => ({
    from: i * size,
    to: Math.min(streams, (i + 1) * size),
  }));
}

async function measureWave(
  { workload }: Testbed,
  { fleet }: Subject,
  range: StreamRange,
  resume: boolean,
): Promise<number> {
  await fleet.drop(range);
  const change = nextChange(workload, moveEndpoint);
  const arrival = fleet.expect(change.marker, 240_000);
  await change.write();
  await pause(takenUpMs);
  const connectedAt = now();
  if (resume) fleet.resume(range);
  const [span, renewed] = await Promise.all([arrival, resume ? undefined : fleet.renew(range)]);
  return Math.max(span.last, renewed?.last ?? 0) - connectedAt;
}

/** The kernel then counts the highest resident memory from now on; where it cannot, the peak is that of the whole life. */
function forgetPeak(pid: number): Promise<void> {
  return writeFile(`/proc/${pid}/clear_refs`, '5').catch(() => undefined);
}
