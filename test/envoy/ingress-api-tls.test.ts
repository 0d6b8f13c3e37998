/** TLS as the Ingress API describes it: which rules a TLS client reaches, and what it can speak there. */
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { KubernetesObject } from '../../src/cluster/kubernetes-object.ts';
import { startBackend } from '../support/backend.ts';
import type { Backend, Echo } from '../support/backend.ts';
import { certificate } from '../support/certificates.ts';
import type { RunningEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { httpRequest } from '../support/http-request.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { endpointSlice, ingress, ingressClass, service, tlsSecret } from '../support/objects.ts';
import { startServing } from '../support/serving.ts';
import type { Serving } from '../support/serving.ts';
import { describeWithEnvoy } from '../support/tools.ts';
import { openWebSocket } from '../support/web-socket.ts';

const pairs = {
  www: certificate({ names: ['www.wild.test'] }),
  wild: certificate({ names: ['*.covered.test'] }),
  any: certificate({ names: ['any.test'] }),
  all: certificate({ names: ['first.test', 'second.test'] }),
  unknown: certificate({ names: ['unknown.test'] }),
} as const;

describeWithEnvoy('TLS and the rules of Ingresses', () => {
  let backend: Backend;
  let serving: Serving;
  let envoy: RunningEnvoy;

  beforeAll(async () => {
    backend = await startBackend({ name: 'web' });
    serving = await startServing();
    serving.apply(
      ingressClass(),
      service('web', { http: 80 }),
      endpointSlice('web-1', 'web', { http: backend.port }, ['127.0.0.1']),
      ...Object.entries(pairs).map(([name, { cert, key }]) => tlsSecret(name, cert, key)),
      ingress('wild', {
        hosts: { '*.wild.test': { '/': 'web:80' } },
        tls: [{ hosts: ['www.wild.test'], secretName: 'www' }],
      }),
      ingress('covered', {
        hosts: { 'a.covered.test': { '/': 'web:80' } },
        tls: [{ hosts: ['*.covered.test'], secretName: 'wild' }],
      }),
      ingress('any', { hosts: { '': { '/any': 'web:80' } }, tls: [{ hosts: ['any.test'], secretName: 'any' }] }),
      ingress('all', {
        hosts: { 'first.test': { '/': 'web:80' }, 'second.test': { '/': 'web:80' } },
        tls: [{ hosts: [], secretName: 'all' }],
      }),
      ingress('plain', { hosts: { 'plain.test': { '/': 'web:80' } } }),
    );
    envoy = await joinEnvoy({ xdsPort: serving.port });
  });

  afterAll(async () => {
    await envoy?.stop();
    await serving?.stop();
    await backend?.close();
  });

  /** The status of a request over TLS by a client that takes the certificate of one pair only. */
  async function ask(host: string, pair: keyof typeof pairs, path = '/', serverName = host): Promise<number> {
    const port = await envoy.listenerPort('https');
    return (await httpRequest({ port, host, path, tls: { ca: pairs[pair].cert, serverName } })).status;
  }

  it.each<[string, string, keyof typeof pairs, string, number]>([
    ['a host that has a certificate and is covered by a wildcard rule', 'www.wild.test', 'www', '/', 200],
    ['a host under a wildcard certificate', 'a.covered.test', 'wild', '/', 200],
    ['a host that only a rule without a host is for', 'any.test', 'any', '/any/thing', 200],
    ['a path that the rule without a host does not have', 'any.test', 'any', '/other', 404],
    ['the first host of an Ingress whose TLS entry names none', 'first.test', 'all', '/', 200],
    ['the second host of an Ingress whose TLS entry names none', 'second.test', 'all', '/', 200],
    ['a host in upper case', 'FIRST.test', 'all', '/', 200],
  ])('reach %s', async (_title, host, pair, path, expected) => {
    expect(await ask(host, pair, path)).toBe(expected);
  });

  it('redirect from plain text to TLS what has a certificate, and serve what has none', async () => {
    const port = await envoy.listenerPort('http');
    expect((await httpRequest({ port, host: 'first.test' })).status).toBe(308);
    expect((await httpRequest({ port, host: 'plain.test' })).status).toBe(200);
  });

  it('make the certificate of a rule without a host, whose TLS entry names none, that of all other hosts', async () => {
    const object: KubernetesObject = ingress('default', {
      defaultBackend: 'web:80',
      tls: [{ hosts: [], secretName: 'unknown' }],
    });
    serving.apply(object);
    await eventually(async () => expect(await ask('unknown.test', 'unknown')).toBe(200));
    expect(await ask('first.test', 'all')).toBe(200);
    expect(await ask('192.0.2.7', 'unknown', '/', 'unknown.test')).toBe(200);
    // A client that sends no server name.
    const port = await envoy.listenerPort('https');
    expect((await httpRequest({ port, host: 'plain.test', tls: { serverName: '' } })).status).toBe(200);
    serving.remove(object);
    await eventually(
      async () => await expect(ask('unknown.test', 'unknown')).rejects.toThrow(/closed|ECONNRESET|socket/),
    );
  });

  it('carry WebSockets and HTTP/2 without any annotation', async () => {
    const socket = await openWebSocket(await envoy.listenerPort('https'), 'first.test');
    await socket.echo('over TLS');
    socket.close();
    const session = connectHttp2(`https://127.0.0.1:${await envoy.listenerPort('https')}`, {
      servername: 'first.test',
      ca: pairs.all.cert,
    });
    try {
      const call = session.request({ ':path': '/', ':authority': 'first.test', te: 'trailers' });
      call.end();
      const echo: Echo = JSON.parse(await text(call));
      expect(echo.headers).toMatchObject({ host: 'first.test', 'x-forwarded-proto': 'https' });
    } finally {
      session.close();
    }
  });

  describe('and clients of HTTP/1.0', () => {
    it('are served by their Host', async () => {
      const answer = await askRaw(await envoy.listenerPort('http'), 'GET / HTTP/1.0\r\nHost: plain.test\r\n\r\n');
      expect(answer).toMatch(/^HTTP\/1\.[01] 200 [^]*"host":"plain.test"/);
      expect(answer).not.toMatch(/transfer-encoding/i);
    });

    it('are served by the rule without a host when they have none', async () => {
      const port = await envoy.listenerPort('http');
      expect(await askRaw(port, 'GET /any HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.[01] 200 /);
      expect(await askRaw(port, 'GET /other HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.[01] 404 /);
    });
  });

  it('are refused by no Envoy', () => {
    expect(serving.events.filter(({ kind }) => kind === 'nack')).toEqual([]);
  });
});

function askRaw(port: number, bytes: string): Promise<string> {
  return new Promise((fulfil, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(bytes));
    socket.setTimeout(10_000, () => socket.destroy(new Error('no end')));
    text(socket).then(fulfil, reject);
  });
}
