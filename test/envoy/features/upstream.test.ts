import { expect, it } from '@jest/globals';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

describeWithEnvoy('what backends and clients are sent', () => {
  const ports: number[] = [];
  const stage = scene({
    backends: {
      web: {},
      api: {},
      ports: {
        handler: (request, response) => {
          ports.push(request.socket.remotePort ?? 0);
          response.end();
        },
      },
      large: { handler: (_request, response) => void response.end('x'.repeat(40_000)) },
    },
  });
  const host = (name: string, service = 'web') => ({ [`${name}.test`]: { '/': `${service}:80` } });

  it('has X-Forwarded-Prefix where the path is rewritten, in place of that of the client', async () => {
    const annotations = { 'x-forwarded-prefix': '/pre%REQ(x)%' };
    await stage.apply({
      rewritten: {
        hosts: { 'a.test': { '~/shop/(.*)': 'web:80' } },
        annotations: { ...annotations, 'rewrite-target': '/$1' },
      },
      plain: { hosts: host('plain'), annotations },
      same: { hosts: { 'same.test': { '/x': 'web:80' } }, annotations: { ...annotations, 'rewrite-target': '/x' } },
      group: {
        hosts: { 'group.test': { '~/(.*)': 'web:80' } },
        annotations: { 'rewrite-target': '/x/$1', 'x-forwarded-prefix': '/$1' },
      },
    });
    const prefixAt = async (url: string): Promise<unknown> => {
      const { echo } = await stage.ask(url, { headers: { 'x-forwarded-prefix': '/own' } });
      return [echo?.path, echo?.headers['x-forwarded-prefix']];
    };
    expect(await prefixAt('a.test/shop/cart')).toEqual(['/cart', '/pre%REQ(x)%']);
    expect(await prefixAt('plain.test/shop')).toEqual(['/shop', undefined]);
    expect(await prefixAt('same.test/x')).toEqual(['/x', undefined]);
    expect(await prefixAt('group.test/y')).toEqual(['/x/y', undefined]);
    expect(stage.problems()).toEqual(['group x-forwarded-prefix InvalidAnnotation']);
  });

  it('comes over a connection of its own for each request when they are to be closed', async () => {
    await stage.apply({
      kept: { hosts: host('kept', 'ports'), annotations: { 'connection-proxy-header': 'keep-alive' } },
      closed: { hosts: host('closed', 'ports'), annotations: { 'connection-proxy-header': 'close' } },
    });
    const connections = async (url: string): Promise<number> => {
      ports.length = 0;
      for (let sent = 0; sent < 4; sent += 1) await stage.ask(url);
      return new Set(ports).size;
    };
    expect(await connections('kept.test')).toBe(1);
    expect(await connections('closed.test')).toBe(4);
  });

  it('is no faster than asked for', async () => {
    await stage.apply({
      slow: { hosts: host('slow', 'large'), annotations: { 'limit-rate': '1', 'limit-rate-after': '1' } },
      fast: { hosts: host('fast', 'large'), annotations: { 'limit-rate': '100000' } },
      none: { hosts: host('none', 'large'), annotations: { 'limit-rate': '0' } },
      bad: { hosts: host('bad', 'large'), annotations: { 'limit-rate': '1m' } },
    });
    await expect(stage.ask('slow.test', { within: 1000 })).rejects.toThrow(/timeout|abort/i);
    for (const name of ['fast', 'none', 'bad']) expect((await stage.ask(`${name}.test`)).body.length).toBe(40_000);
    expect(stage.problems().filter((each) => each.startsWith('bad'))).toEqual(['bad limit-rate InvalidAnnotation']);
  });

  it('stays as it is with settings that mean nothing to Envoy', async () => {
    const annotations = {
      'client-body-buffer-size': '1M',
      'proxy-buffering': 'on',
      'proxy-buffer-size': '16k',
      'proxy-buffers-number': '8',
      'proxy-busy-buffers-size': '64k',
      'proxy-max-temp-file-size': '0',
      'proxy-http-version': '1.0',
      'enable-access-log': 'false',
      'enable-rewrite-log': 'true',
      'http2-push-preload': 'true',
      'ssl-prefer-server-ciphers': 'off',
    };
    await stage.apply({ all: { hosts: host('all'), annotations } });
    expect(await stage.outcome('all.test/x')).toBe('web /x');
    expect(stage.problems().filter((each) => each.startsWith('all'))).toEqual([
      'all ssl-prefer-server-ciphers InvalidAnnotation',
    ]);
  });
});
