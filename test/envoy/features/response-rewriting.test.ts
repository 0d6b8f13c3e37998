import { once } from 'node:events';
import { request } from 'node:http';
import { expect, it } from '@jest/globals';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

const spaces = ' '.repeat(58_000);

describeWithEnvoy('what backends say of themselves', () => {
  const stage = scene({
    tlsNames: ['tls.test'],
    backends: {
      /** Answers with the headers that the request names in JSON; `<spaces>` in them stands for many. */
      web: {
        handler: ({ headers }, response) => {
          response.writeHead(200, JSON.parse(String(headers['x-answer']).replace('<spaces>', spaces))).end();
        },
      },
    },
  });
  const host = (name: string) => ({ [`${name}.test`]: { '/': 'web:80' } });
  const answer = async (url: string, headers: Readonly<Record<string, string | readonly string[]>>) =>
    (await stage.ask(url, { headers: { 'x-answer': JSON.stringify(headers) } })).headers;

  it('is left as it is without annotations, and with off', async () => {
    await stage.apply({
      plain: { hosts: host('plain') },
      off: {
        hosts: host('off'),
        annotations: {
          'proxy-redirect-from': 'off',
          'proxy-redirect-to': 'http://x/',
          'proxy-cookie-path': 'off',
          'proxy-cookie-domain': 'off',
        },
      },
      preset: { hosts: host('preset'), annotations: { 'proxy-redirect-from': 'default', 'proxy-redirect-to': 'x' } },
      half: { hosts: host('half'), annotations: { 'proxy-redirect-from': 'http://a/' } },
    });
    for (const name of ['plain', 'off', 'preset', 'half']) {
      const headers = { location: 'http://a/b', 'set-cookie': ['a=b; Path=/; Domain=c'] };
      expect(await answer(`${name}.test`, headers)).toMatchObject(headers);
    }
  });

  it('is changed at the begin of Location and Refresh', async () => {
    await stage.apply({
      fixed: {
        hosts: host('fixed'),
        annotations: { 'proxy-redirect-from': 'http://a:8000/two/', 'proxy-redirect-to': 'https://b%41/one/' },
      },
      tls: {
        hosts: host('tls'),
        tls: [{ hosts: ['tls.test'], secretName: 'tls' }],
        annotations: { 'proxy-redirect-from': 'http://$host', 'proxy-redirect-to': '$scheme://$http_host' },
      },
    });
    expect(await answer('fixed.test', { location: 'http://a:8000/two/x?y=http://a:8000/two/' })).toMatchObject({
      location: 'https://b%41/one/x?y=http://a:8000/two/',
    });
    expect(await answer('fixed.test', { location: '/two/' })).toMatchObject({ location: '/two/' });
    expect(await answer('fixed.test', { refresh: '5; URL=http://a:8000/two/x' })).toMatchObject({
      refresh: '5; URL=https://b%41/one/x',
    });
    expect(await answer('https://tls.test', { location: 'http://tls.test/x' })).toMatchObject({
      location: 'https://tls.test/x',
    });
    expect(await stage.outcome('tls.test/x')).toBe('308 https://tls.test/x');
  });

  it('is changed in Path and Domain of each cookie', async () => {
    await stage.apply({
      both: {
        hosts: host('both'),
        annotations: { 'proxy-cookie-domain': 'localhost example.org', 'proxy-cookie-path': '/two/ /' },
      },
      flags: { hosts: host('flags'), annotations: { 'proxy-cookie-path': '/ "/; Secure; HttpOnly"' } },
    });
    const cookies = [
      'one=path=/two/; path=/two/some/; DOMAIN=.LocalHost; Secure',
      'two=2; Path=/three/; Domain=other.localhost',
      'three',
    ];
    expect((await answer('both.test', { 'set-cookie': cookies }))['set-cookie']).toEqual([
      'one=path=/two/; path=/some/; DOMAIN=example.org; Secure',
      'two=2; Path=/three/; Domain=other.localhost',
      'three',
    ]);
    expect((await answer('flags.test', { 'set-cookie': ['a=b; Path=/x'] }))['set-cookie']).toEqual([
      'a=b; Path=/; Secure; HttpOnlyx',
    ]);
    expect((await answer('flags.test', {}))['set-cookie']).toBeUndefined();
  });

  it('is read in no time, as long as it may be', async () => {
    await stage.apply({ long: { hosts: host('long'), annotations: { 'proxy-cookie-path': '/two/ /' } } });
    const port = await stage.envoy.listenerPort('http');
    const cookies = async (cookie: string) => {
      const headers = { host: 'long.test', 'x-answer': JSON.stringify({ 'set-cookie': [cookie] }) };
      const sent = request({ port, headers, maxHeaderSize: 100_000 }).end();
      const [response] = await once(sent, 'response');
      response.resume();
      return response.headers['set-cookie'];
    };
    const start = performance.now();
    expect(await cookies('a=b; Path=/two/<spaces>x')).toEqual([`a=b; Path=/${spaces}x`]);
    expect(await cookies('a=b; Path=/two/<spaces>; Secure')).toEqual(['a=b; Path=/; Secure']);
    expect(await cookies('a=b; Path=<spaces>/two/')).toEqual(['a=b; Path=/']);
    expect(await cookies('a=b; Path<spaces>x')).toEqual([`a=b; Path${spaces}x`]);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  it('is left as it is where the values cannot be read', async () => {
    await stage.apply({
      bad: {
        hosts: host('bad'),
        annotations: {
          'proxy-redirect-from': '~^http://(.*)',
          'proxy-redirect-to': '$nothing',
          'proxy-cookie-domain': 'one',
          'proxy-cookie-path': '~*^/ /',
        },
      },
      hostile: { hosts: host('hostile'), annotations: { 'proxy-cookie-path': '/ ]]"..os.exit(1).."%1%%' } },
    });
    const headers = { location: 'http://a/', 'set-cookie': ['a=b; Path=/'] };
    expect(await answer('bad.test', headers)).toMatchObject(headers);
    expect((await answer('hostile.test', headers))['set-cookie']).toEqual(['a=b; Path=]]"..os.exit(1).."%1%%']);
    expect(stage.problems().length).toBe(4);
  });
});
