/** Several Envoys at once behind one control plane, whatever protocol each of them speaks: every one follows every edit. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startBackend } from '../support/backend.ts';
import type { Backend } from '../support/backend.ts';
import type { RunningEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { httpRequest } from '../support/http-request.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { endpointSlice, ingress, ingressClass, service } from '../support/objects.ts';
import { startServing } from '../support/serving.ts';
import type { Serving } from '../support/serving.ts';
import { describeWithEnvoy } from '../support/tools.ts';

describeWithEnvoy('a fleet of one delta and one state-of-the-world Envoy', () => {
  let backends: readonly Backend[];
  let serving: Serving;
  let envoys: readonly RunningEnvoy[];

  beforeAll(async () => {
    backends = await Promise.all(['red', 'blue'].map((name) => startBackend({ name })));
    serving = await startServing();
    const slices = backends.flatMap(({ name, port }) => [
      service(name, { http: 80 }),
      endpointSlice(`${name}-1`, name, { http: port }, ['127.0.0.1']),
    ]);
    serving.apply(ingressClass(), ...slices, shopIs('red'));
    envoys = await Promise.all(
      (['delta', 'sotw'] as const).map((protocol) =>
        joinEnvoy({ xdsPort: serving.port, protocol, nodeId: `edge-${protocol}` }),
      ),
    );
  });
  afterAll(async () => {
    await Promise.all(envoys.map((envoy) => envoy.stop()));
    await serving.stop();
    await Promise.all(backends.map((backend) => backend.close()));
  });

  /** What each Envoy answers: the backend, or the status when it was not 200. */
  function ask(host: string): Promise<readonly string[]> {
    return Promise.all(
      envoys.map(async (envoy) => {
        const { status, body } = await httpRequest({ port: await envoy.listenerPort('http'), host });
        if (status !== 200) return String(status);
        const echo: { backend: string } = JSON.parse(body);
        return echo.backend;
      }),
    );
  }

  it('is connected over both protocols', () => {
    const streams = serving.server.streams().map(({ node, protocol }) => `${node.id} over ${protocol}`);
    expect(streams.toSorted()).toEqual(['edge-delta over delta', 'edge-sotw over sotw']);
  });

  it('follows edits of Ingresses and of endpoints', async () => {
    await eventually(async () => expect(await ask('shop.test')).toEqual(['red', 'red']));

    serving.apply(shopIs('blue'));
    await eventually(async () => expect(await ask('shop.test')).toEqual(['blue', 'blue']));

    serving.apply(endpointSlice('blue-1', 'blue', { http: backends[0]?.port ?? 0 }, ['127.0.0.1']));
    await eventually(async () => expect(await ask('shop.test')).toEqual(['red', 'red']));
  });

  it('follows hosts that come and go', async () => {
    const late = ingress('late', { hosts: { 'late.test': { '/': 'red:80' } } });
    serving.apply(late);
    await eventually(async () => expect(await ask('late.test')).toEqual(['red', 'red']));

    serving.remove(late);
    await eventually(async () => expect(await ask('late.test')).toEqual(['404', '404']));
  });

  it('has refused nothing and waits for nothing', async () => {
    expect(serving.events.filter(({ kind }) => kind === 'nack')).toEqual([]);
    await eventually(() => {
      expect(serving.server.streams().map(({ session }) => session.isWaiting)).toEqual([false, false]);
    });
  });
});

function shopIs(backend: string) {
  return ingress('shop', { hosts: { 'shop.test': { '/': `${backend}:80` } } });
}
