/**
 * Each class of what Envoys refuse, written as objects and applied one after the other among good Ingresses: none gets as far as an Envoy,
 * each is named, every good one goes on, and a new one is served. `SLUICE_GOOD_INGRESSES=1000` for more of the good ones.
 */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Backend, startBackend } from '../support/backend.ts';
import { certificate } from '../support/certificates.ts';
import type { RunningEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { recordFault } from '../support/fault-record.ts';
import { httpRequest } from '../support/http-request.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { Lab } from '../support/lab.ts';
import { endpointSlice, ingress, ingressClass, service, tlsSecret } from '../support/objects.ts';
import { refusedObjects } from '../support/refused-objects.ts';
import { describeWithEnvoy } from '../support/tools.ts';

const goodCount = Number(process.env['SLUICE_GOOD_INGRESSES'] ?? 100);
const good = Array.from({ length: goodCount }, (_, index) => `good${index}.test`);
/** So many of the good ones are asked for after each bad one, in turn; all of them at the end. */
const sample = 25;

describeWithEnvoy(`${refusedObjects.length} classes of what Envoys refuse, among ${goodCount} good Ingresses`, () => {
  const lab = new Lab();
  let backend: Backend;
  let envoy: RunningEnvoy;
  let port: number;

  beforeAll(async () => {
    backend = await startBackend();
    const [first, second] = [certificate({ names: ['*.test'] }), certificate({ names: ['*.test'] })];
    lab.apply(
      ingressClass(),
      service('web', { http: 80 }),
      endpointSlice('web', 'web', { http: backend.port }, ['127.0.0.1']),
      tlsSecret('tls', first.cert, first.key),
      tlsSecret('other-tls', second.cert, second.key),
      ...good.map((host) => ingress(host, { hosts: { [host]: { '/': 'web:80' } } })),
    );
    await lab.start();
    envoy = await joinEnvoy({ xdsPort: lab.port });
    port = await envoy.listenerPort('http');
  }, 30_000);

  afterAll(async () => {
    await envoy?.stop();
    await lab.stop();
    await backend?.close();
  });

  const statusOf = async (host: string, path = '/', at = port): Promise<number> =>
    (await httpRequest({ port: at, host, path })).status;

  /** Those that are not answered with 200. */
  async function failing(hosts: readonly string[], at = port): Promise<readonly string[]> {
    const failed: string[] = [];
    for (let from = 0; from < hosts.length; from += sample) {
      const some = hosts.slice(from, from + sample);
      // oxlint-disable-next-line no-await-in-loop -- so many at once are enough
      const statuses = await Promise.all(some.map((host) => statusOf(host, '/', at)));
      failed.push(...some.filter((_, index) => statuses[index] !== 200));
    }
    return failed;
  }

  const named = (): ReadonlySet<string> =>
    new Set(lab.problems().map(({ object: { kind, name } }) => `${kind}/${name}`));

  /** What an Envoy has refused, or a mistake of ours has cost. */
  const accidents = (): readonly string[] => [
    ...lab.log.filter((line) => line.includes('an Envoy refused resources')),
    ...lab.problems('InternalError').map(({ message }) => message),
  ];

  it('each is named or served by itself, and costs nobody else anything', async () => {
    expect(await failing(good)).toEqual([]);
    let longestMs = 0;
    for (const [index, { what, objects, named: culprit, served }] of refusedObjects.entries()) {
      const fresh = `new${index}.test`;
      const began = performance.now();
      lab.apply(...objects, ingress(fresh, { hosts: { [fresh]: { '/': 'web:80' } } }));
      /* oxlint-disable no-await-in-loop -- one after the other is the point */
      await eventually(async () => {
        expect([what, await statusOf(fresh)]).toEqual([what, 200]);
        const isNamed = culprit === undefined || named().has(culprit);
        const isServed = served === undefined || (await statusOf(...served)) < 400;
        expect([what, isNamed, isServed]).toEqual([what, true, true]);
      });
      longestMs = Math.max(longestMs, performance.now() - began);
      const from = (index * sample) % goodCount;
      expect([what, await failing(good.slice(from, from + sample))]).toEqual([what, []]);
      /* oxlint-enable no-await-in-loop */
    }
    expect(accidents()).toEqual([]);
    // What is innocent is not named.
    const innocent = new Set(refusedObjects.flatMap((each) => (each.named === undefined ? each.objects : [])));
    expect([...innocent].filter(({ kind, metadata: { name } }) => named().has(`${kind}/${name}`))).toEqual([]);
    expect(lab.problems().filter(({ object: { name } }) => good.includes(name))).toEqual([]);
    recordFault({
      injected: `${refusedObjects.length} classes of what Envoys refuse, one after the other among ${goodCount} good Ingresses`,
      expected: 'each is named, none is sent, a new Ingress is served after each',
      seen: `the last word on each, and the new one, after ${Math.round(longestMs)} ms at most`,
    });
  }, 300_000);

  it('all together leave every good one to an Envoy that starts among them', async () => {
    const late = await joinEnvoy({ xdsPort: lab.port, nodeId: 'late' });
    try {
      expect(await failing(good, await late.listenerPort('http'))).toEqual([]);
      expect(await failing(good)).toEqual([]);
      expect(accidents()).toEqual([]);
    } finally {
      await late.stop();
    }
  }, 60_000);
});
