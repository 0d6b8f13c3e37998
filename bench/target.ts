/** What Sluice is to reach, and whether a run's measurements say that it does. */
import type { Protocol } from './fleet-protocol.ts';
import type { Measurement } from './measurement.ts';

interface Target {
  readonly work: string;
  readonly bound: 'at most' | 'at least';
  readonly limit: number;
  readonly unit: string;
  /** Undefined when the run did not measure it. */
  readonly measured: (run: Run) => number | undefined;
}

/** The measurements of one run, by what was measured. */
export class Run {
  readonly #measurements: readonly Measurement[];

  constructor(measurements: readonly Measurement[]) {
    this.#measurements = measurements;
  }

  sluice(objects: number, streams: number, protocol: Protocol = 'delta'): Measurement | undefined {
    return this.of('Sluice', objects, streams, protocol);
  }

  of(contender: string, objects: number, streams: number, protocol?: Protocol): Measurement | undefined {
    return this.#measurements.find(
      (each) =>
        each.contender === contender &&
        each.objects === objects &&
        each.streams === streams &&
        (protocol === undefined || each.protocol === protocol),
    );
  }
}

const change = { endpointChange: 'endpoint change', newIngress: 'new Ingress' } as const;

type ChangeName = keyof typeof change;

const targets: readonly Target[] = [
  latency('newIngress', 1_000, 1, 1.5),
  bytes('newIngress', 1_000, 1, 2_000),
  latency('newIngress', 10_000, 1, 1.5),
  bytes('newIngress', 10_000, 1, 2_000),
  flat('newIngress', 1.5),
  latency('newIngress', 1_000, 100, 12),
  latency('newIngress', 1_000, 1_000, 150),
  latency('endpointChange', 10_000, 1, 0.6),
  latency('endpointChange', 10_000, 100, 6),
  flat('endpointChange', 1.5),
  latency('endpointChange', 1_000, 1_000, 150),
  churn('p50', 3, 'ms', ({ latency: { median } }) => median),
  churn('p99', 30, 'ms', ({ latency: { p99 } }) => p99),
  churn('objects that are wrong at the end', 0, '', ({ wrong, differing }) => wrong + differing),
  churn('CPU for each second of it', 200, 'ms', ({ serverCpuMs, seconds }) => serverCpuMs / seconds),
  { ...most('cold start, N=10,000', 1_800, 'ms'), measured: (run) => run.sluice(10_000, 1)?.coldStart },
  { ...most('memory, N=10,000, K=1', 300, 'MB'), measured: (run) => run.sluice(10_000, 1)?.memoryMb.resident },
  { ...most('memory, N=10,000, K=100', 330, 'MB'), measured: (run) => run.sluice(10_000, 100)?.memoryMb.resident },
  {
    ...least('new Ingress, N=10,000, K=1: times as fast as Contour', 500),
    measured: (run) => ratio(run, 'Contour', 10_000, 1, ({ newIngress }) => newIngress.last.median),
  },
  {
    ...least('new Ingress, N=10,000, K=1: times fewer bytes than Contour', 3_000),
    measured: (run) => ratio(run, 'Contour', 10_000, 1, ({ newIngress }) => newIngress.bytes),
  },
  ...[1, 100, 1_000].flatMap((streams) => [ofLimit('newIngress', streams), ofLimit('endpointChange', streams)]),
];

/** As rows of a Markdown table, of those that the run measured. */
export function targetTable(run: Run): readonly (readonly string[])[] {
  const rows = targets.flatMap(({ work, bound, limit, unit, measured }) => {
    const value = measured(run);
    if (value === undefined || Number.isNaN(value)) return [];
    const wanted = `${bound === 'at most' ? '<=' : '>='} ${limit.toLocaleString('en')} ${unit}`.trimEnd();
    const isMet = bound === 'at most' ? value <= limit : value >= limit;
    const shown = Math.abs(value) < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en');
    return [[work, wanted, `${shown} ${unit}`.trimEnd(), isMet ? 'met' : 'NOT MET']];
  });
  return [['work', 'target', 'measured', ''], ...rows];
}

function most(work: string, limit: number, unit: string): Omit<Target, 'measured'> {
  return { work, bound: 'at most', limit, unit };
}

function least(work: string, limit: number): Omit<Target, 'measured'> {
  return { work, bound: 'at least', limit, unit: '' };
}

function latency(kind: ChangeName, objects: number, streams: number, limit: number): Target {
  const work = `${change[kind]}, N=${objects.toLocaleString('en')}, K=${streams.toLocaleString('en')}, until the last`;
  return { ...most(work, limit, 'ms'), measured: (run) => run.sluice(objects, streams)?.[kind].last.median };
}

function bytes(kind: ChangeName, objects: number, streams: number, limit: number): Target {
  const work = `${change[kind]}, N=${objects.toLocaleString('en')}, K=${streams}, for each Envoy`;
  return { ...most(work, limit, 'bytes'), measured: (run) => run.sluice(objects, streams)?.[kind].bytes };
}

/** In CPU, because the latencies at one Envoy are hardly longer than the clocks can tell. */
function flat(kind: ChangeName, limit: number): Target {
  const cpu = (run: Run, objects: number): number => run.sluice(objects, 1)?.[kind].serverCpuMs ?? NaN;
  return {
    ...most(`${change[kind]}, K=1: CPU at N=10,000 over N=100`, limit, ''),
    measured: (run) => cpu(run, 10_000) / cpu(run, 100),
  };
}

function churn(
  what: string,
  limit: number,
  unit: string,
  pick: (cost: NonNullable<Measurement['churn']>) => number,
): Target {
  return {
    ...most(`churn of 200/s, N=10,000, K=1: ${what}`, limit, unit),
    measured: (run) => {
      const cost = run.sluice(10_000, 1)?.churn;
      return cost && pick(cost);
    },
  };
}

/** How Sluice stands to the limit. */
function ofLimit(kind: ChangeName, streams: number): Target {
  const work = `${change[kind]}, N=1,000, K=${streams.toLocaleString('en')}: times the Go yardstick, VHDS`;
  return {
    ...most(work, 2.5, ''),
    measured: (run) => {
      const found = ratio(run, 'Go yardstick, VHDS', 1_000, streams, (measured) => measured[kind].last.median);
      return found && 1 / found;
    },
  };
}

/** Of a peer to Sluice; undefined when one of them is less than the clocks can tell apart. */
export function ratio(
  run: Run,
  peer: string,
  objects: number,
  streams: number,
  pick: (measured: Measurement) => number | undefined,
): number | undefined {
  const own = run.sluice(objects, streams);
  const other = run.of(peer, objects, streams);
  return own && other && ratioOf(pick(other), pick(own));
}

/** Figures below are noise, in milliseconds as in bytes and megabytes. */
const smallest = 0.1;

export function ratioOf(other: number | undefined, own: number | undefined): number | undefined {
  if (own === undefined || other === undefined || own < smallest || other < smallest) return undefined;
  return other / own;
}
