/** The simulated Envoys of bench/ against the real server: what they report is what was sent, and what was not is noticed. */
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Catalogue } from '../../bench/catalogue.ts';
import { type Received, types } from '../../bench/discovery-response.ts';
import type { Protocol } from '../../bench/fleet-protocol.ts';
import { SimulatedEnvoy } from '../../bench/simulated-envoy.ts';
import { eventually } from '../support/eventually.ts';
import { endpointSlice, ingress, ingressClass, service } from '../support/objects.ts';
import { type Serving, startServing } from '../support/serving.ts';

const applications = 50;
let serving: Serving;
let running: SimulatedEnvoy[];

beforeEach(async () => {
  running = [];
  serving = await startServing();
  serving.apply(ingressClass(), ...Array.from({ length: applications }, (_, i) => application(i)).flat());
});

afterEach(async () => {
  for (const envoy of running) envoy.drop();
  await serving.stop();
});

for (const protocol of ['delta', 'sotw'] as const) {
  it(`holds in ${protocol} all that is served, in its newest version`, async () => {
    const connected = await connect(protocol);
    serving.apply(slice(7, '10.1.0.7'));
    await eventually(() => {
      for (const typeUrl of whole[protocol]) expect(holding(connected, typeUrl)).toEqual(served(protocol, typeUrl));
    });
    expect(connected.failures).toEqual([]);
  });
}

it('lets go of what is removed', async () => {
  const connected = await connect('delta');
  serving.remove(...application(3));
  await eventually(() => {
    for (const typeUrl of whole.delta) expect(holding(connected, typeUrl)).toEqual(served('delta', typeUrl));
  });
  expect(Object.keys(holding(connected, types.assignment))).toHaveLength(applications - 1);
});

it('is sent, when it comes back with what it holds, only what has changed', async () => {
  const connected = await connect('delta');
  connected.envoy.drop();
  serving.apply(slice(4, '10.1.0.4'));
  connected.responses.length = 0;
  connected.envoy.connect(true);
  await eventually(() => expect(namesOf(connected.responses)).toEqual([`${types.assignment} default/app-4/http`]));
  for (const typeUrl of whole.delta) expect(holding(connected, typeUrl)).toEqual(served('delta', typeUrl));
});

it('is sent everything again when it comes back as a new one', async () => {
  const { envoy, responses, completed } = await connect('delta');
  const before = namesOf(responses);
  responses.length = 0;
  envoy.connect(false);
  await eventually(() => expect(completed.length).toBe(2));
  expect(namesOf(responses)).toEqual(before);
});

it('is told apart from another that holds something else', async () => {
  const one = await connect('delta');
  const other = await connect('delta', one.catalogue);
  const isSame = () => one.envoy.holding(types.assignment).equals(other.envoy.holding(types.assignment));
  expect(isSame()).toBe(true);
  other.envoy.drop();
  const before = one.responses.length;
  serving.apply(slice(4, '10.1.0.4'));
  await eventually(() => expect(one.responses.length).toBeGreaterThan(before));
  expect(isSame()).toBe(false);
});

it('says when the server goes away', async () => {
  const { failures } = await connect('delta');
  await serving.stop();
  await eventually(() => expect(failures).not.toEqual([]));
});

interface Connected {
  readonly protocol: Protocol;
  readonly envoy: SimulatedEnvoy;
  readonly catalogue: Catalogue;
  readonly responses: Received[];
  readonly completed: SimulatedEnvoy[];
  readonly failures: readonly string[];
}

async function connect(protocol: Protocol, catalogue = new Catalogue()): Promise<Connected> {
  const responses: Received[] = [];
  const completed: SimulatedEnvoy[] = [];
  const failures: string[] = [];
  const complete = { assignments: applications, hosts: applications };
  const order = { port: serving.port, streams: 1, protocol, service: 'ads', complete } as const;
  const envoy = new SimulatedEnvoy(running.length, order, catalogue, {
    response: (_envoy, received) => responses.push(received),
    complete: (each) => completed.push(each),
    failed: (message) => failures.push(message),
  });
  running.push(envoy);
  envoy.connect();
  await eventually(() => expect(completed).toEqual([envoy]));
  return { protocol, envoy, catalogue, responses, completed, failures };
}

/** Type and name of what was sent, each once. */
function namesOf(responses: readonly Received[]): readonly string[] {
  const all = responses.flatMap(({ typeUrl, resources }) => resources.map(({ name }) => `${typeUrl} ${name}`));
  return [...new Set(all)].toSorted();
}

/** Types of which everything that is served is asked for; a route table only when a listener names it. In SotW there is no VHDS. */
const whole = {
  delta: [types.cluster, types.assignment, types.listener, types.virtualHost],
  sotw: [types.cluster, types.assignment, types.listener],
} as const;

type Versions = Readonly<Record<string, string>>;

/** By name; in SotW, where the version is that of the last response to name it, names only. */
function holding({ envoy, catalogue, protocol }: Connected, typeUrl: string): Versions {
  const of = envoy.holding(typeUrl);
  const names = catalogue.names(typeUrl);
  const versionOf = (name: number): string => (protocol === 'delta' ? catalogue.versions.text(of.get(name)) : '');
  return Object.fromEntries([...of.names()].map((name) => [names.text(name), versionOf(name)]));
}

/** The same as the server has it. */
function served(protocol: Protocol, typeUrl: string): Versions {
  const view = serving.server.store[protocol];
  const versionOf = (name: string): string => (protocol === 'delta' ? (view.get(typeUrl, name)?.version ?? '') : '');
  return Object.fromEntries(view.names(typeUrl).map((name) => [name, versionOf(name)]));
}

function application(i: number) {
  const backend = `app-${i}`;
  return [
    service(backend, { http: 80 }),
    slice(i, '10.0.0.1'),
    ingress(backend, { hosts: { [`${backend}.example.com`]: { '/': `${backend}:http` } } }),
  ] as const;
}

function slice(i: number, address: string) {
  return endpointSlice(`app-${i}`, `app-${i}`, { http: 8080 }, [address]);
}
