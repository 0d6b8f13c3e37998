/** What one Ingress with thousands of backends costs everybody else, with a real Envoy: a place in the queue, not the whole queue. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Backend, startBackend } from '../support/backend.ts';
import type { RunningEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { httpRequest } from '../support/http-request.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { endpointSlice, ingress, ingressClass, service } from '../support/objects.ts';
import { type Serving, startServing } from '../support/serving.ts';
import { describeWithEnvoy } from '../support/tools.ts';

const patience = { within: 40_000 };
const paths = 3_000;

describeWithEnvoy('an Ingress with thousands of backends', () => {
  let serving: Serving;
  let backend: Backend;
  let envoy: RunningEnvoy;
  let port = 0;

  beforeAll(async () => {
    [serving, backend] = await Promise.all([startServing(), startBackend()]);
    serving.apply(
      ingressClass(),
      service('web', { http: 80 }),
      service('other', { http: 80 }),
      ...['web', 'other'].map((name) => endpointSlice(name, name, { http: backend.port }, ['127.0.0.1'])),
      ingress('web', { hosts: { 'web.test': { '/': 'web:80' } } }),
    );
    envoy = await joinEnvoy({ xdsPort: serving.port });
    port = await envoy.listenerPort('http');
  }, 30_000);

  afterAll(async () => {
    await envoy?.stop();
    await backend?.close();
    await serving?.stop();
  });

  async function answers(host: string, status: number, path = '/'): Promise<void> {
    await eventually(async () => expect((await httpRequest({ port, host, path })).status).toBe(status), patience);
  }

  it('does not hold up the hosts of others, those with new backends included', async () => {
    const many = Array.from({ length: paths }, (_, index) => [`/${index}`, `missing-${index}:80`]);
    serving.apply(ingress('big', { hosts: { 'big.test': Object.fromEntries(many) } }));
    serving.apply(
      ingress('known', { hosts: { 'known.test': { '/': 'web:80' } } }),
      ingress('new', { hosts: { 'new.test': { '/': 'other:80' } } }),
    );

    await answers('known.test', 200);
    await answers('new.test', 200);
    expect(await envoy.stat('cluster_manager.cluster_added')).toBeLessThan(paths);

    await answers('big.test', 503, `/${paths - 1}`);
    expect(await envoy.stat('cluster_manager.cluster_added')).toBeGreaterThan(paths);
  }, 90_000);
});
