import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, it } from '@jest/globals';
import { endpointSlice, service } from '../../support/objects.ts';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

describeWithEnvoy('error pages', () => {
  /** Answers with the status that the path names. */
  const fails = (request: IncomingMessage, response: ServerResponse): void => {
    request.resume().on('end', () => response.writeHead(Number(request.url?.slice(1, 4))).end('own page'));
  };
  /** As the example of ingress-nginx does, which repeats the code. */
  const repeats = (request: IncomingMessage, response: ServerResponse): void => {
    const code = Number(request.headers['x-code']);
    response.writeHead(code).end(`page of ${code}`);
  };
  const stage = scene({
    backends: { web: { handler: fails }, pages: {}, repeating: { handler: repeats }, api: {} },
  });

  it('come from the default backend, which is told what happened, with its status', async () => {
    await stage.apply({
      shop: {
        hosts: { 'shop.test': { '/': 'web:80' } },
        annotations: { 'custom-http-errors': '404, 503,', 'default-backend': 'pages' },
      },
      faithful: {
        hosts: { 'faithful.test': { '/': 'web:80' } },
        annotations: { 'custom-http-errors': '404', 'default-backend': 'repeating' },
      },
    });
    const { status, echo } = await stage.ask('shop.test/404/x?y=1', { headers: { accept: 'text/html' } });
    expect([status, echo?.backend, echo?.path, echo?.method]).toEqual([200, 'pages', '/?y=1', 'GET']);
    expect(echo?.host).toBe('shop.test');
    expect(echo?.headers).toMatchObject({
      'x-code': '404',
      'x-format': 'text/html',
      'x-original-uri': '/404/x?y=1',
      'x-namespace': 'default',
      'x-ingress-name': 'shop',
      'x-service-name': 'web',
      'x-service-port': '80',
    });
    expect(echo?.headers['x-request-id']).toMatch(/./);
    expect(echo?.headers['x-sluice-error']).toBeUndefined();
    expect((await stage.ask('shop.test/503', { method: 'POST', body: 'form' })).echo?.headers['x-code']).toBe('503');
    expect(await stage.ask('shop.test/500')).toMatchObject({ status: 500, body: 'own page' });
    expect(await stage.ask('faithful.test/404')).toMatchObject({ status: 404, body: 'page of 404' });
  });

  it('replace errors of the proxy as well, and only them where that is asked for', async () => {
    const annotations = { 'custom-http-errors': '403,404,502,503', 'default-backend': 'pages' };
    await stage.apply(
      {
        all: {
          hosts: { 'all.test': { '/gone': 'refuses:80', '/denied': 'web:80' } },
          annotations: { ...annotations, 'denylist-source-range': '10.0.0.0/8' },
        },
        denied: {
          hosts: { 'denied.test': { '/': 'web:80' } },
          annotations: { ...annotations, 'denylist-source-range': '127.0.0.1' },
        },
        own: {
          hosts: { 'own.test': { '/gone': 'refuses:80', '/': 'web:80' } },
          annotations: { ...annotations, 'disable-proxy-intercept-errors': 'true' },
        },
      },
      service('refuses', { http: 80 }),
      endpointSlice('refuses-1', 'refuses', { http: 1 }, ['127.0.0.1']),
    );
    const code = async (url: string) => (await stage.ask(url)).echo?.headers['x-code'];
    expect(await code('all.test/gone')).toBe('502');
    expect(await code('all.test/nothing')).toBe('404');
    expect(await code('denied.test/')).toBe('403');
    expect(await code('own.test/gone')).toBe('502');
    expect(await stage.ask('own.test/404')).toMatchObject({ status: 404, body: 'own page' });
  });

  it('are 404 where there is no default backend', async () => {
    await stage.apply({
      none: { hosts: { 'none.test': { '/': 'web:80' } }, annotations: { 'custom-http-errors': '500' } },
      missing: {
        hosts: { 'missing.test': { '/': 'web:80' } },
        annotations: { 'custom-http-errors': '500', 'default-backend': 'nobody' },
      },
    });
    expect(await stage.ask('none.test/500')).toMatchObject({
      status: 404,
      body: expect.stringContaining('<title>404 Not Found</title>'),
    });
    expect(await stage.ask('missing.test/500')).toMatchObject({
      status: 404,
      body: expect.stringContaining('<title>404 Not Found</title>'),
    });
    expect(await stage.ask('none.test/501')).toMatchObject({ status: 501, body: 'own page' });
  });

  it('cannot be asked for by clients', async () => {
    await stage.apply({
      shop: {
        hosts: { 'shop.test': { '/': 'api:80' } },
        annotations: { 'custom-http-errors': '404', 'default-backend': 'pages' },
      },
    });
    const { echo } = await stage.ask('shop.test/x', { headers: { 'x-sluice-error': 'default/pages' } });
    expect([echo?.backend, echo?.headers['x-sluice-error']]).toEqual(['api', undefined]);
  });

  it('of a Service without endpoints are the answers of the default backend, with the path of the request', async () => {
    await stage.apply(
      {
        empty: {
          hosts: { 'empty.test': { '/a': 'empty:80', '/b': 'unknown:80' } },
          annotations: { 'default-backend': 'pages' },
        },
        bare: { hosts: { 'bare.test': { '/': 'empty:80' } } },
      },
      service('empty', { http: 80 }),
    );
    const { status, echo } = await stage.ask('empty.test/a?b', { method: 'PUT', body: 'text' });
    expect([status, echo?.backend, echo?.path, echo?.method, echo?.body]).toEqual([
      200,
      'pages',
      '/a?b',
      'PUT',
      'text',
    ]);
    expect(echo?.headers).toMatchObject({ 'x-code': '503', 'x-ingress-name': 'empty', 'x-service-name': 'empty' });
    expect(await stage.outcome('empty.test/b')).toBe('pages /b');
    expect(await stage.outcome('bare.test/')).toBe('503');
    await stage.apply({}, endpointSlice('empty-1', 'empty', { http: stage.backend('api').port }, ['127.0.0.1']));
    expect(await stage.outcome('empty.test/a')).toBe('api /a');
  });

  it('are left out when the codes or the name are not such', async () => {
    await stage.apply({
      bad: {
        hosts: { 'bad.test': { '/': 'web:80' } },
        annotations: { 'custom-http-errors': '404,many', 'default-backend': 'a/b' },
      },
    });
    expect(await stage.ask('bad.test/404')).toMatchObject({ status: 404, body: 'own page' });
    expect(stage.problems().filter((each) => each.startsWith('bad'))).toEqual([
      'bad custom-http-errors InvalidAnnotation',
      'bad default-backend InvalidAnnotation',
    ]);
  });
});
