import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Ingress } from '../../src/cluster/kubernetes-object.ts';
import { startBackend } from '../support/backend.ts';
import type { Backend } from '../support/backend.ts';
import { eventually } from '../support/eventually.ts';
import { httpRequest } from '../support/http-request.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { annotated } from '../support/judged.ts';
import { Lab } from '../support/lab.ts';
import { endpointSlice, ingress, ingressClass, service } from '../support/objects.ts';
import { underTraffic } from '../support/steady-traffic.ts';
import { describeWithEnvoy } from '../support/tools.ts';

const shop = (path: string): Ingress =>
  annotated(ingress('shop', { hosts: { 'shop.test': { [`~${path}`]: 'web:80' } } }), { 'use-regex': 'true' });
const good = shop('/cart/[a-z]+');
const bad = shop('/cart/[a-z');

describeWithEnvoy('a live Ingress that gets a bad expression', () => {
  let backend: Backend;
  let folder: string;

  beforeAll(async () => {
    backend = await startBackend();
    folder = await mkdtemp(join(tmpdir(), 'sluice-last-forms-'));
  });

  afterAll(async () => {
    await backend?.close();
    await rm(folder, { recursive: true });
  });

  const start = async (flags: Readonly<Record<string, string>>, protocol: 'delta' | 'sotw') => {
    const lab = new Lab({ flags });
    const slice = endpointSlice('web', 'web', { http: backend.port }, ['127.0.0.1']);
    const other = ingress('other', { hosts: { 'other.test': { '/': 'web:80' } } });
    lab.apply(ingressClass(), service('web', { http: 80 }), slice, other, good);
    await lab.start();
    const envoy = await joinEnvoy({ xdsPort: lab.port, protocol });
    const statusOf = async (path: string, host = 'shop.test'): Promise<number> =>
      (await httpRequest({ port: await envoy.listenerPort('http'), host, path })).status;
    const answers = (path: string, status: number): Promise<void> =>
      eventually(async () => expect(await statusOf(path)).toBe(status));
    const stop = async (): Promise<void> => {
      await envoy.stop();
      await lab.stop();
    };
    await answers('/cart/abc', 200);
    return { lab, envoy, answers, statusOf, stop };
  };

  it.each(['delta', 'sotw'] as const)(
    'serves what it was, loses no request, names the fault, and serves what it becomes when it is mended, over %s',
    async (protocol) => {
      const { lab, envoy, answers, statusOf, stop } = await start({}, protocol);
      try {
        const port = await envoy.listenerPort('http');
        const requests = [
          { port, host: 'shop.test', path: '/cart/abc' },
          { port, host: 'other.test', path: '/' },
        ];
        const { sent, failures } = await underTraffic(requests, async ({ more }) => {
          lab.apply(bad, ingress('new', { hosts: { 'new.test': { '/': 'web:80' } } }));
          await eventually(() => expect(lab.problems('InvalidPath')).toHaveLength(1));
          await eventually(async () => expect(await statusOf('/', 'new.test')).toBe(200));
          await more(100);
        });
        expect(failures).toEqual([]);
        expect(sent).toBeGreaterThan(100);
        expect(lab.problems()).toEqual([
          expect.objectContaining({
            object: { kind: 'Ingress', namespace: 'default', name: 'shop' },
            field: 'spec.rules[0].http.paths[0].path',
            message: expect.stringContaining('Instead of this form, what the Ingress was before '),
          }),
        ]);
        const { objects, oldestSeconds } = lab.controlPlane.view.quarantine();
        expect(objects).toBe(1);
        expect(oldestSeconds).toBeGreaterThan(0);
        lab.apply(shop('/basket/[a-z]+'));
        await answers('/basket/abc', 200);
        await answers('/cart/abc', 404);
        expect(lab.problems()).toEqual([]);
        expect(lab.controlPlane.view.quarantine().objects).toBe(0);
      } finally {
        await stop();
      }
    },
  );

  describe.each([
    ['with --last-good', true, 200],
    ['without --last-good', false, 404],
  ])('after a restart %s', (_what, isKept, status) => {
    it(`answers ${status}, names the fault, and serves what it becomes when it is mended`, async () => {
      const { lab, answers, stop } = await start(isKept ? { lastGood: folder } : {}, 'delta');
      let late: Awaited<ReturnType<typeof joinEnvoy>> | undefined;
      try {
        lab.apply(bad);
        await eventually(() => expect(lab.problems('InvalidPath')).toHaveLength(1));
        await lab.restart();
        late = await joinEnvoy({ xdsPort: lab.port, nodeId: 'late' });
        const port = await late.listenerPort('http');
        await eventually(async () => {
          expect((await httpRequest({ port, host: 'other.test' })).status).toBe(200);
          expect((await httpRequest({ port, host: 'shop.test', path: '/cart/abc' })).status).toBe(status);
        });
        await answers('/cart/abc', status);
        expect(lab.problems('InvalidPath')).toHaveLength(1);
        expect(lab.controlPlane.view.quarantine().objects).toBe(isKept ? 1 : 0);
        lab.apply(good);
        await answers('/cart/abc', 200);
        expect(lab.problems()).toEqual([]);
      } finally {
        await late?.stop();
        await stop();
      }
    });
  });

  it('asks for an allow-list as well: that is in force, and what was open is not', async () => {
    const { lab, answers, stop } = await start({}, 'delta');
    try {
      const list = { 'use-regex': 'true', 'whitelist-source-range': '10.9.8.7/32' };
      lab.apply(annotated(bad, list));
      await answers('/cart/abc', 404);
      lab.apply(annotated(good, list));
      await answers('/cart/abc', 403);
      expect(lab.problems()).toEqual([]);
    } finally {
      await stop();
    }
  });
});
