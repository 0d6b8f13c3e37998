/** Whatever is published, asked for and answered, in any order: a client ends with what it wants, by a way without gaps. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Resource } from '../../src/xds/resource.ts';
import type { Kind } from '../support/conversation.ts';
import { kinds, ModelClient } from '../support/model-client.ts';
import { cluster, endpoints, listener, secret, table, virtualHost } from '../support/resources.ts';

/** All resources at one time: what is absent does not exist. A virtual host routes to one of the clusters that exist. */
interface World {
  readonly clusters: Readonly<Record<string, number>>;
  readonly hosts: Readonly<Record<string, number>>;
  readonly others: Readonly<Record<string, number>>;
}

type Step =
  | { readonly kind: 'publish'; readonly world: World }
  | { readonly kind: 'want'; readonly of: Kind; readonly name: string }
  | { readonly kind: 'unwant'; readonly of: Kind; readonly name: string }
  | { readonly kind: 'answer'; readonly accepts: boolean }
  | { readonly kind: 'wait'; readonly ms: number };

const names = {
  cluster: ['one', 'two', 'three', 'four'],
  clusterLoadAssignment: ['one', 'two', 'three', 'four'],
  listener: ['l', 'm'],
  secret: ['s', 't'],
  routeConfiguration: ['http', 'https'],
  virtualHost: ['http/a', 'http/b', 'https/a'],
} as const;

const edition = fc.nat({ max: 3 });
const chosen = (from: readonly string[]): fc.Arbitrary<Record<string, number>> =>
  fc.dictionary(fc.constantFrom(...from), edition, { noNullPrototype: true });

const world: fc.Arbitrary<World> = fc.record({
  clusters: chosen(names.cluster),
  hosts: chosen(names.virtualHost),
  others: chosen([...names.listener, ...names.secret, ...names.routeConfiguration]),
});

const subscription = fc
  .constantFrom(...kinds)
  .chain((of) => fc.record({ of: fc.constant(of), name: fc.constantFrom('*', ...names[of]) }));

const publish = world.map((next): Step => ({ kind: 'publish', world: next }));
/** SotW has no words for a route table that is gone, so none goes while a client uses it. */
const publishWithTables = world.map(({ others, ...rest }): Step => {
  return { kind: 'publish', world: { ...rest, others: { http: 0, https: 0, ...others } } };
});
const ask = subscription.map((what): Step => ({ kind: 'want', ...what }));
const leave = subscription.map((what): Step => ({ kind: 'unwant', ...what }));
const accept = fc.constant<Step>({ kind: 'answer', accepts: true });
const refuse = fc.constant<Step>({ kind: 'answer', accepts: false });
const wait = fc.integer({ min: 1, max: 6_000 }).map((ms): Step => ({ kind: 'wait', ms }));

const makers = new Map([
  ...names.listener.map((name) => [name, listener] as const),
  ...names.secret.map((name) => [name, secret] as const),
  ...names.routeConfiguration.map((name) => [name, table] as const),
] as readonly (readonly [string, typeof listener])[]);

function resourcesOf({ clusters, hosts, others }: World): readonly Resource[] {
  const existing = Object.keys(clusters);
  const routed = existing.length === 0 ? [] : Object.entries(hosts);
  return [
    ...Object.entries(clusters).flatMap(([name, each]) => [cluster(name, each), endpoints(name, each)]),
    ...routed.map(([name, each]) => virtualHost(name, existing[each % existing.length] ?? '')),
    ...Object.entries(others).flatMap(([name, each]) => makers.get(name)?.(name, each) ?? []),
  ];
}

class Run {
  readonly client: ModelClient;
  #published: readonly Resource[] = [];

  constructor(protocol: 'sotw' | 'delta') {
    this.client = new ModelClient(protocol, undefined, { responseBytes: 60 });
  }

  publish(next: readonly Resource[]): void {
    const isNext = new Set(next.map(({ typeUrl, name }) => `${typeUrl} ${name}`));
    const gone = this.#published.filter(({ typeUrl, name }) => !isNext.has(`${typeUrl} ${name}`));
    this.#published = next;
    this.client.publish(next, gone);
  }

  do(step: Step): void {
    if (step.kind === 'publish') this.publish(resourcesOf(step.world));
    else if (step.kind === 'want') this.client.want(step.of, step.name);
    else if (step.kind === 'unwant') this.client.unwant(step.of, step.name);
    else if (step.kind === 'answer') this.client.settle(step.accepts);
    else this.client.now += step.ms;
    this.client.receive();
  }

  /** Accepts everything until nothing more comes; `seen` is called after each response that is applied. */
  settle(seen: () => void = () => undefined): void {
    for (let rounds = 0; rounds < 1_000; rounds++) {
      this.client.receive();
      if (!this.client.settle()) return;
      seen();
    }
    throw new Error('there is no end of responses');
  }

  /** What the client holds, and what it should, of each kind, when everything is accepted and all patience is over. */
  converge(): Readonly<Record<'holds' | 'wants', unknown>> {
    this.settle();
    this.client.now += this.client.limits.orderPatienceMs + this.client.limits.ackPatienceMs;
    this.settle();
    if (this.client.session.isWaiting) throw new Error('something waits for ever');
    const compared = kinds.map((kind) => ({ kind, ...this.client.compare(kind) }));
    return {
      holds: compared.map(({ kind, holds }) => ({ kind, holds })),
      wants: compared.map(({ kind, wants }) => ({ kind, holds: wants })),
    };
  }
}

/** SotW has no virtual hosts of its own, and no client asks for them there. */
const isPossible = (protocol: 'sotw' | 'delta', step: Step): boolean =>
  protocol === 'delta' || !('of' in step) || step.of !== 'virtualHost';

describe.each(['sotw', 'delta'] as const)('a %s client', (protocol) => {
  it('holds what it wants in the end, and never has two responses of a type to answer', () => {
    const steps = fc.array(fc.oneof(publish, ask, ask, leave, accept, accept, wait), { maxLength: 40 });
    fc.assert(
      fc.property(steps, (all) => {
        const run = new Run(protocol);
        run.publish([]);
        for (const step of all.filter((each) => isPossible(protocol, each))) run.do(step);
        const { holds, wants } = run.converge();
        expect(holds).toEqual(wants);
      }),
      { numRuns: 400 },
    );
  });

  it('holds it as well after it has refused some, once these have changed', () => {
    const steps = fc.array(fc.oneof(publish, ask, ask, leave, accept, refuse, wait), { maxLength: 40 });
    fc.assert(
      fc.property(steps, world, (all, last) => {
        const run = new Run(protocol);
        run.publish([]);
        for (const step of all.filter((each) => isPossible(protocol, each))) run.do(step);
        run.publish(resourcesOf(last));
        run.settle();
        run.publish(resourcesOf({ ...last, clusters: later(last.clusters), others: later(last.others), hosts: {} }));
        run.settle();
        run.publish(resourcesOf({ ...last, clusters: later(last.clusters), others: later(last.others) }));
        const { holds, wants } = run.converge();
        expect(holds).toEqual(wants);
      }),
      { numRuns: 400 },
    );
  });

  it('never has a route to a cluster that it lacks, when it answers at once', () => {
    const routes = fc.oneof(
      fc.constantFrom(...names.routeConfiguration).map((name) => ({ of: 'routeConfiguration' as const, name })),
      fc.constantFrom('*', ...names.virtualHost).map((name) => ({ of: 'virtualHost' as const, name })),
    );
    const askRoutes = routes.map((what): Step => ({ kind: 'want', ...what }));
    const leaveRoutes = routes.map((what): Step => ({ kind: 'unwant', ...what }));
    const bursts = fc.array(
      fc.array(fc.oneof(publishWithTables, publishWithTables, askRoutes, leaveRoutes, accept), { maxLength: 4 }),
      {
        maxLength: 15,
      },
    );
    fc.assert(
      fc.property(bursts, (all) => {
        const run = new Run(protocol);
        const check = (): void => expect(run.client.danglingClusters()).toEqual([]);
        run.publish([]);
        run.client.want('cluster', '*');
        run.settle();
        for (const burst of all) {
          for (const step of burst.filter((each) => isPossible(protocol, each))) {
            run.do(step);
            check();
          }
          run.settle(check);
        }
        const { holds, wants } = run.converge();
        expect(holds).toEqual(wants);
      }),
      { numRuns: 400 },
    );
  });
});

/** Every edition anew. */
function later(editions: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(editions).map(([name, each]) => [name, each + 10]));
}
