/** Which combinations of control plane, size and number of Envoys a run measures. */
import type { Protocol } from './fleet-protocol.ts';
import type { StormPlan } from './storm.ts';

export const contenderKeys = ['sluice', 'vhds', 'linear', 'rds', 'contour', 'envoy-gateway'] as const;

export type ContenderKey = (typeof contenderKeys)[number];

export interface Cell {
  readonly contender: ContenderKey;
  readonly protocol: Protocol;
  readonly objects: number;
  readonly streams: number;
  readonly churnSeconds: number;
  readonly storms: readonly StormPlan[];
}

export const allStorms: readonly StormPlan[] = [
  { kind: 'at-once', resume: true },
  { kind: 'at-once', resume: false },
  { kind: 'rolling', resume: true },
  { kind: 'rolling', resume: false },
];

/** What is asked for with flags; what is left out is up to the form. */
export interface Wish {
  readonly objects?: readonly number[];
  readonly streams?: readonly number[];
  readonly contenders?: readonly ContenderKey[];
  readonly protocols?: readonly Protocol[];
  readonly churnSeconds?: number;
  readonly storms: boolean;
}

/** The protocol that each is measured in unless another is asked for; Contour serves no delta. */
const mainProtocol: Readonly<Record<ContenderKey, Protocol>> = {
  sluice: 'delta',
  vhds: 'delta',
  linear: 'delta',
  rds: 'delta',
  contour: 'sotw',
  'envoy-gateway': 'delta',
};

/** How far each goes in the full form, so that it ends: beyond, one change takes many seconds, or the machine's memory. */
const reach: Readonly<
  Record<ContenderKey, { readonly objects: number; readonly streams: number; readonly both: number }>
> = {
  sluice: { objects: Infinity, streams: Infinity, both: Infinity },
  vhds: { objects: Infinity, streams: Infinity, both: Infinity },
  linear: { objects: Infinity, streams: 1_000, both: 1_000_000 },
  rds: { objects: Infinity, streams: 1_000, both: 1_000_000 },
  contour: { objects: Infinity, streams: 1_000, both: 1_000_000 },
  'envoy-gateway': { objects: 1_000, streams: 100, both: 100_000 },
};

/** About a minute: Sluice at two sizes, and what there is to compare it with at one. */
export function quickForm(wish: Wish): readonly Cell[] {
  const sizes: readonly (readonly [objects: number, streams: number, contenders: readonly ContenderKey[]])[] = [
    [100, 1, ['sluice']],
    [1_000, 1, ['sluice', 'vhds', 'contour']],
    [1_000, 100, ['sluice', 'vhds']],
  ];
  const isWanted = wantedOf(wish);
  return sizes.flatMap(([objects, streams, contenders]) =>
    contenders.filter(isWanted).map((contender) => ({
      contender,
      protocol: mainProtocol[contender],
      objects,
      streams,
      storms: [],
      churnSeconds: streams === 1 && objects === 1_000 ? (wish.churnSeconds ?? 2) : 0,
    })),
  );
}

/** Everything: about half an hour. */
export function fullForm(wish: Wish): readonly Cell[] {
  const isWanted = wantedOf(wish);
  const cells: Cell[] = [];
  const add = (objects: number, streams: number, contender: ContenderKey, protocol = mainProtocol[contender]): void => {
    const limit = reach[contender];
    const isReached = objects <= limit.objects && streams <= limit.streams && objects * streams <= limit.both;
    if (!isReached || !isWanted(contender)) return;
    const isStormy = objects === 1_000 && streams >= 1_000 && (contender === 'sluice' || contender === 'vhds');
    const churnSeconds = streams === 1 ? (wish.churnSeconds ?? 20) : 0;
    cells.push({ contender, protocol, objects, streams, churnSeconds, storms: isStormy ? allStorms : [] });
  };
  for (const objects of [100, 1_000, 10_000]) {
    for (const streams of objects === 1_000 ? [1, 100, 1_000, 5_000] : [1, 100, 1_000]) {
      for (const contender of contenderKeys) add(objects, streams, contender);
      if (objects >= 1_000 && streams * objects <= 100_000) add(objects, streams, 'sluice', 'sotw');
    }
  }
  return cells;
}

/** Every combination of what the flags name. */
export function ownForm(wish: Wish): readonly Cell[] {
  const cells: Cell[] = [];
  for (const objects of (wish.objects ?? [1_000]).toSorted((a, b) => a - b)) {
    for (const streams of wish.streams ?? [1]) {
      for (const contender of contenderKeys.filter(wantedOf(wish))) {
        for (const protocol of wish.protocols ?? [mainProtocol[contender]]) {
          const churnSeconds = wish.churnSeconds ?? (streams === 1 ? 5 : 0);
          cells.push({ contender, protocol, objects, streams, churnSeconds, storms: wish.storms ? allStorms : [] });
        }
      }
    }
  }
  return cells;
}

function wantedOf({ contenders }: Wish): (contender: ContenderKey) => boolean {
  return (contender) => contenders === undefined || contenders.includes(contender);
}
