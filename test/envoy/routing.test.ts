import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { KubernetesObject } from '../../src/cluster/kubernetes-object.ts';
import { startBackend } from '../support/backend.ts';
import type { Backend } from '../support/backend.ts';
import { certificate } from '../support/certificates.ts';
import type { RunningEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { httpRequest } from '../support/http-request.ts';
import type { HttpRequest } from '../support/http-request.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { endpointSlice, ingress, ingressClass, service, tlsSecret } from '../support/objects.ts';
import { startServing } from '../support/serving.ts';
import type { Serving } from '../support/serving.ts';
import { describeWithEnvoy } from '../support/tools.ts';

const wildcardPair = certificate({ names: ['*.wild.test'] });
const secretPair = certificate({ names: ['secret.test'], key: 'rsa-2048' });

describeWithEnvoy('an Envoy that Sluice configures', () => {
  describe.each(['delta', 'sotw'] as const)('over %s', (protocol) => {
    let backends: readonly Backend[];
    let serving: Serving;
    let envoy: RunningEnvoy;

    beforeAll(async () => {
      backends = await Promise.all(['web', 'api', 'other'].map((name) => startBackend({ name })));
      serving = await startServing();
      serving.apply(ingressClass(), ...backends.flatMap(serviceOf), ...routes);
      envoy = await joinEnvoy({ xdsPort: serving.port, protocol });
    });

    afterAll(async () => {
      await envoy?.stop();
      await serving?.stop();
      await Promise.all(backends.map((backend) => backend.close()));
    });

    /** Status, and the backend that answered if one did. */
    async function ask(host: string, path = '/', tls?: HttpRequest['tls']): Promise<string> {
      const port = await envoy.listenerPort(tls === undefined ? 'http' : 'https');
      const { status, body } = await httpRequest({ port, host, path, ...(tls && { tls }) });
      if (status !== 200) return String(status);
      const echo: { backend: string } = JSON.parse(body);
      return echo.backend;
    }

    it.each([
      ['web.test', '/', 'web'],
      ['WEB.test', '/any/where?x=1', 'web'],
      ['web.test:8080', '/', 'web'],
      ['web.test.', '/', 'web'],
      ['web.test', '/api', 'api'],
      ['web.test', '/api/', 'api'],
      ['web.test', '/api/v1', 'api'],
      ['web.test', '/apis', 'web'],
      ['web.test', '/exact', 'other'],
      ['web.test', '/exact/', 'web'],
      ['web.test', '/named', 'api'],
      ['web.test', '/missing', '503'],
      ['web.test', '/missing/port', '503'],
      ['only.test', '/only', 'web'],
      ['only.test', '/else', '404'],
      ['a.wild.test', '/', 'web'],
      ['exact.wild.test', '/', 'api'],
      ['exact.wild.test', '/x', '404'],
      ['a.b.wild.test', '/', '404'],
      ['wild.test', '/', '404'],
      ['unknown.test', '/', '404'],
      ['fallback.test', '/rule', 'api'],
      ['fallback.test', '/other', 'other'],
    ])('answers %s%s with %s', async (host, path, expected) => {
      expect(await ask(host, path)).toBe(expected);
    });

    it('sends every host that nobody has to the catch-all Ingress, as long as there is one', async () => {
      const catchAll = ingress('catch-all', { defaultBackend: 'other:80' });
      serving.apply(catchAll);
      await eventually(async () => expect(await ask('unknown.test', '/x')).toBe('other'));
      expect(await ask('a.b.wild.test')).toBe('other');
      expect(await ask('exact.wild.test', '/x')).toBe('404');
      serving.remove(catchAll);
      await eventually(async () => expect(await ask('unknown.test', '/x')).toBe('404'));
    });

    it('follows an Ingress that comes, changes, goes and comes again', async () => {
      for (const backend of ['web', 'api']) {
        serving.apply(ingress('live', { hosts: { 'live.test': { '/': `${backend}:80` } } }));
        await eventually(async () => expect(await ask('live.test')).toBe(backend));
      }
      const last = ingress('live', { hosts: { 'live.test': { '/': 'other:80' } } });
      for (let round = 0; round < 3; round++) {
        serving.remove(last);
        await eventually(async () => expect(await ask('live.test')).toBe('404'));
        serving.apply(last);
        await eventually(async () => expect(await ask('live.test')).toBe('other'));
      }
    });

    it('serves TLS hosts that join later, each with the certificate of its name', async () => {
      serving.apply(
        tlsSecret('secret', secretPair.cert, secretPair.key),
        tlsSecret('wild', wildcardPair.cert, wildcardPair.key),
        ingress('tls', {
          hosts: { 'secret.test': { '/': 'web:80' }, 'tls.wild.test': { '/': 'api:80' } },
          tls: [
            { hosts: ['secret.test'], secretName: 'secret' },
            { hosts: ['*.wild.test'], secretName: 'wild' },
          ],
        }),
      );
      await eventually(async () => expect(await ask('secret.test', '/', { ca: secretPair.cert })).toBe('web'));
      expect(await ask('tls.wild.test', '/', { ca: wildcardPair.cert })).toBe('api');
      expect(await ask('a.wild.test', '/', { ca: wildcardPair.cert })).toBe('web');
      await expect(ask('unknown.test', '/', {})).rejects.toThrow(/ECONNRESET|socket/);
    });

    it('shows a renewed certificate without touching the listener', async () => {
      const updates = await envoy.stat('listener_manager.listener_modified');
      const renewed = certificate({ names: ['secret.test'] });
      serving.apply(tlsSecret('secret', renewed.cert, renewed.key));
      await eventually(async () => expect(await ask('secret.test', '/', { ca: renewed.cert })).toBe('web'));
      expect(await envoy.stat('listener_manager.listener_modified')).toBe(updates);
    });

    it('tries another endpoint when one cannot be connected to', async () => {
      const [web] = backends;
      if (web === undefined) throw new Error('there are three backends');
      const nobody = await startBackend();
      await nobody.close();
      serving.apply(
        service('half', { http: 80 }),
        endpointSlice('half-1', 'half', { http: web.port }, ['127.0.0.1']),
        endpointSlice('half-2', 'half', { http: nobody.port }, ['127.0.0.1']),
        ingress('half', { hosts: { 'half.test': { '/': 'half:80' } } }),
      );
      await eventually(async () => expect(await ask('half.test')).toBe('web'));
      const answers = await Promise.all(Array.from({ length: 20 }, () => ask('half.test')));
      expect(new Set(answers)).toEqual(new Set(['web']));
      expect(await envoy.stat('cluster.default/half/80.upstream_rq_retry')).toBeGreaterThan(0);
    });

    it('follows endpoints that move', async () => {
      const moved = backends[1];
      if (moved === undefined) throw new Error('there are three backends');
      serving.apply(endpointSlice('other-1', 'other', { http: moved.port }, ['127.0.0.1']));
      await eventually(async () => expect(await ask('web.test', '/exact')).toBe('api'));
    });

    it('has been refused nothing', () => {
      expect(serving.events.filter(({ kind }) => kind === 'nack')).toEqual([]);
    });

    it('loses no request and no resource when the control plane is gone, and nothing is sent when it comes back', async () => {
      await serving.stop();
      expect(await ask('web.test')).toBe('web');
      const again = await startServing(undefined, serving.port);
      again.apply(ingressClass());
      await again.stop();
      expect(await ask('web.test')).toBe('web');
    });
  });
});

const routes: readonly KubernetesObject[] = [
  ingress('web', {
    hosts: {
      'web.test': {
        '/': 'web:80',
        '/api/': 'api:80',
        '=/exact': 'other:http',
        '/named': 'api:http',
        '/missing': 'nobody:80',
        '/missing/port': 'web:81',
      },
      'only.test': { '/only': 'web:80' },
      '*.wild.test': { '/': 'web:80' },
      'exact.wild.test': { '=/': 'api:80' },
    },
  }),
  ingress('fallback', { hosts: { 'fallback.test': { '/rule': 'api:80' } }, defaultBackend: 'other:80' }),
  ingress('not-ours', { className: 'another', hosts: { 'unknown.test': { '/': 'web:80' } } }),
];

function serviceOf({ name, port }: Backend): readonly KubernetesObject[] {
  return [service(name, { http: 80 }), endpointSlice(`${name}-1`, name, { http: port }, ['127.0.0.1'])];
}
