/**
 * Names that tenants may write (ExternalName, auth-url, mirror-target) and that resolve to the Envoy's own machine: a request does not
 * get there, whatever way it takes. The name server is the test's, as that of a hostile tenant would be his.
 */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startBackend } from '../support/backend.ts';
import type { Backend } from '../support/backend.ts';
import type { RunningEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { httpRequest } from '../support/http-request.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { startNameServer } from '../support/name-server.ts';
import type { NameServer } from '../support/name-server.ts';
import { ingress, ingressClass, service } from '../support/objects.ts';
import { startServing, translationOptions } from '../support/serving.ts';
import type { Serving } from '../support/serving.ts';
import { describeWithEnvoy } from '../support/tools.ts';

const names = {
  'loop.evil.test': '127.0.0.1',
  'other-loop.evil.test': '127.8.8.8',
  'meta.evil.test': '169.254.169.254',
  'zero.evil.test': '0.0.0.0',
};
const prefix = 'nginx.ingress.kubernetes.io';

function external(name: string, externalName: string) {
  const plain = service(name, {});
  return { ...plain, spec: { ...plain.spec, type: 'ExternalName', externalName } } as const;
}

for (const allowLocalEndpoints of [false, true]) {
  const title = allowLocalEndpoints ? 'a name that may lead to this machine' : 'a name that leads to this machine';
  describeWithEnvoy(title, () => {
    let backend: Backend;
    let nameServer: NameServer;
    let serving: Serving;
    let envoy: RunningEnvoy;

    beforeAll(async () => {
      backend = await startBackend({ name: 'secret', handler: (_, response) => response.end('SECRET') });
      nameServer = await startNameServer({ ...names, 'nobody.evil.test': '192.0.2.1' });
      serving = await startServing({ ...translationOptions, allowExternalNames: true, allowLocalEndpoints });
      const resolvers = [{ socket_address: { address: '127.0.0.1', port_value: nameServer.port, protocol: 'UDP' } }];
      const typed_config = {
        '@type': 'type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig',
        resolvers,
        dns_resolver_options: { no_default_search_domain: true },
      };
      serving.apply(ingressClass());
      envoy = await joinEnvoy({
        xdsPort: serving.port,
        overlay: { typed_dns_resolver_config: { name: 'envoy.network.dns_resolver.cares', typed_config } },
      });
      const { port } = backend;
      serving.apply(
        ...Object.entries(names).map(([host, address]) => external(`x${address.replaceAll('.', '-')}`, host)),
        external('nobody', 'nobody.evil.test'),
        ingress('direct', {
          hosts: Object.fromEntries(
            Object.entries(names).map(([host, address]) => [host, { '/': `x${address.replaceAll('.', '-')}:${port}` }]),
          ),
        }),
        ingress('auth', {
          hosts: { 'auth.test': { '/': `x127-0-0-1:${port}` } },
          annotations: { [`${prefix}/auth-url`]: `http://loop.evil.test:${port}/` },
        }),
        ingress('mirror', {
          hosts: { 'mirror.test': { '/': 'nobody:80' } },
          annotations: { [`${prefix}/mirror-target`]: `http://loop.evil.test:${port}/copy$request_uri` },
        }),
        ingress('last', { hosts: { 'last.test': { '/': `x127-0-0-1:${port}` } } }),
      );
      await eventually(async () => {
        if ((await status('last.test')) === 404) throw new Error('Envoy does not serve this yet');
      });
    }, 60_000);

    afterAll(async () => {
      await envoy.stop();
      await serving.stop();
      await Promise.all([backend.close(), nameServer.close()]);
    });

    const ask = async (host: string) =>
      httpRequest({ port: await envoy.listenerPort('http'), host, path: '/', within: 4_000 });
    const status = async (host: string): Promise<number> => (await ask(host)).status;
    /** The name has been looked up when Envoy has a host for its cluster. */
    const resolved = (host: string) =>
      eventually(async () => {
        const address = Object.entries(names).find(([name]) => name === host)?.[1] ?? '';
        const text = `x${address.replaceAll('.', '-')}.*::${address.replaceAll('.', String.raw`\.`)}:`;
        expect(await envoy.admin('/clusters?')).toMatch(new RegExp(text));
      });

    if (allowLocalEndpoints) {
      it('is reached', async () => {
        await resolved('loop.evil.test');
        expect((await ask('loop.evil.test')).body).toBe('SECRET');
        expect(await status('auth.test')).toBe(200);
      });
      return;
    }

    it.each(Object.keys(names))('is not reached by an ExternalName of %s', async (host) => {
      await resolved(host);
      const before = backend.requestCount();
      expect(await status(host)).toBe(403);
      expect(backend.requestCount()).toBe(before);
    });

    it('is not asked by auth-url, and nobody passes', async () => {
      await eventually(async () =>
        expect(await envoy.admin('/clusters?')).toMatch(/^loop\.evil\.test:.*::127\.0\.0\.1:/m),
      );
      const before = backend.requestCount();
      expect(await status('auth.test')).toBeGreaterThanOrEqual(403);
      expect(backend.requestCount()).toBe(before);
    });

    it('gets no copies by mirror-target', async () => {
      const before = backend.requestCount();
      // Whatever becomes of the request itself: nobody is at the address that its own backend has.
      await ask('mirror.test').catch(() => undefined);
      await eventually(async () => {
        const stats = await envoy.admin('/stats?filter=loop.evil.*upstream_rq');
        expect(stats).toMatch(/cluster\.loop\.evil\.test_\d+~mirror[^:]*upstream_rq_(?:cancelled|403): [1-9]/);
      });
      expect(backend.requestCount()).toBe(before);
    });
  });
}
