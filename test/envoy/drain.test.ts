/** `sluice drain` beside an Envoy that is taken out of service under load: what clients notice of it, which is nothing. */
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, get } from 'node:http';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { readBootstrap, renderBootstrap } from '../../src/cli/bootstrap.ts';
import { type Backend, startBackend } from '../support/backend.ts';
import { type RunningEnvoy, startEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { httpRequest } from '../support/http-request.ts';
import { endpointSlice, ingress, ingressClass, service } from '../support/objects.ts';
import { freePort } from '../support/ports.ts';
import type { RunningProcess } from '../support/process.ts';
import { type Serving, startServing } from '../support/serving.ts';
import { startSluice } from '../support/sluice.ts';
import { describeWithEnvoy } from '../support/tools.ts';

describeWithEnvoy('an Envoy that drains', () => {
  let backend: Backend;
  let serving: Serving;
  let envoy: RunningEnvoy;
  let drainer: RunningProcess;
  let statusPort: number;

  beforeEach(async () => {
    backend = await startBackend({
      handler: (_request, response) => void pause(300).then(() => response.end('slow')),
    });
    serving = await startServing();
    serving.apply(
      ingressClass(),
      service('shop', { http: 80 }),
      endpointSlice('shop-1', 'shop', { http: backend.port }, ['127.0.0.1']),
      ingress('shop', { hosts: { 'shop.test': { '/': 'shop:80' } } }),
    );
    statusPort = await freePort();
    const bootstrap = readBootstrap({
      nodeId: 'edge-1',
      xdsAddress: `127.0.0.1:${serving.port}`,
      statusPort: String(statusPort),
    });
    envoy = await startEnvoy({ bootstrap: renderBootstrap(bootstrap), flags: ['--drain-strategy', 'immediate'] });
    drainer = await startSluice(['drain', '--admin-port', String(envoy.adminPort), '--min', '500ms', '--max', '20s']);
    await drainer.waitForOutput(/waiting to be stopped/);
  });

  afterEach(async () => {
    await drainer.stop();
    await envoy.stop();
    await serving.stop();
    await backend.close();
  });

  function readiness(): Promise<number> {
    return httpRequest({ port: statusPort, path: '/ready' }).then(({ status }) => status);
  }

  it('is ready on its own listener, which shows metrics and nothing else of the admin interface', async () => {
    const page = async (path: string, method = 'GET') => (await httpRequest({ port: statusPort, path, method })).status;
    expect(await readiness()).toBe(200);
    expect(await page('/stats')).toBe(404);
    expect(await page('/stats/prometheus/../../quitquitquit', 'POST')).toBe(404);
    expect(await page('/config_dump')).toBe(404);
  });

  it('answers every request, says goodbye on each connection, and ends only when all are gone', async () => {
    const port = await envoy.listenerPort('http');
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = () =>
      new Promise<string>((fulfil, reject) => {
        get({ port, host: '127.0.0.1', headers: { host: 'shop.test' }, agent }, (answer) => {
          answer.resume();
          answer.on('end', () => fulfil(`${answer.statusCode} ${answer.headers.connection ?? 'keep-alive'}`));
          answer.on('error', reject);
        }).on('error', reject);
      });
    await eventually(async () => expect(await ask()).toBe('200 keep-alive'));

    const pending = ask();
    await eventually(() => expect(backend.requestCount()).toBeGreaterThan(1));
    drainer.signal('SIGTERM');
    expect(await pending).toMatch(/^200 /);

    await eventually(async () => expect(await readiness()).toBe(503));
    // New connections are still served: not every load balancer has noticed.
    expect(await ask()).toBe('200 close');
    agent.destroy();
    expect(await drainer.exited).toMatchObject({ code: 0 });
    expect(drainer.output()).toMatch(/drained in \d+ ms/);
    expect(envoy.isRunning()).toBe(true);
  });

  it('gives nobody up who still waits for an answer', async () => {
    const port = await envoy.listenerPort('http');
    await eventually(async () => expect((await httpRequest({ port, host: 'shop.test' })).status).toBe(200));
    drainer.signal('SIGTERM');
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => httpRequest({ port, host: 'shop.test' }).then(({ status }) => status)),
    );
    expect(new Set(answers)).toEqual(new Set([200]));
    expect(await drainer.exited).toMatchObject({ code: 0 });
  });

  it('stays ready where load balancers go by the Pod, and says goodbye all the same', async () => {
    // At once, or it would drain.
    await drainer.stop(0);
    const flags = ['--admin-port', String(envoy.adminPort), '--keep-ready', '--min', '1s', '--max', '20s'];
    drainer = await startSluice(['drain', ...flags]);
    await drainer.waitForOutput(/waiting to be stopped/);
    const port = await envoy.listenerPort('http');
    drainer.signal('SIGTERM');
    await drainer.waitForOutput(/Envoy drains/);

    const { status, headers } = await httpRequest({ port, host: 'shop.test' });
    expect({ status, connection: headers.connection }).toEqual({ status: 200, connection: 'close' });
    expect(await readiness()).toBe(200);
    expect(await drainer.exited).toMatchObject({ code: 0 });
  });
});
