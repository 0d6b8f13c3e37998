/**
 * What a change costs on the wire, in messages and bytes, counted and not timed: the same on every machine, so that a change of the
 * code that sends more than it has to fails here.
 */
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { typeUrl } from '../../src/proto/type-url.ts';
import type { TypeUrl } from '../../src/proto/type-url.ts';
import { DiscoveryClient } from '../support/discovery-client.ts';
import type { DeltaResponse } from '../support/discovery-client.ts';
import { eventually } from '../support/eventually.ts';
import { endpointSlice, ingress, ingressClass, service } from '../support/objects.ts';
import { startServing } from '../support/serving.ts';
import type { Serving } from '../support/serving.ts';

const applications = 200;
let serving: Serving;
let client: DiscoveryClient;

beforeEach(async () => {
  serving = await startServing();
  client = new DiscoveryClient(serving.port);
  const all = Array.from({ length: applications }, (_, i) => application(i));
  serving.apply(ingressClass(), ...all.flat());
});

afterEach(async () => {
  client.close();
  await serving.stop();
});

it('sends one small message to each Envoy when endpoints change', async () => {
  const envoys = await connect(3);
  const cost = await costOf(envoys, () => serving.apply(slice(7, '10.1.0.1')));
  expect(cost.messages).toEqual([1, 1, 1]);
  expect(Math.max(...cost.bytes)).toBeLessThan(600);
});

it('sends at most four messages and 2 kB to each Envoy for a new application', async () => {
  const envoys = await connect(3);
  const cost = await costOf(envoys, () => serving.apply(...application(applications)));
  expect(Math.max(...cost.messages)).toBeLessThanOrEqual(4);
  expect(Math.max(...cost.bytes)).toBeLessThanOrEqual(2_000);
});

it('sends the one virtual host of a new Ingress for a backend that is known', async () => {
  const envoys = await connect(3);
  const added = ingress('another', { hosts: { 'another.example.com': { '/': 'app-3:http' } } });
  const cost = await costOf(envoys, () => serving.apply(added));
  expect(cost.messages).toEqual([1, 1, 1]);
  expect(Math.max(...cost.bytes)).toBeLessThan(600);
});

it('sends nothing when objects are applied again without a change', async () => {
  const envoys = await connect(3);
  const cost = await costOf(envoys, () => serving.apply(ingressClass(), ...application(5), ...application(6)));
  expect(cost.messages).toEqual([0, 0, 0]);
});

it('costs no more however many applications there are', async () => {
  const envoys = await connect(1);
  const few = await costOf(envoys, () => serving.apply(slice(1, '10.1.0.1')));
  const more = Array.from({ length: 3 * applications }, (_, i) => application(applications + i));
  await costOf(envoys, () => serving.apply(...more.flat()));
  const many = await costOf(envoys, () => serving.apply(slice(2, '10.1.0.2')));
  // The nonce, which counts responses, may grow.
  expect(many.messages).toEqual(few.messages);
  expect((many.bytes[0] ?? 0) - (few.bytes[0] ?? 0)).toBeLessThan(10);
});

it('sends an Envoy that comes back with what it has only what changed since', async () => {
  const [first] = await connect(1);
  serving.apply(slice(9, '10.1.0.9'));
  const again = new Envoy(client, first?.versions);
  await eventually(() => {
    again.answer();
    expect(again.names()).toEqual([`${typeUrl.clusterLoadAssignment} default/app-9/http`]);
  });
  serving.apply(slice(10, '10.1.0.10'));
  await eventually(() => {
    again.answer();
    expect(again.names()).toEqual([
      `${typeUrl.clusterLoadAssignment} default/app-10/http`,
      `${typeUrl.clusterLoadAssignment} default/app-9/http`,
    ]);
  });
});

/** An Envoy that subscribes to everything and accepts it. */
class Envoy {
  readonly #stream: ReturnType<DiscoveryClient['delta']>;
  /** Version of each resource received, by name, by type. */
  readonly versions = new Map<string, Map<string, string>>();
  #taken = 0;

  constructor(from: DiscoveryClient, initial: Envoy['versions'] = new Map()) {
    this.#stream = from.delta();
    const resume = (type: TypeUrl) => ({ initial_resource_versions: Object.fromEntries(initial.get(type) ?? []) });
    const subscribe = (type: TypeUrl, names: readonly string[]) =>
      this.#stream.send({ type_url: type, resource_names_subscribe: [...names], ...resume(type) });
    subscribe(typeUrl.cluster, ['*']);
    subscribe(typeUrl.listener, ['*']);
    subscribe(typeUrl.routeConfiguration, ['http', 'https']);
    // The last, so that nothing else is on its way when there are virtual hosts.
    subscribe(typeUrl.virtualHost, ['*']);
    const assignments = [...(initial.get(typeUrl.clusterLoadAssignment)?.keys() ?? [])];
    if (assignments.length > 0) this.#subscribeEndpoints(assignments, resume(typeUrl.clusterLoadAssignment));
  }

  get received(): number {
    return this.#stream.responses.length;
  }

  /** Type and name of all resources it was sent. */
  names(): readonly string[] {
    return [...this.versions].flatMap(([type, held]) => [...held.keys()].map((name) => `${type} ${name}`)).toSorted();
  }

  /** Answers what has arrived; true when there was nothing. */
  answer(): boolean {
    const fresh = this.#stream.responses.slice(this.#taken);
    this.#taken += fresh.length;
    for (const response of fresh) this.#accept(response);
    return fresh.length === 0;
  }

  #accept({ type_url: type = '', nonce = '', resources = [] }: DeltaResponse): void {
    const held = this.versions.get(type) ?? new Map<string, string>();
    const added = resources.map(({ name = '' }) => name).filter((name) => !held.has(name));
    for (const { name = '', version = '' } of resources) held.set(name, version);
    if (held.size > 0) this.versions.set(type, held);
    if (type === typeUrl.cluster && added.length > 0) this.#subscribeEndpoints(added);
    this.#stream.send({ type_url: type, response_nonce: nonce });
  }

  #subscribeEndpoints(names: readonly string[], more: object = {}): void {
    this.#stream.send({ type_url: typeUrl.clusterLoadAssignment, resource_names_subscribe: [...names], ...more });
  }
}

async function connect(count: number): Promise<readonly Envoy[]> {
  const envoys = Array.from({ length: count }, () => new Envoy(client));
  await settled(envoys, applications);
  return envoys;
}

/** Until everything that was sent is answered and nothing waits to be sent; each Envoy then has at least so many virtual hosts. */
async function settled(envoys: readonly Envoy[], virtualHosts = 0): Promise<void> {
  await eventually(
    () => {
      const isQuiet = envoys.map((envoy) => envoy.answer()).every(Boolean);
      const count = (kind: string): number => serving.events.filter((event) => event.kind === kind).length;
      const waiting = serving.server.streams().filter(({ session }) => session.isWaiting);
      const states = {
        isQuiet,
        unanswered: count('response') - count('ack'),
        waiting: waiting.length,
        streams: count('opened') >= envoys.length,
        hosts: envoys.every(({ versions }) => (versions.get(typeUrl.virtualHost)?.size ?? 0) >= virtualHosts),
      };
      expect(states).toEqual({ isQuiet: true, unanswered: 0, waiting: 0, streams: true, hosts: true });
    },
    { every: 5 },
  );
}

interface Cost {
  /** Of each Envoy. */
  readonly messages: readonly number[];
  /** The mean of each, over all that were sent. */
  readonly bytes: readonly number[];
}

async function costOf(envoys: readonly Envoy[], change: () => void): Promise<Cost> {
  const before = envoys.map(({ received }) => received);
  const eventsBefore = serving.events.length;
  change();
  await settled(envoys);
  const sent = serving.events.slice(eventsBefore).flatMap((event) => (event.kind === 'response' ? [event.bytes] : []));
  const total = sent.reduce((sum, bytes) => sum + bytes, 0);
  return {
    messages: envoys.map(({ received }, i) => received - (before[i] ?? 0)),
    bytes: envoys.map(() => total / envoys.length),
  };
}

function application(i: number) {
  const backend = `app-${i}`;
  return [
    service(backend, { http: 80 }),
    slice(i, '10.0.0.1'),
    ingress(backend, { hosts: { [`${backend}.example.com`]: { '/': `${backend}:http` } } }),
  ] as const;
}

/** Ten endpoints, of which the first is the given. */
function slice(i: number, first: string) {
  const others = Array.from({ length: 9 }, (_, n) => `10.2.${n}.${i % 256}`);
  return endpointSlice(`app-${i}`, `app-${i}`, { http: 8080 }, [first, ...others]);
}
