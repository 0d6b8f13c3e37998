/**
 * What a change allocates in the server, from the object to the acceptance of the last Envoy: in bytes of the heap and compared between
 * sizes, so that it means the same on every machine. Code that walks over everything for each change allocates more with more of it.
 */
import { join } from 'node:path';
import { afterEach, expect, it } from '@jest/globals';
import { Catalogue } from '../../bench/catalogue.ts';
import { type Child, startChild } from '../../bench/child.ts';
import { SimulatedEnvoy } from '../../bench/simulated-envoy.ts';
import type { AllocationAnswer, AllocationOrder } from '../support/allocation-server.ts';
import { eventually } from '../support/eventually.ts';

const changes = 40;
let running: Subject[] = [];

afterEach(async () => {
  for (const { child, envoys } of running) {
    for (const envoy of envoys) envoy.drop();
    await child.stop();
  }
  running = [];
});

it('allocates no more for a change when there are 10,000 applications than when there are 100', async () => {
  const [few, many] = [await start(100, 1), await start(10_000, 1)];
  for (const kind of ['endpoint', 'ingress'] as const) {
    const least = { few: await leastOf(few, kind), many: await leastOf(many, kind) };
    expect({ kind, ...least, isFlat: least.many < 1.3 * least.few }).toEqual({ kind, ...least, isFlat: true });
  }
});

it('allocates for each further Envoy a fraction of what the change itself takes', async () => {
  const one = await leastOf(await start(100, 1), 'endpoint');
  const many = await leastOf(await start(100, 21), 'endpoint');
  const each = (many - one) / 20;
  expect({ one, each, isFraction: each < one / 2 }).toEqual({ one, each, isFraction: true });
});

interface Subject {
  readonly child: Child<AllocationOrder, AllocationAnswer>;
  readonly envoys: readonly SimulatedEnvoy[];
}

async function start(applications: number, count: number): Promise<Subject> {
  const root = join(import.meta.dirname, '../..');
  const flags = ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64'];
  const program = join(root, 'test/support/allocation-server.ts');
  const child = await startChild<AllocationOrder, AllocationAnswer>(
    [...flags, '--import', join(root, 'bench/loader.js'), program],
    '/dev/null',
  );
  const envoys: SimulatedEnvoy[] = [];
  const subject = { child, envoys };
  running.push(subject);
  child.tell({ kind: 'fill', applications });
  const port = await child.next('its port', 60_000, (answer) => (answer.kind === 'serving' ? answer.port : undefined));
  const complete = { assignments: applications, hosts: applications };
  const order = { port, streams: count, protocol: 'delta', service: 'ads', complete } as const;
  const catalogue = new Catalogue();
  const outcome = { complete: 0, failures: [] as string[] };
  for (let id = 0; id < count; id += 1) {
    const envoy = new SimulatedEnvoy(id, order, catalogue, {
      response: () => undefined,
      complete: () => (outcome.complete += 1),
      failed: (message) => outcome.failures.push(message),
    });
    envoys.push(envoy);
    envoy.connect();
  }
  await eventually(() => expect(outcome).toEqual({ complete: count, failures: [] }), { within: 30_000 });
  return subject;
}

/** Bytes for one change. Timers and what compiles code only ever add to them, so the least of many changes is what it takes. */
async function leastOf({ child, envoys }: Subject, of: 'endpoint' | 'ingress'): Promise<number> {
  let least = Infinity;
  for (let number = 0; number < changes; number += 1) {
    child.tell({ kind: 'change', of, number, envoys: envoys.length });
    const bytes = await child.next('what it allocated', 10_000, (answer) =>
      answer.kind === 'allocated' ? answer.bytes : undefined,
    );
    least = Math.min(least, bytes);
  }
  return least;
}
