/** What is measured of one control plane at one size: cold start, single changes, churn, storms, memory and stalls. */
import { join } from 'node:path';
import { addIngress, type ChangeCost, measureChanges, moveEndpoint } from './change-cost.ts';
import { type ChurnCost, type ChurnPlan, measureChurn } from './churn.ts';
import { now } from './clock.ts';
import { type Contender, type HeldMemory, memoryMb, type ProfileKind } from './control-plane.ts';
import type { Protocol } from './fleet-protocol.ts';
import { launchFleet } from './fleet.ts';
import { measureStorm, type StormCost, type StormPlan } from './storm.ts';
import type { Testbed } from './testbed.ts';

export interface Plan {
  readonly protocol: Protocol;
  readonly streams: number;
  /** How many changes of each kind. */
  readonly repetitions: number;
  readonly churn: ChurnPlan;
  readonly storms: readonly StormPlan[];
  /** Also write profiles of the start, of the fill and of the changes. */
  readonly profile?: ProfileKind;
}

/** Times are in milliseconds. */
export interface Measurement {
  readonly contender: string;
  readonly protocol: Protocol;
  readonly objects: number;
  readonly streams: number;
  /** From the start of the process to a complete snapshot at one client that is already waiting. */
  readonly coldStart: number;
  /** From the first connection to a complete snapshot on every stream. */
  readonly fill: number;
  readonly endpointChange: ChangeCost;
  readonly newIngress: ChangeCost;
  readonly churn?: ChurnCost;
  readonly storms: readonly StormCost[];
  /** After the changes and the churn; the peak is of the whole life up to there. */
  readonly memoryMb: { readonly resident: number; readonly peak: number };
  readonly heldMb?: HeldMemory;
  /** The longest stall of the event loop: while it started and filled, and during the changes. */
  readonly stall: { readonly start?: number; readonly changes?: number };
}

export async function measure(contender: Contender, testbed: Testbed, plan: Plan): Promise<Measurement> {
  const { workload } = testbed;
  const label = `${contender.name}-${plan.protocol}-${workload.size}-${plan.streams}`.replaceAll(/[^\w-]+/g, '-');
  const file = (part: string): string => join(testbed.resultsDirectory, `${label}-${part}`);
  const profileFile = (part: string): string => file(`${part}.${plan.profile === 'heap' ? 'heap' : 'cpu'}profile`);
  const running: { stop(): Promise<void> }[] = [];
  const keep = <T extends { stop(): Promise<void> }>(started: T): T => {
    running.push(started);
    return started;
  };
  try {
    await contender.declare(testbed.cluster);
    await workload.speak(contender.hostKind);
    const idleScout = keep(await launchFleet(file('scout.log')));
    const startedAt = now();
    const server = keep(await contender.start(testbed.cluster, file('server.log'), plan.profile));
    const complete = { assignments: workload.size, hosts: workload.size };
    const order = { ...server.access, protocol: plan.protocol, complete };
    const scout = await idleScout.open({ ...order, streams: 1 });
    const coldStart = scout.complete.last - startedAt;
    if (plan.profile !== undefined) await server.stopProfile(profileFile('start'));
    await idleScout.stop();
    const idleFleet = keep(await launchFleet(file('fleet.log')));
    const profiled = async <T>(part: string, scope: 'held' | 'allocated', act: () => Promise<T>): Promise<T> => {
      if (plan.profile !== undefined) await server.startProfile(plan.profile, scope);
      const result = await act();
      if (plan.profile !== undefined) await server.stopProfile(profileFile(part));
      return result;
    };
    const openedAt = now();
    const fleet = await profiled('fill', 'held', () => idleFleet.open({ ...order, streams: plan.streams }));
    const stallOfStart = await server.longestStall();
    const subject = { server, fleet, streams: plan.streams };
    const changes = (kind: typeof moveEndpoint) => measureChanges(testbed, subject, plan.repetitions, kind);
    const [endpointChange, newIngress] = await profiled(
      'changes',
      'allocated',
      async () => [await changes(moveEndpoint), await changes(addIngress)] as const,
    );
    const stallOfChanges = await server.longestStall();
    const churn = plan.churn.seconds === 0 ? undefined : await measureChurn(testbed, subject, plan.churn);
    const memory = await memoryMb(server.pid);
    const held = await server.heldMemory();
    const storms: StormCost[] = [];
    for (const storm of plan.storms) storms.push(await measureStorm(testbed, subject, storm));
    return {
      contender: contender.name,
      protocol: plan.protocol,
      objects: workload.size,
      streams: plan.streams,
      coldStart,
      fill: fleet.complete.last - openedAt,
      endpointChange,
      newIngress,
      ...(churn && { churn }),
      storms,
      memoryMb: memory,
      ...(held && { heldMb: held }),
      stall: {
        ...(stallOfStart !== undefined && { start: stallOfStart }),
        ...(stallOfChanges !== undefined && { changes: stallOfChanges }),
      },
    };
  } finally {
    for (const each of running) await each.stop();
  }
}
