import { createServer as createPlain } from 'node:http';
import { createServer } from 'node:https';
import { createServer as createBoth } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { certificate } from '../../support/certificates.ts';
import { endpointSlice, service } from '../../support/objects.ts';
import { portOf } from '../../support/ports.ts';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

describeWithEnvoy('policies of backends', () => {
  const stage = scene({ backends: { web: {}, api: {} }, hasDefaultCertificate: true });
  const pair = certificate({ names: ['secure.test'] });
  const secure = createServer({ cert: pair.cert, key: pair.key }, (_request, response) => response.end('over TLS'));
  const plain = createPlain((_request, response) => response.end('in plain text'));
  /** Tells by the first byte, which is 22 for a handshake (RFC 8446, section 5.1). */
  const both = createBoth((socket) => {
    socket.once('data', (bytes) => {
      socket.pause().unshift(bytes);
      (bytes[0] === 22 ? secure : plain).emit('connection', socket);
      process.nextTick(() => socket.resume());
    });
  });

  beforeAll(async () => {
    for (const server of [secure, both])
      await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', () => fulfil()));
  });
  afterAll(async () => {
    for (const server of [secure, both]) await new Promise<unknown>((fulfil) => server.close(fulfil));
  });

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

  it('speak with backends as the client did, with AUTO_HTTP, to canaries as well', async () => {
    const annotations = { 'backend-protocol': 'AUTO_HTTP', 'ssl-redirect': 'false', 'default-backend': 'spare' };
    await stage.apply(
      {
        auto: { hosts: { 'auto.test': { '/': 'both:80' } }, annotations },
        empty: { hosts: { 'empty.test': { '/': 'empty:80' } }, annotations },
        canary: {
          hosts: { 'auto.test': { '/': 'next:80' } },
          annotations: { canary: 'true', 'canary-by-header': 'x-canary' },
        },
      },
      ...['both', 'next', 'spare', 'empty'].map((name) => service(name, { http: 80 })),
      ...['both', 'next', 'spare'].map((name) =>
        endpointSlice(`${name}-1`, name, { http: portOf(both) }, ['127.0.0.1']),
      ),
    );
    for (const [scheme, answer] of [
      ['', 'in plain text'],
      ['https://', 'over TLS'],
    ] as const) {
      expect((await stage.ask(`${scheme}auto.test/`)).body).toBe(answer);
      expect((await stage.ask(`${scheme}empty.test/`)).body).toBe('in plain text');
      expect((await stage.ask(`${scheme}auto.test/`, { headers: { 'x-canary': 'always' } })).body).toBe(answer);
    }
    await stage.apply({ missing: { hosts: { 'missing.test': { '/': 'missing:80' } }, annotations } });
    const told = stage.problems().filter((problem) => /^(auto|canary|empty|missing) /.test(problem));
    expect(told.toSorted()).toEqual([
      'empty spec.rules[0].http.paths[0] NoEndpoints',
      'missing spec.rules[0].http.paths[0] ServiceNotFound',
    ]);
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
