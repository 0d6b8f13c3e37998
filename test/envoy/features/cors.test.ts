import { expect, it } from '@jest/globals';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

describeWithEnvoy('CORS', () => {
  const stage = scene({
    backends: {
      web: {
        handler: (_request, response) => {
          response.writeHead(200, { 'access-control-allow-origin': 'https://backend.test' }).end('{}');
        },
      },
    },
  });
  const from = (origin: string, method = 'GET') => ({ method, headers: { origin } });

  async function allowed(url: string, origin: string, method = 'GET'): Promise<string> {
    const { status, headers } = await stage.ask(url, from(origin, method));
    return `${status} ${headers['access-control-allow-origin'] ?? 'none'}`;
  }

  it('allows everybody by default, on every answer', async () => {
    await stage.apply({
      open: { hosts: { 'open.test': { '/': 'web:80' } }, annotations: { 'enable-cors': 'true' } },
      shut: {
        hosts: { 'shut.test': { '/': 'web:80' } },
        annotations: { 'enable-cors': 'true', 'denylist-source-range': '127.0.0.1' },
      },
      off: { hosts: { 'off.test': { '/': 'web:80' } } },
    });
    const preflight = await stage.ask('open.test/x', { method: 'OPTIONS' });
    expect(preflight.status).toBe(204);
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'GET, PUT, POST, DELETE, PATCH, OPTIONS',
      'access-control-max-age': '1728000',
    });
    expect(await allowed('open.test', 'https://any.test')).toBe('200 *');
    expect(await allowed('shut.test', 'https://any.test')).toBe('403 *');
    expect(await allowed('shut.test', 'https://any.test', 'OPTIONS')).toBe('204 *');
    expect(await allowed('off.test', 'https://any.test')).toBe('200 https://backend.test');
  });

  it('allows the origins of a list, where * stands for one label', async () => {
    await stage.apply({
      listed: {
        hosts: { 'listed.test': { '/': 'web:80' } },
        annotations: {
          'enable-cors': 'true',
          'cors-allow-origin': 'https://a.test:8443 , https://*.b.test,, app://x',
          'cors-allow-credentials': 'false',
          'cors-allow-methods': 'GET, PUT',
          'cors-allow-headers': 'X-Two',
          'cors-expose-headers': 'X-One',
        },
      },
    });
    const listed = await stage.ask('listed.test', from('https://A.test:8443'));
    expect(listed.headers).toMatchObject({
      'access-control-allow-origin': 'https://A.test:8443',
      'access-control-allow-methods': 'GET, PUT',
      'access-control-allow-headers': 'X-Two',
      'access-control-expose-headers': 'X-One',
    });
    expect(listed.headers['access-control-allow-credentials']).toBeUndefined();
    expect(await allowed('listed.test', 'https://x.b.test', 'OPTIONS')).toBe('204 https://x.b.test');
    expect(await allowed('listed.test', 'app://x')).toBe('200 app://x');
    for (const origin of ['https://a.test', 'https://x.y.b.test', 'https://evil-b.test', 'https://a.test:8443.evil']) {
      expect(await allowed('listed.test', origin)).toBe('200 https://backend.test');
      expect(await allowed('listed.test', origin, 'OPTIONS')).toBe('200 https://backend.test');
    }
  });

  it('allows nobody, rather than everybody, when the list is bad', async () => {
    await stage.apply({
      bad: {
        hosts: { 'bad.test': { '/': 'web:80' } },
        annotations: { 'enable-cors': 'true', 'cors-allow-origin': 'https://%DOWNSTREAM%', 'cors-max-age': '-1' },
      },
    });
    expect(await allowed('bad.test', 'https://any.test')).toBe('200 https://backend.test');
    expect(stage.problems()).toEqual(['bad cors-allow-origin InvalidAnnotation', 'bad cors-max-age InvalidAnnotation']);
  });
});
