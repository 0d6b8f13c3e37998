/** What Envoy answers by itself, as ingress-nginx would: codes, pages, and no word of the filters behind them. */
import { expect, it } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { configMap } from '../../support/objects.ts';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';
import type { SceneRequest } from './scene.ts';

const large = 'x'.repeat(2000);

describeWithEnvoy('answers of Envoy itself', () => {
  const s = scene({
    backends: {
      web: {},
      broken: { handler: (request) => request.socket.destroy() },
      named: {
        handler: (_request, response) => response.setHeader('server', 'mine').writeHead(418).end('of the backend'),
      },
    },
    tlsNames: ['tls.test'],
    configMapNamed: 'settings',
  });
  const host = (paths: Readonly<Record<string, string>>, annotations: Readonly<Record<string, string>> = {}) => ({
    hosts: { 'a.test': paths },
    annotations,
  });
  const ingresses = {
    all: host({ '/x': 'web:80', '/empty': 'nobody:80', '/broken': 'broken:80', '/named': 'named:80' }),
    denied: host({ '/denied': 'web:80' }, { 'whitelist-source-range': '192.0.2.0/24' }),
    small: host({ '/small': 'web:80' }, { 'proxy-body-size': '1k' }),
    away: host({ '/away': 'web:80' }, { 'permanent-redirect': 'https://b.test/' }),
    closed: host({ '/closed': 'web:80' }, { 'whitelist-source-range': 'nonsense' }),
    limited: host({ '/limited': 'web:80' }, { 'limit-rpm': '1', 'limit-burst-multiplier': '1' }),
    cors: host({ '/cors': 'web:80' }, { 'enable-cors': 'true' }),
    spoken: host({ '/spoken': 'web:80' }, { 'configuration-snippet': 'return 403 "my own words";' }),
    tls: { hosts: { 'tls.test': { '/': 'web:80' } }, tls: [{ hosts: ['tls.test'], secretName: 'tls' }] },
  };

  it.each<readonly [string, string, number, SceneRequest]>([
    ['what nobody serves', 'a.test/nowhere', 404, {}],
    ['hosts that nobody has', 'unknown.test/', 404, {}],
    ['Services without endpoints', 'a.test/empty', 503, {}],
    ['backends that hang up', 'a.test/broken', 502, {}],
    ['addresses that may not', 'a.test/denied', 403, {}],
    ['paths that are closed', 'a.test/closed', 503, {}],
    ['redirects', 'a.test/away', 301, {}],
    ['redirects to HTTPS', 'tls.test/x', 308, {}],
    ['bodies that say how large they are', 'a.test/small', 413, { method: 'POST', body: large }],
    [
      'bodies that do not',
      'a.test/small',
      413,
      { method: 'POST', body: large, headers: { 'transfer-encoding': 'chunked' } },
    ],
    ['headers that are too large', 'a.test/x', 431, { headers: { 'x-big': 'x'.repeat(70_000) } }],
    ['lines that are too long', `a.test/x?${'x'.repeat(70_000)}`, 431, {}],
  ])('are a page with the status: %s', async (_title, url, status, request) => {
    await s.apply(ingresses, configMap('settings', {}));
    const answer = await s.ask(url, request);
    expect(answer.status).toBe(status);
    expect(answer.body).toMatch(
      new RegExp(`^<!doctype html>\n<title>${status} [A-Z][A-Za-z ]+</title>\n<h1>${status}</h1>\n$`),
    );
    expect(answer.headers['content-type']).toBe('text/html');
    expect(answer.headers['server']).toBeUndefined();
  });

  it('are a page where a limit is exceeded', async () => {
    await s.apply({ ...ingresses, limited: host({ '/limited': 'web:80' }, { 'limit-rpm': '1' }) });
    const seen = [];
    for (let count = 0; count < 8; count += 1) seen.push(await s.ask('a.test/limited'));
    expect(seen.at(-1)?.body).toContain('<title>503 Service Unavailable</title>');
  });

  it('have no page where there is no body, for gRPC, or with words of their own', async () => {
    await s.apply(ingresses, configMap('settings', { 'allow-snippet-annotations': 'true' }));
    await eventually(async () => expect((await s.ask('a.test/spoken')).body).toBe('my own words'));
    expect(await s.ask('a.test/nowhere', { method: 'HEAD' })).toMatchObject({ status: 404, body: '' });
    expect(await s.ask('a.test/cors', { method: 'OPTIONS' })).toMatchObject({ status: 204, body: '' });
    const grpc = { method: 'POST', headers: { 'content-type': 'application/grpc' } };
    expect(await s.ask('a.test/empty', grpc)).toMatchObject({
      status: 200,
      headers: { 'grpc-status': '14', 'grpc-message': expect.not.stringContaining('<') },
    });
    expect(await s.ask('a.test/broken', grpc)).toMatchObject({ status: 200, headers: { 'grpc-status': '14' } });
  });

  it('leave the errors of backends alone', async () => {
    await s.apply(ingresses);
    expect(await s.ask('a.test/named')).toMatchObject({ status: 418, body: 'of the backend' });
  });

  it('and those of backends name a server as the ConfigMap says', async () => {
    const servers = async () => [
      (await s.ask('a.test/named')).headers['server'],
      (await s.ask('a.test/x')).headers['server'],
      (await s.ask('a.test/empty')).headers['server'],
    ];
    await s.apply(ingresses, configMap('settings', {}));
    await eventually(async () => expect(await servers()).toEqual([undefined, undefined, undefined]));
    await s.apply({}, configMap('settings', { 'allow-backend-server-header': 'true' }));
    await eventually(async () => expect(await servers()).toEqual([undefined, undefined, undefined]));
    await s.apply({}, configMap('settings', { 'server-tokens': 'true' }));
    await eventually(async () => expect(await servers()).toEqual(['envoy', 'envoy', 'envoy']));
    await s.apply({}, configMap('settings', { 'server-tokens': 'true', 'allow-backend-server-header': 'true' }));
    await eventually(async () => expect(await servers()).toEqual(['mine', 'envoy', 'envoy']));
  });
});
