/** What a backend is told of the client, and what of the client's own words is believed. */
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { text } from 'node:stream/consumers';
import { connect as connectHttp2 } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startBackend } from '../support/backend.ts';
import type { Backend, Echo } from '../support/backend.ts';
import { certificate } from '../support/certificates.ts';
import type { RunningEnvoy } from '../support/envoy.ts';
import { httpRequest } from '../support/http-request.ts';
import type { HttpRequest } from '../support/http-request.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { endpointSlice, ingress, ingressClass, service, tlsSecret } from '../support/objects.ts';
import { startServing, translationOptions } from '../support/serving.ts';
import type { Serving } from '../support/serving.ts';
import { describeWithEnvoy } from '../support/tools.ts';

const pair = certificate({ names: ['client.test'] });

/** What a connection fails with that Envoy closes during the handshake. */
const hungUp = /closed|disconnected|ECONNRESET|socket|hang up|end/;

/** What somebody would write to be taken for another. */
const spoofed = {
  forwarded: 'for=6.6.6.6',
  'x-forwarded-for': '6.6.6.6, 203.0.113.9',
  'x-forwarded-host': 'evil.test',
  'x-forwarded-port': '666',
  'x-forwarded-prefix': '/evil',
  'x-forwarded-proto': 'https',
  'x-forwarded-scheme': 'https',
  'x-original-forwarded-for': '6.6.6.5',
  'x-real-ip': '6.6.6.6',
  'x-request-id': 'mine',
  'x-scheme': 'https',
} as const;

interface Scene {
  readonly envoy: RunningEnvoy;
  ask(request?: Partial<HttpRequest>): Promise<Echo>;
  close(): Promise<void>;
}

async function open(listen: Partial<typeof translationOptions.listen>, backend: Backend): Promise<Scene> {
  const options = { ...translationOptions, listen: { ...translationOptions.listen, ...listen } };
  const serving: Serving = await startServing(options);
  serving.apply(
    ingressClass(),
    service('web', { http: 80 }),
    endpointSlice('web-1', 'web', { http: backend.port }, ['127.0.0.1']),
    tlsSecret('pair', pair.cert, pair.key),
    ingress('client', {
      hosts: { 'client.test': { '/': 'web:80' } },
      tls: [{ hosts: ['client.test'], secretName: 'pair' }],
      annotations: { 'nginx.ingress.kubernetes.io/ssl-redirect': 'false' },
    }),
  );
  const envoy = await joinEnvoy({ xdsPort: serving.port });
  return {
    envoy,
    async ask(request) {
      const port = await envoy.listenerPort(request?.tls === undefined ? 'http' : 'https');
      const { status, body } = await httpRequest({ port, host: 'client.test', ...request });
      if (status !== 200) throw new Error(`status ${status}`);
      const echo: Echo = JSON.parse(body);
      return echo;
    },
    async close() {
      await envoy.stop();
      await serving.stop();
    },
  };
}

describeWithEnvoy('what a backend is told of the client', () => {
  let backend: Backend;

  beforeAll(async () => {
    backend = await startBackend();
  });

  afterAll(async () => {
    await backend.close();
  });

  describe('when nobody in front is believed', () => {
    let scene: Scene;

    beforeAll(async () => {
      scene = await open({}, backend);
    });

    afterAll(async () => {
      await scene?.close();
    });

    it('is its address, and what it asked for', async () => {
      const { headers } = await scene.ask();
      expect(headers).toMatchObject({
        host: 'client.test',
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-host': 'client.test',
        'x-forwarded-port': '80',
        'x-forwarded-proto': 'http',
        'x-forwarded-scheme': 'http',
        'x-real-ip': '127.0.0.1',
        'x-scheme': 'http',
      });
      expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
      expect(Object.keys(headers).filter((name) => name.startsWith('x-envoy'))).toEqual([]);
    });

    it('is nothing that it says of itself', async () => {
      const { headers } = await scene.ask({ headers: spoofed });
      const honest = (await scene.ask()).headers;
      expect({ ...headers, 'x-request-id': '', 'x-original-forwarded-for': '' }).toEqual({
        ...honest,
        'x-request-id': '',
        'x-original-forwarded-for': '',
      });
      expect(headers['x-request-id']).not.toBe('mine');
      expect(headers['x-original-forwarded-for']).toBe(spoofed['x-forwarded-for']);
    });

    it('is that it came over TLS', async () => {
      const { headers } = await scene.ask({ tls: { ca: pair.cert }, headers: { 'x-forwarded-proto': 'http' } });
      expect(headers).toMatchObject({ 'x-forwarded-proto': 'https', 'x-forwarded-port': '443', 'x-scheme': 'https' });
    });

    it('has no way to steer Envoy by its own headers', async () => {
      const steering = { 'x-envoy-upstream-rq-timeout-ms': '1', 'x-envoy-retry-on': '5xx', 'x-envoy-internal': 'true' };
      const { headers } = await scene.ask({ headers: steering });
      expect(Object.keys(headers).filter((name) => name.startsWith('x-envoy'))).toEqual([]);
    });

    it('does not show Envoy to the client', async () => {
      const port = await scene.envoy.listenerPort('http');
      const { headers } = await httpRequest({ port, host: 'client.test' });
      expect(headers['server']).toBeUndefined();
      expect(Object.keys(headers).filter((name) => name.startsWith('x-envoy'))).toEqual([]);
    });

    it('serves HTTP/2 over TLS and, to those who know beforehand, in plain text', async () => {
      const ports = [await scene.envoy.listenerPort('https'), await scene.envoy.listenerPort('http')] as const;
      const secure = await askHttp2(`https://127.0.0.1:${ports[0]}`);
      const plain = await askHttp2(`http://127.0.0.1:${ports[1]}`);
      expect([secure.status, plain.status]).toEqual([200, 200]);
      expect(secure.echo.headers).toMatchObject({ 'x-forwarded-proto': 'https', 'x-forwarded-host': 'client.test' });
    });

    it('serves WebSockets without any annotation', async () => {
      const answer = await askRaw(
        await scene.envoy.listenerPort('http'),
        'GET /chat HTTP/1.1\r\nHost: client.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
          'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
        (seen) => seen.includes('\r\n\r\n'),
      );
      expect(answer).toMatch(/^HTTP\/1.1 101 [^]*sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/i);
    });
  });

  describe('when the proxy in front is believed', () => {
    it('is what the proxy says', async () => {
      const scene = await open({ trustedHops: 1 }, backend);
      try {
        const { headers } = await scene.ask({ headers: spoofed });
        expect(headers).toMatchObject({
          'x-forwarded-for': '203.0.113.9',
          'x-real-ip': '203.0.113.9',
          'x-forwarded-host': 'evil.test',
          'x-forwarded-port': '666',
          'x-forwarded-proto': 'https',
          'x-forwarded-scheme': 'https',
          'x-scheme': 'https',
          'x-request-id': 'mine',
          'x-original-forwarded-for': spoofed['x-forwarded-for'],
        });
        expect((await scene.ask()).headers).toMatchObject({
          'x-forwarded-for': '127.0.0.1',
          'x-forwarded-port': '80',
          'x-forwarded-host': 'client.test',
        });
      } finally {
        await scene.close();
      }
    });

    it('is what the second proxy says when two are believed', async () => {
      const scene = await open({ trustedHops: 2 }, backend);
      try {
        expect((await scene.ask({ headers: spoofed })).headers).toMatchObject({ 'x-forwarded-for': '6.6.6.6' });
      } finally {
        await scene.close();
      }
    });
  });

  describe('when connections begin with the PROXY protocol', () => {
    const request = 'GET / HTTP/1.1\r\nHost: client.test\r\nX-Forwarded-For: 6.6.6.6\r\nConnection: close\r\n\r\n';
    let scene: Scene;

    beforeAll(async () => {
      scene = await open({ proxyProtocol: true }, backend);
    });

    afterAll(async () => {
      await scene?.close();
    });

    it('is the address that stands there, in version 1', async () => {
      const header = 'PROXY TCP4 203.0.113.7 192.0.2.1 40000 80\r\n';
      const answer = await askRaw(await scene.envoy.listenerPort('http'), header + request);
      expect(answer).toContain('"x-forwarded-for":"203.0.113.7"');
    });

    it('is the address that stands there, in version 2', async () => {
      const signature = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
      const rest = [0x21, 0x11, 0, 12, 203, 0, 113, 8, 192, 0, 2, 1, 0x9c, 0x40, 0, 80];
      const bytes = Buffer.concat([Buffer.from([...signature, ...rest]), Buffer.from(request)]);
      const answer = await askRaw(await scene.envoy.listenerPort('http'), bytes);
      expect(answer).toContain('"x-real-ip":"203.0.113.8"');
    });

    it('is the address that stands there before TLS, and the host is found by the server name behind it', async () => {
      const port = await scene.envoy.listenerPort('https');
      const header = 'PROXY TCP4 203.0.113.9 192.0.2.1 40000 443\r\n';
      expect(await askTls(port, header, request)).toContain('"x-forwarded-for":"203.0.113.9"');
      await expect(askTls(port, header, request, 'unknown.test')).rejects.toThrow(hungUp);
      await expect(askTls(port, '', request)).rejects.toThrow(hungUp);
    });

    it('is nothing without it: the connection is closed', async () => {
      expect(await askRaw(await scene.envoy.listenerPort('http'), request)).toBe('');
    });
  });
});

async function askHttp2(url: string): Promise<{ readonly status: number; readonly echo: Echo }> {
  const session = connectHttp2(url, { rejectUnauthorized: false, servername: 'client.test' });
  try {
    const stream = session.request({ ':path': '/', ':authority': 'client.test' });
    const status = new Promise<number>((fulfil, reject) => {
      stream.once('response', (headers) => fulfil(Number(headers[':status'])));
      stream.once('error', reject);
      session.once('error', reject);
    });
    stream.end();
    const echo: Echo = JSON.parse(await text(stream));
    return { status: await status, echo };
  } finally {
    session.close();
  }
}

/** Sends bytes over a connection of its own, and gives what comes back until it is over or enough. */
function askRaw(
  port: number,
  bytes: string | Buffer,
  isEnough: (seen: string) => boolean = () => false,
): Promise<string> {
  return new Promise((fulfil, reject) => {
    let seen = '';
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(bytes));
    socket.setTimeout(10_000, () => socket.destroy(new Error(`no end after: ${seen}`)));
    socket.on('data', (chunk) => {
      seen += chunk.toString();
      if (isEnough(seen)) socket.destroy();
    });
    socket.once('error', (error) => ('code' in error && error.code === 'ECONNRESET' ? fulfil(seen) : reject(error)));
    socket.once('close', () => fulfil(seen));
  });
}

/** Sends the header in plain text, then the bytes over TLS, and gives what comes back; it throws when there is no handshake. */
function askTls(port: number, header: string, bytes: string, servername = 'client.test'): Promise<string> {
  return new Promise((fulfil, reject) => {
    const plain = connect({ port, host: '127.0.0.1' }, () => {
      plain.write(header);
      const secure = connectTls({ socket: plain, servername, rejectUnauthorized: false }, () => secure.write(bytes));
      secure.once('error', reject);
      fulfil(text(secure));
    });
    plain.setTimeout(10_000, () => plain.destroy(new Error('no end')));
    plain.once('error', reject);
  });
}
