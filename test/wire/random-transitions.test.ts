/**
 * Random changes of Ingresses, Services and endpoints, and Envoys that are slow, refuse, and lose their connections: at no moment does a
 * route that an Envoy uses name a cluster that it has not or that is not warm. SLUICE_TRANSITIONS=10000 is the whole of it.
 */
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { KubernetesObject } from '../../src/cluster/kubernetes-object.ts';
import { typeUrl } from '../../src/proto/type-url.ts';
import { eventually } from '../support/eventually.ts';
import { endpointSlice, ingress, ingressClass, service } from '../support/objects.ts';
import { Random } from '../support/random.ts';
import { type Serving, startServing } from '../support/serving.ts';
import { WireEnvoy } from '../support/wire-envoy.ts';

jest.setTimeout(1_200_000);

const transitions = Number(process.env['SLUICE_TRANSITIONS'] ?? 300);
const random = new Random(process.env['SLUICE_TEST_SEED'] ?? '20');
const applications = 8;
const hosts = 10;

let serving: Serving;
let envoys: WireEnvoy[];
const objects = new Map<string, KubernetesObject>();

beforeEach(async () => {
  objects.clear();
  // So short that answers come late, and that who comes back has its removals within the test.
  serving = await startServing(undefined, 0, { answerMs: 30 });
  serving.apply(ingressClass('sluice'));
  envoys = ['delta', 'sotw', 'delta', 'sotw'].map((protocol, index) => {
    return new WireEnvoy(`envoy-${index}`, protocol === 'delta' ? 'delta' : 'sotw', serving.port, random);
  });
});

afterEach(async () => {
  for (const envoy of envoys) envoy.close();
  await serving.stop();
});

/** One publication: some objects that come, change or go. */
function transition(): void {
  const put: KubernetesObject[] = [];
  const gone: KubernetesObject[] = [];
  for (let count = 0; count <= random.below(4); count += 1) {
    const made = random.pick([randomService, randomSlice, randomIngress, randomIngress])();
    const key = `${made.kind} ${made.metadata.name}`;
    const known = objects.get(key);
    if (known !== undefined && random.chance(0.35)) {
      gone.push(known);
      objects.delete(key);
    } else {
      put.push(made);
      objects.set(key, made);
    }
  }
  serving.remove(...gone.filter((each) => !objects.has(`${each.kind} ${each.metadata.name}`)));
  serving.apply(...put);
}

function randomService(): KubernetesObject {
  return service(`app-${random.below(applications)}`, { http: 80 });
}

function randomSlice(): KubernetesObject {
  const app = `app-${random.below(applications)}`;
  return endpointSlice(app, app, { http: 8080 }, [`10.0.0.${1 + random.below(9)}`]);
}

function randomIngress(): KubernetesObject {
  const host = `host-${random.below(hosts)}`;
  const backend = (): string => `app-${random.below(applications)}:http`;
  return ingress(host, { hosts: { [`${host}.test`]: { '/': backend(), '/b': backend() } } });
}

function violations(): readonly string[] {
  return envoys.flatMap((envoy) => envoy.violations);
}

/** Everybody works off everything; then they hold what is served. */
async function settle(): Promise<void> {
  // What was refused is sent again to who comes back.
  for (const envoy of envoys) envoy.reconnect();
  await eventually(
    async () => {
      for (const envoy of envoys) envoy.settle();
      await setImmediate();
      const { delta } = serving.server.store;
      for (const envoy of envoys) expect(envoy.names(typeUrl.cluster)).toEqual(delta.names(typeUrl.cluster));
      for (const envoy of envoys.filter(({ protocol }) => protocol === 'delta')) {
        expect(envoy.names(typeUrl.virtualHost)).toEqual(delta.names(typeUrl.virtualHost));
      }
    },
    { within: 30_000, every: 5 },
  );
}

describe('an Envoy', () => {
  it(`never lets a route name a cluster that is not there, in ${transitions} random transitions`, async () => {
    for (let count = 1; count <= transitions && violations().length === 0; count += 1) {
      transition();
      for (const envoy of envoys) {
        if (random.chance(0.01)) envoy.reconnect();
        await envoy.work();
      }
      if (count % 200 === 0) await settle();
    }
    await settle();
    expect(violations().slice(0, 10)).toEqual([]);
    const sum = (of: (envoy: WireEnvoy) => number): number => envoys.reduce((total, envoy) => total + of(envoy), 0);
    expect(sum(({ applied }) => applied)).toBeGreaterThan(transitions);
    expect(sum(({ refusals }) => refusals)).toBeGreaterThan(transitions / 40);
    expect(sum(({ reconnects }) => reconnects)).toBeGreaterThan(transitions / 100);
  });
});
