import type { ServerResponse } from 'node:http';
import { expect, it } from '@jest/globals';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

const large = (type: string, length = 1000) => ({
  handler: (_request: unknown, response: ServerResponse) => {
    response.writeHead(200, { 'content-type': type, 'content-length': String(length) }).end('x'.repeat(length));
  },
});
const backends = {
  text: large('text/plain'),
  html: large('text/html; charset=utf-8'),
  image: large('image/png'),
  small: large('text/plain', 100),
};
const hosts = Object.fromEntries(Object.keys(backends).map((name) => [`${name}.test`, { '/': `${name}:80` }]));
const accept = { headers: { 'accept-encoding': 'gzip, br' } };

describeWithEnvoy('answers', () => {
  const stage = scene({ backends });

  it('are not compressed unless the settings say so', async () => {
    await stage.apply({ i: { hosts } });
    expect((await stage.ask('text.test', accept)).headers['content-encoding']).toBeUndefined();
  });
});

describeWithEnvoy('answers with compression', () => {
  const stage = scene({
    backends,
    configMap: { 'use-gzip': 'true', 'gzip-level': '5', 'gzip-types': 'text/plain', 'gzip-min-length': '200' },
  });

  it('are compressed for clients that understand it, if they are large enough and of a type that is worth it', async () => {
    await stage.apply({ i: { hosts } });
    const text = await stage.ask('text.test', accept);
    expect(text.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' });
    expect((await stage.ask('html.test', accept)).headers['content-encoding']).toBe('gzip');
    expect((await stage.ask('text.test')).headers['content-encoding']).toBeUndefined();
    expect((await stage.ask('image.test', accept)).headers['content-encoding']).toBeUndefined();
    expect((await stage.ask('small.test', accept)).headers['content-encoding']).toBeUndefined();
  });
});

describeWithEnvoy('answers with both compressions', () => {
  const stage = scene({ backends, configMap: { 'use-gzip': 'true', 'enable-brotli': 'true', 'gzip-types': '*' } });

  it('are in that which the client likes better', async () => {
    await stage.apply({ i: { hosts } });
    const encoding = async (wanted: string) =>
      (await stage.ask('text.test', { headers: { 'accept-encoding': wanted } })).headers['content-encoding'];
    expect([await encoding('br'), await encoding('gzip'), await encoding('gzip;q=0.5, br')]).toEqual([
      'br',
      'gzip',
      'br',
    ]);
    expect((await stage.ask('small.test', { headers: { 'accept-encoding': 'br' } })).headers['content-encoding']).toBe(
      'br',
    );
  });
});
