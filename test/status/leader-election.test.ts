/** Who leads, on a clock of the test: with clocks that disagree, requests that hang, fail, or take effect without an answer. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ApiFailure, type ApiRequest } from '../../src/source/api-client.ts';
import { type ElectionEvent, electionLimits, LeaderElection } from '../../src/status/leader-election.ts';
import { VirtualTiming } from '../support/virtual-timing.ts';
import { ObjectStore } from './object-store.ts';

const limits = electionLimits(15_000);
const leasePath = '/apis/coordination.k8s.io/v1/namespaces/sluice/leases/leader';

type Fault = 'none' | 'unreachable' | 'answer lost' | 'forbidden';

interface Replica {
  readonly identity: string;
  readonly election: LeaderElection;
  readonly events: ElectionEvent[];
  readonly requests: ApiRequest[];
  readonly ending: AbortController;
  readonly ended: Promise<void>;
  /** For each request: what goes wrong, and how long the way there and back takes, in milliseconds. */
  network: () => { readonly fault: Fault; readonly latency: number };
}

const healthy = () => ({ fault: 'none', latency: 1 }) as const;

function start(
  clock: VirtualTiming,
  store: ObjectStore,
  identity: string,
  { offset = 0, rate = 1, random = () => 0.5 }: { offset?: number; rate?: number; random?: () => number } = {},
): Replica {
  const timing = clock.timing({ offset, rate, random });
  const way = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((fulfil, reject) => {
      signal.addEventListener('abort', () => reject(new ApiFailure('given up')));
      clock.timing().after(ms / 2, fulfil);
    });
  const events: ElectionEvent[] = [];
  const requests: ApiRequest[] = [];
  const call = async (request: ApiRequest, signal: AbortSignal): Promise<unknown> => {
    requests.push(request);
    const { fault, latency } = replica.network();
    await way(latency, signal);
    if (fault === 'unreachable') throw new ApiFailure('unreachable');
    if (fault === 'forbidden') throw new ApiFailure('forbidden', { status: 403 });
    const answer = store.serve(request);
    await way(latency, signal);
    if (fault === 'answer lost') throw new ApiFailure('the connection broke');
    return answer;
  };
  const election = new LeaderElection({
    api: { call },
    namespace: 'sluice',
    name: 'leader',
    identity,
    limits,
    timing,
    wallClock: () => 1_700_000_000_000 + timing.now(),
    observe: (event) => events.push(event),
  });
  const ending = new AbortController();
  const replica: Replica = {
    identity,
    election,
    events,
    requests,
    ending,
    ended: Promise.resolve().then(() => election.run(ending.signal)),
    network: healthy,
  };
  return replica;
}

/** Their names. */
function leadersOf(replicas: readonly Replica[]): readonly string[] {
  return replicas.filter(({ election }) => election.isLeading()).map(({ identity }) => identity);
}

async function end(clock: VirtualTiming, replicas: readonly Replica[]): Promise<void> {
  for (const { ending } of replicas) ending.abort();
  await clock.advance(10_000);
  await Promise.all(replicas.map(({ ended }) => ended));
}

describe('LeaderElection', () => {
  it('makes the first replica the leader, and tells the others who it is', async () => {
    const clock = new VirtualTiming();
    const store = new ObjectStore();
    const a = start(clock, store, 'a');
    await clock.advance(100);
    const b = start(clock, store, 'b');
    await clock.advance(60_000, () => expect(leadersOf([a, b]).length).toBeLessThanOrEqual(1));

    expect(a.events).toEqual([{ kind: 'holder', holder: 'a' }, { kind: 'leading' }]);
    expect(b.events).toEqual([{ kind: 'holder', holder: 'a' }]);
    expect(store.objects.get(leasePath)).toMatchObject({
      spec: {
        holderIdentity: 'a',
        leaseDurationSeconds: 15,
        leaseTransitions: 0,
        acquireTime: '2023-11-14T22:13:20.000000Z',
        renewTime: expect.stringMatching(/^2023-11-14T22:14:\d\d\.\d{3}000Z$/),
      },
    });
    await end(clock, [a, b]);
  });

  it('hands over at the next look when the leader ends', async () => {
    const clock = new VirtualTiming();
    const store = new ObjectStore();
    const a = start(clock, store, 'a');
    await clock.advance(100);
    const b = start(clock, store, 'b');
    await clock.advance(10_000);
    a.ending.abort();
    await clock.advance(1.2 * limits.retryMs + 10);

    expect(leadersOf([a, b])).toEqual(['b']);
    expect(store.objects.get(leasePath)).toMatchObject({ spec: { holderIdentity: 'b', leaseTransitions: 1 } });
    await end(clock, [a, b]);
  });

  it('stops leading when it cannot renew, before anybody else may lead', async () => {
    const clock = new VirtualTiming();
    const store = new ObjectStore();
    const a = start(clock, store, 'a');
    await clock.advance(100);
    const b = start(clock, store, 'b');
    await clock.advance(10_000);
    a.network = () => ({ fault: 'unreachable', latency: 1 });
    const cut = clock.now;
    let stoppedAt = 0;
    let takenAt = 0;
    await clock.advance(30_000, () => {
      if (stoppedAt === 0 && !a.election.isLeading()) stoppedAt = clock.now;
      if (takenAt === 0 && b.election.isLeading()) takenAt = clock.now;
    });

    expect(stoppedAt - cut).toBeLessThanOrEqual(limits.renewMs);
    expect(takenAt).toBeGreaterThan(stoppedAt);
    expect(takenAt - cut).toBeLessThanOrEqual(limits.leaseMs + 1.2 * limits.retryMs + 10);
    expect(a.events.map(({ kind }) => kind)).toContain('following');
    a.network = healthy;
    b.ending.abort();
    await clock.advance(1.2 * limits.renewMs + 10);
    expect(leadersOf([a, b])).toEqual(['a']);
    await end(clock, [a, b]);
  });

  it('goes on leading when somebody else edits the Lease without taking it', async () => {
    const clock = new VirtualTiming();
    const store = new ObjectStore();
    const a = start(clock, store, 'a');
    await clock.advance(3_000);
    const labels = { metadata: { namespace: 'sluice', name: 'leader', labels: { team: 'edge' } } };
    store.serve({ method: 'PATCH', path: leasePath, silenceMs: 0, body: { type: '', text: JSON.stringify(labels) } });
    await clock.advance(20_000, () => expect(a.election.isLeading()).toBe(true));

    expect(a.events.map(({ kind }) => kind)).toEqual(['holder', 'leading']);
    expect(store.objects.get(leasePath)).toMatchObject({ metadata: { labels: { team: 'edge' } } });
    await end(clock, [a]);
  });

  it('takes a Lease again that is deleted', async () => {
    const clock = new VirtualTiming();
    const store = new ObjectStore();
    const a = start(clock, store, 'a');
    await clock.advance(3_000);
    store.objects.clear();
    await clock.advance(5_000);

    expect(a.election.isLeading()).toBe(true);
    expect(store.objects.get(leasePath)).toMatchObject({ spec: { holderIdentity: 'a' } });
    await end(clock, [a]);
  });

  it('asks less and less often while it is not allowed to', async () => {
    const clock = new VirtualTiming();
    const a = start(clock, new ObjectStore(), 'a');
    a.network = () => ({ fault: 'forbidden', latency: 1 });
    await clock.advance(3_600_000);

    expect(a.requests.length).toBeLessThan(75);
    expect(a.requests.length).toBeGreaterThan(40);
    await end(clock, [a]);
  });

  it('never has two leaders, and soon one when the network is well, whatever goes wrong', async () => {
    const chaos = fc.record({
      seed: fc.integer(),
      offsets: fc.array(fc.integer({ min: -3_600_000, max: 3_600_000 }), { minLength: 3, maxLength: 3 }),
      rates: fc.array(fc.double({ min: 0.95, max: 1.05, noNaN: true }), { minLength: 3, maxLength: 3 }),
      faultiness: fc.double({ min: 0, max: 0.9, noNaN: true }),
      slowness: fc.integer({ min: 1, max: 20_000 }),
    });
    await fc.assert(
      fc.asyncProperty(chaos, async ({ seed, offsets, rates, faultiness, slowness }) => {
        const clock = new VirtualTiming();
        const store = new ObjectStore();
        const random = generator(seed);
        const network = () => {
          const fault: Fault = random() > faultiness ? 'none' : random() < 0.5 ? 'unreachable' : 'answer lost';
          return { fault, latency: random() ** 4 * slowness };
        };
        const replicas = ['a', 'b', 'c'].map((identity, index) =>
          start(clock, store, identity, { offset: offsets[index] ?? 0, rate: rates[index] ?? 1, random }),
        );
        const atMostOne = (): void => expect(leadersOf(replicas).length).toBeLessThanOrEqual(1);

        for (const replica of replicas) replica.network = network;
        await clock.advance(200_000, atMostOne);
        for (const replica of replicas) replica.network = healthy;
        // What is under way ends, the Lease grows old, and the most patient replica looks.
        await clock.advance(slowness + 100_000, atMostOne);

        expect(leadersOf(replicas)).toHaveLength(1);
        await end(clock, replicas);
        expect(store.objects.get(leasePath)).toMatchObject({ spec: { holderIdentity: '' } });
      }),
      { numRuns: 40 },
    );
  });
});

/** Numbers from 0 to less than 1 that look random (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
