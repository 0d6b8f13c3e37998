import { createServer } from 'node:https';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { certificate } from '../../support/certificates.ts';
import { endpointSlice, service } from '../../support/objects.ts';
import { portOf } from '../../support/ports.ts';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

describeWithEnvoy('policies of backends', () => {
  const stage = scene({ backends: { web: {}, api: {} } });
  const pair = certificate({ names: ['secure.test'] });
  const secure = createServer({ cert: pair.cert, key: pair.key }, (_request, response) => response.end('over TLS'));

  beforeAll(() => new Promise<void>((fulfil) => secure.listen(0, '127.0.0.1', fulfil)));
  afterAll(() => new Promise<unknown>((fulfil) => secure.close(fulfil)));

  it('speak TLS where the annotation says so, and what the Service says elsewhere', async () => {
    await stage.apply(
      {
        tls: { hosts: { 'tls.test': { '/': 'secure:80' } }, annotations: { 'backend-protocol': 'https' } },
        plain: { hosts: { 'plain.test': { '/': 'web:80' } }, annotations: { 'backend-protocol': 'HTTP' } },
        bad: { hosts: { 'bad.test': { '/': 'web:80' } }, annotations: { 'backend-protocol': 'FCGI' } },
      },
      service('secure', { http: 80 }),
      endpointSlice('secure-1', 'secure', { http: portOf(secure) }, ['127.0.0.1']),
    );
    expect((await stage.ask('tls.test/')).body).toBe('over TLS');
    expect(await stage.outcome('plain.test/')).toBe('web /');
    expect(stage.problems()).toEqual(['bad backend-protocol InvalidAnnotation']);
  });

  it('send requests of the same key to the same endpoint, and others to others', async () => {
    const ports = ['web', 'api'].map((name) => stage.backend(name).port);
    await stage.apply(
      {
        uri: { hosts: { 'uri.test': { '/': 'pool:80' } }, annotations: { 'upstream-hash-by': '$request_uri' } },
        header: {
          hosts: { 'header.test': { '/': 'pool:80' } },
          annotations: { 'upstream-hash-by': '${http_x_user}-$host' },
        },
        bad: { hosts: { 'bad.test': { '/': 'pool:80' } }, annotations: { 'upstream-hash-by': '$nobody_knows' } },
      },
      service('pool', { http: 80 }),
      ...ports.map((port, index) => endpointSlice(`pool-${index}`, 'pool', { http: port }, ['127.0.0.1'])),
    );
    const answers = async (url: (index: number) => string, user: (index: number) => string) => {
      const seen = new Map<string, Set<string>>();
      for (let index = 0; index < 60; index++) {
        const key = `${url(index)} ${user(index)}`;
        const { echo } = await stage.ask(url(index), { headers: { 'x-user': user(index) } });
        seen.set(key, (seen.get(key) ?? new Set()).add(echo?.backend ?? 'none'));
      }
      return {
        most: Math.max(...[...seen.values()].map(({ size }) => size)),
        all: new Set([...seen.values()].flatMap((each) => [...each])),
      };
    };
    const byUri = await answers((index) => `uri.test/${index % 20}`, String);
    expect(byUri.all).toEqual(new Set(['web', 'api']));
    const byUser = await answers(
      () => 'header.test/',
      (index) => `user-${index % 20}`,
    );
    expect([byUser.most, byUser.all.size]).toEqual([1, 2]);
    const once = await answers(
      (index) => `uri.test/${index % 20}`,
      () => 'same',
    );
    expect(once.most).toBe(1);
    expect(stage.problems()).toContain('bad upstream-hash-by InvalidAnnotation');
  });
});
