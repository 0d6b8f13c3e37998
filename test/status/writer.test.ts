/** What is written for which Ingress and Problem, on a clock of the test. */
import { describe, expect, it } from '@jest/globals';
import type { IngressStatus } from '../../src/cluster/kubernetes-object.ts';
import type { Problem } from '../../src/model/problem.ts';
import { ApiFailure, type ApiRequest } from '../../src/source/api-client.ts';
import type { ObjectChange } from '../../src/source/source.ts';
import { Reporter, type ReporterSettings } from '../../src/status/reporter.ts';
import { keepingLog } from '../source/silent-log.ts';
import { ingress } from '../support/objects.ts';
import { VirtualTiming } from '../support/virtual-timing.ts';
import { ObjectStore } from './object-store.ts';

const manager = 'sluice:edge/leader';
const settings: ReporterSettings = {
  identity: 'replica-a',
  namespace: 'edge',
  electionId: 'leader',
  leaseMs: 0,
  addresses: { kind: 'fixed', addresses: ['192.0.2.1'] },
  wantsInternalAddresses: false,
  addressIntervalMs: 10_000,
  writesEvents: true,
};

interface Write {
  readonly method: string;
  readonly path: string;
  readonly sent: Sent;
}

interface Sent {
  readonly reason?: string;
  readonly note?: string;
  readonly series?: { readonly count: number };
}

function setUp(more: Partial<ReporterSettings> = {}) {
  const clock = new VirtualTiming();
  const store = new ObjectStore();
  const writes: Write[] = [];
  const ours = new Set<string>();
  const problems: Problem[] = [];
  const { log, lines } = keepingLog();
  const world = { refusal: (_path: string): number => 0 };
  const call = async ({ method = 'GET', path, body, silenceMs }: ApiRequest): Promise<unknown> => {
    if (method === 'GET' && path.includes('fieldSelector')) return { items: [{ metadata: { uid: 'uid-1' } }] };
    if (method === 'GET') return store.serve({ path, silenceMs });
    const sent: Sent = JSON.parse(body?.text ?? '{}');
    writes.push({ method, path, sent });
    const status = world.refusal(path);
    if (status !== 0) throw new ApiFailure(`HTTP ${status}`, { status });
    if (path.includes('/events') && body !== undefined) return store.serve({ method, path, body, silenceMs });
    return {};
  };
  const reporter = new Reporter({
    ...settings,
    ...more,
    api: { call },
    isOurs: (key) => ours.has(key),
    problems: () => problems,
    log,
    observe: () => undefined,
    timing: clock.timing(),
  });
  return {
    clock,
    store,
    writes,
    ours,
    problems,
    lines,
    world,
    reporter,
    take: () => writes.splice(0),
    note: (...changes: readonly ObjectChange[]) => {
      reporter.note(changes);
      reporter.commit(new Set(), true);
    },
  };
}

function change(name: string, status?: IngressStatus): ObjectChange {
  const object = { ...ingress(name, {}), ...(status && { status }) };
  return { kind: 'Ingress', namespace: 'default', name, object };
}

function at(...ips: readonly string[]): IngressStatus {
  return { addresses: ips.map((ip) => ({ ip })), managers: [] };
}

function problem(name: string, message = 'the host is bad'): Problem {
  const object = { kind: 'Ingress', namespace: 'default', name };
  return { object, field: 'spec.rules[0].host', severity: 'error', reason: 'InvalidHost', message, fix: 'mend it' };
}

const statusPath = (name: string) =>
  `/apis/networking.k8s.io/v1/namespaces/default/ingresses/${name}/status?fieldManager=sluice%3Aedge%2Fleader&force=true`;

describe('the status of Ingresses', () => {
  it('is written for ours that have other addresses, and for nobody else', async () => {
    const { clock, ours, note, writes } = setUp({ writesEvents: false });
    ours.add('default/a').add('default/right');
    note(change('a'), change('right', at('192.0.2.1')), change('foreign', at('198.51.100.1')));
    await clock.advance(60_000);

    expect(writes).toEqual([
      {
        method: 'PATCH',
        path: statusPath('a'),
        sent: {
          apiVersion: 'networking.k8s.io/v1',
          kind: 'Ingress',
          metadata: { namespace: 'default', name: 'a', uid: '' },
          status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
        },
      },
    ]);
  });

  it('is written at most every 30 s when somebody else keeps changing it', async () => {
    const { clock, ours, note, writes } = setUp({ writesEvents: false });
    ours.add('default/a');
    for (let second = 0; second < 300; second += 1) {
      note(change('a', at('198.51.100.1')));
      await clock.advance(500);
      note(change('a', at('192.0.2.1')));
      note(change('a', at('198.51.100.1')));
      await clock.advance(500);
    }
    expect(writes.length).toBeGreaterThanOrEqual(9);
    expect(writes.length).toBeLessThanOrEqual(11);
  });

  it('is taken back from an Ingress that has not been ours for a while, if we wrote it', async () => {
    const { clock, ours, note, take, reporter } = setUp({ writesEvents: false });
    const written = { ...at('192.0.2.1'), managers: [manager] };
    ours.add('default/a').add('default/b').add('default/c');
    note(change('a', written), change('b', at('192.0.2.1')), change('c', written));
    await clock.advance(60_000);
    ours.clear();
    reporter.commit(new Set(['default/a', 'default/b', 'default/c']), false);
    await clock.advance(5_000);
    ours.add('default/c');
    reporter.commit(new Set(['default/c']), false);
    await clock.advance(60_000);

    const metadata = { namespace: 'default', name: 'a', uid: '' };
    expect(take()).toEqual([
      {
        method: 'PATCH',
        path: statusPath('a'),
        sent: { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata },
      },
    ]);
  });

  it('costs one log line and few requests when it may not be written', async () => {
    const { clock, ours, note, writes, lines, world } = setUp({ writesEvents: false });
    world.refusal = () => 403;
    for (let index = 0; index < 1_000; index += 1) {
      ours.add(`default/i${index}`);
      note(change(`i${index}`));
    }
    await clock.advance(240_000);
    expect(lines).toEqual([
      expect.stringMatching(/^warn: .*grant the verb patch on ingresses\/status of the API group "networking.k8s.io"/),
    ]);
    expect(writes.length).toBeLessThan(60);
    world.refusal = () => 0;
    writes.length = 0;
    await clock.advance(400_000);
    expect(writes).toHaveLength(1_000);
  });

  it('goes on where it was when 10,000 Ingresses get a new address and the leader changes in the middle', async () => {
    const { clock, ours, writes, reporter } = setUp({ writesEvents: false });
    const changes = Array.from({ length: 10_000 }, (_, index) => change(`i${index}`));
    for (const { name } of changes) ours.add(`default/${name}`);
    reporter.note(changes);
    reporter.commit(new Set(), false);
    await clock.advance(60_000);
    const done = writes.length;
    expect(done).toBeGreaterThan(2_900);
    expect(done).toBeLessThan(3_200);
    await reporter.stop();

    const heir = setUp({ writesEvents: false });
    for (const { name } of changes) heir.ours.add(`default/${name}`);
    heir.note(...changes.map(({ name }, index) => change(name, index < done ? at('192.0.2.1') : undefined)));
    await heir.clock.advance(300_000);
    expect(heir.writes).toHaveLength(10_000 - done);
  });
});

describe('Events', () => {
  const quiet = { addresses: { kind: 'fixed', addresses: [] } } as const;
  /** The method, and the reason or how often it has been so. */
  const notes = (writes: readonly Write[]) =>
    writes.map(({ method, sent: { reason, series } }) => [method, reason ?? series?.count]);

  it('say the field, what is wrong and how to fix it, on the object', async () => {
    const { clock, problems, note, writes } = setUp(quiet);
    problems.push(problem('web'));
    note();
    await clock.advance(10_000);

    expect(writes).toHaveLength(1);
    expect(writes[0]).toMatchObject({
      method: 'POST',
      path: '/apis/events.k8s.io/v1/namespaces/default/events',
      sent: {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: { namespace: 'default', name: expect.stringMatching(/^web\.[0-9a-f]{16}$/) },
        type: 'Warning',
        reason: 'InvalidHost',
        note: 'spec.rules[0].host: the host is bad. To fix it: mend it.',
        reportingController: 'sluice.dev/ingress-controller',
        reportingInstance: 'replica-a',
        regarding: {
          apiVersion: 'networking.k8s.io/v1',
          kind: 'Ingress',
          namespace: 'default',
          name: 'web',
          uid: 'uid-1',
        },
      },
    });
  });

  it('are at most 1,024 bytes long, whatever somebody wrote', async () => {
    const { clock, problems, note, writes } = setUp(quiet);
    problems.push(problem('web', 'ä€😀'.repeat(500)));
    note();
    await clock.advance(10_000);
    const text = writes[0]?.sent.note ?? '';
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1_024);
    expect(Buffer.byteLength(text)).toBeGreaterThan(1_010);
    expect(text).not.toContain('\uFFFD');
  });

  it('are written once, kept alive, followed by one that says it is over, and counted when it comes again', async () => {
    const { clock, problems, note, take } = setUp(quiet);
    note();
    await clock.advance(10_000);
    problems.push(problem('web'));
    for (let index = 0; index < 10; index += 1) {
      note();
      await clock.advance(5_000);
    }
    expect(notes(take())).toEqual([['POST', 'InvalidHost']]);
    await clock.advance(3_700_000);
    expect(notes(take())).toEqual([
      ['PATCH', 2],
      ['PATCH', 3],
    ]);
    problems.length = 0;
    note();
    await clock.advance(10_000);
    expect(notes(take())).toEqual([['POST', 'Resolved']]);
    problems.push(problem('web'));
    note();
    await clock.advance(10_000);
    expect(notes(take())).toEqual([
      ['POST', 'InvalidHost'],
      ['PATCH', 4],
    ]);
  });

  it('are not written for what is solved at once, nor again by the next leader', async () => {
    const first = setUp(quiet);
    first.note();
    await first.clock.advance(1_000);
    first.problems.push(problem('web'));
    first.note();
    await first.clock.advance(1_000);
    first.problems.length = 0;
    first.note();
    await first.clock.advance(60_000);
    expect(first.take()).toEqual([]);

    first.problems.push(problem('web'));
    first.note();
    await first.clock.advance(10_000);
    const next = setUp(quiet);
    for (const [path, object] of first.store.objects) next.store.objects.set(path, object);
    next.problems.push(problem('web'));
    next.note();
    await next.clock.advance(60_000);
    expect(notes(next.take())).toEqual([['POST', 'InvalidHost']]);
    expect(next.store.objects.size).toBe(1);
  });

  it('are limited for each object, so that one does not drown the others', async () => {
    const { clock, problems, note, writes } = setUp(quiet);
    for (let index = 0; index < 100; index += 1) problems.push(problem('loud', `host ${index} is bad`));
    problems.push(problem('quiet'));
    note();
    await clock.advance(60_000);
    expect(writes).toHaveLength(26);
  });
});
