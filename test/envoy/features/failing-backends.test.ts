import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { endpointSlice, service } from '../../support/objects.ts';
import { portOf } from '../../support/ports.ts';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

describeWithEnvoy('backends that fail', () => {
  const stage = scene({ configMap: { 'enable-underscores-in-headers': 'true' } });
  const breaksOff = createServer((socket) => socket.once('data', () => socket.destroy()));
  const isNoHttp = createServer((socket) => socket.once('data', () => socket.end('HELLO\r\n\r\n')));
  const hangs = createServer(() => {});
  const servers = [breaksOff, isNoHttp, hangs];

  beforeAll(() =>
    Promise.all(servers.map((server) => new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil)))),
  );
  afterAll(() => servers.forEach((server) => server.close()));

  it('answer 502 where they cannot be reached or break off, 503 where there are none, 504 where they are silent', async () => {
    const backends = Object.entries({
      refuses: 1,
      'breaks-off': portOf(breaksOff),
      'is-no-http': portOf(isNoHttp),
      hangs: portOf(hangs),
    });
    await stage.apply(
      {
        all: {
          hosts: { 'fails.test': Object.fromEntries(backends.map(([name]) => [`/${name}`, `${name}:80`])) },
          annotations: { 'proxy-read-timeout': '1' },
        },
        none: { hosts: { 'fails.test': { '/none': 'none:80', '/missing': 'missing:80' } } },
      },
      service('none', { http: 80 }),
      ...backends.flatMap(([name, port]) => [
        service(name, { http: 80 }),
        endpointSlice(`${name}-1`, name, { http: port }, ['127.0.0.1']),
      ]),
    );
    expect(await stage.outcome('fails.test/refuses')).toBe('502');
    expect(await stage.outcome('fails.test/breaks-off')).toBe('502');
    expect(await stage.outcome('fails.test/is-no-http')).toBe('502');
    expect(await stage.outcome('fails.test/none')).toBe('503');
    expect(await stage.outcome('fails.test/missing')).toBe('503');
    expect(await stage.outcome('fails.test/hangs')).toBe('504');
  });

  it('are given headers with underscores where the ConfigMap says so', async () => {
    await stage.apply({ web: { hosts: { 'web.test': { '/': 'web:80' } } } });
    const { echo } = await stage.ask('web.test/', { headers: { x_user: 'me' } });
    expect(echo?.headers['x_user']).toBe('me');
  });
});
