/**
 * Requests that are no good: what two parsers could read in two ways does not come to a backend, what clients say of themselves is not
 * believed, and Envoy's own pages are nowhere. One test for each thing that is sent.
 */
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { readBootstrap, renderBootstrap } from '../../src/cli/bootstrap.ts';
import { startEnvoy } from '../support/envoy.ts';
import type { RunningEnvoy } from '../support/envoy.ts';
import { endpointSlice, service } from '../support/objects.ts';
import { freePort, portOf } from '../support/ports.ts';
import { rawExchange, statusOf } from '../support/raw-http.ts';
import { describeWithEnvoy } from '../support/tools.ts';
import { scene } from './features/scene.ts';

/** Reads requests as strictly as it can, and notes what it was asked for. */
function strictBackend(seen: string[]): Server {
  return createServer((socket) => {
    let text = '';
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      for (let request = firstOf(text); request !== undefined; request = firstOf(text)) {
        seen.push(request.line);
        text = request.rest;
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      }
    });
  });
}

function firstOf(text: string): { readonly line: string; readonly rest: string } | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [line = '', ...headers] = text.slice(0, end).split('\r\n');
  const bad = headers.filter((header) => !/^[!#$%&'*+.^_`|~\w-]+: [^\0\r\n]*$/.test(header));
  const lengths = headers.filter((header) => /^content-length:/i.test(header));
  const isChunked = headers.some((header) => /^transfer-encoding: chunked$/i.test(header));
  if (bad.length > 0 || lengths.length > 1 || (isChunked && lengths.length > 0)) {
    return { line: `MALFORMED ${JSON.stringify(text)}`, rest: '' };
  }
  const body = text.slice(end + 4);
  if (isChunked) {
    const whole = /^(?:[0-9a-f]+\r\n[^]*?\r\n)*?0\r\n\r\n/i.exec(body);
    return whole === null ? undefined : { line, rest: body.slice(whole[0].length) };
  }
  const length = Number(lengths[0]?.slice(15) ?? 0);
  return body.length < length ? undefined : { line, rest: body.slice(length) };
}

const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: strict.test\r\n\r\n';
const post = (headers: string, body: string): string =>
  `POST /first HTTP/1.1\r\nHost: strict.test\r\n${headers}\r\n\r\n${body}`;

/** Bytes after which a backend that reads them in another way than the proxy has been asked for `/smuggled`. */
const attacks: Readonly<Record<string, string>> = {
  'a length and chunks': post('Content-Length: 6\r\nTransfer-Encoding: chunked', `0\r\n\r\n${smuggled}`),
  'chunks and a length': post(
    `Transfer-Encoding: chunked\r\nContent-Length: ${5 + smuggled.length}`,
    `0\r\n\r\n${smuggled}`,
  ),
  'chunks in an unknown spelling': post(`Transfer-Encoding: xchunked\r\nContent-Length: 5`, `0\r\n\r\n${smuggled}`),
  'chunks behind another encoding': post('Transfer-Encoding: chunked, identity', `0\r\n\r\n${smuggled}`),
  'two encodings': post('Transfer-Encoding: chunked\r\nTransfer-Encoding: x', `0\r\n\r\n${smuggled}`),
  'an encoding behind a vertical tab': post(
    `Transfer-Encoding: \u000bchunked\r\nContent-Length: 5`,
    `0\r\n\r\n${smuggled}`,
  ),
  'a name with a space behind it': post(`Transfer-Encoding : chunked\r\nContent-Length: 5`, `0\r\n\r\n${smuggled}`),
  'an encoding on a second line': post(`Transfer-Encoding:\r\n chunked\r\nContent-Length: 5`, `0\r\n\r\n${smuggled}`),
  'two lengths': post(`Content-Length: 0\r\nContent-Length: ${smuggled.length}`, smuggled),
  'two lengths in one': post(`Content-Length: 0, ${smuggled.length}`, smuggled),
  'a length with a sign': post('Content-Length: +0', smuggled),
  'a length below zero': post('Content-Length: -1', smuggled),
  'a hexadecimal length': post('Content-Length: 0x0', smuggled),
  'a length that is too large': post('Content-Length: 99999999999999999999', smuggled),
  'a length with a space within': post(`Content-Length: 0 ${smuggled.length}`, smuggled),
  'a line that ends in LF alone': `GET /first HTTP/1.1\r\nHost: strict.test\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  'CR within a value': post(`X: a\rTransfer-Encoding: chunked\r\nContent-Length: 5`, `0\r\n\r\n${smuggled}`),
  'NUL within a value': post(`X: a\u0000b\r\nContent-Length: 0`, ''),
  'NUL within a name': post(`X\u0000: a\r\nContent-Length: 0`, ''),
  'a line without a colon': post(`Transfer-Encoding chunked\r\nContent-Length: 5`, `0\r\n\r\n${smuggled}`),
  'a header without a name': post(`: x\r\nContent-Length: 0`, ''),
  'a first header on a second line': `GET /first HTTP/1.1\r\n Host: strict.test\r\n\r\n`,
  'a chunk with a bad size': post('Transfer-Encoding: chunked', `0x5\r\nabcde\r\n0\r\n\r\n${smuggled}`),
  'a chunk with a size below zero': post('Transfer-Encoding: chunked', `-1\r\n\r\n${smuggled}`),
  'a chunk whose size is too large': post('Transfer-Encoding: chunked', `ffffffffffffffffff\r\n${smuggled}`),
  'a chunk extension with LF': post('Transfer-Encoding: chunked', `0;a\n\r\n\r\n${smuggled}`),
  'a chunk that ends in LF alone': post('Transfer-Encoding: chunked', `5\r\nabcde\n0\r\n\r\n${smuggled}`),
  'a request line with CR within': `GET /first\r HTTP/1.1\r\nHost: strict.test\r\n\r\n`,
  'a request line with two spaces': `GET  /first HTTP/1.1\r\nHost: strict.test\r\n\r\n`,
  'a request line with a request in it': `GET /first HTTP/1.1\r\nHost: strict.test\r\nX: GET /smuggled HTTP/1.1\r\n\r\n`,
  'a path with an escaped line break': `GET /first%0d%0aX:%20y%0d%0a%0d%0aGET%20/smuggled HTTP/1.1\r\nHost: strict.test\r\n\r\n`,
  'a version that does not exist': `GET /first HTTP/3.7\r\nHost: strict.test\r\n\r\n`,
  'HTTP/0.9': `GET /first\r\n\r\n`,
  'HTTP/1.0 with chunks': `POST /first HTTP/1.0\r\nHost: strict.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  'a WebSocket that the backend does not open': `GET /first HTTP/1.1\r\nHost: strict.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n${smuggled}`,
  'a change to HTTP/2': `GET /first HTTP/1.1\r\nHost: strict.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n`,
  'headers named by Connection': `GET /first HTTP/1.1\r\nHost: strict.test\r\nConnection: close, X-Real-IP, X-Forwarded-For, Host\r\n\r\n`,
  'a body that is waited for': post('Expect: 100-continue\r\nContent-Length: 0', ''),
};

/** Those after which the next request on the connection is the client's own: it may ask for what it likes. */
const pipelined = new Set(['a path with an escaped line break', 'a request line with a request in it']);

describeWithEnvoy('requests that can be read in two ways', () => {
  const seen: string[] = [];
  const strict = strictBackend(seen);
  const s = scene();

  beforeAll(async () => {
    await new Promise<void>((fulfil) => strict.listen(0, '127.0.0.1', fulfil));
    await s.apply(
      { strict: { hosts: { 'strict.test': { '/': 'strict:80' } } } },
      service('strict', { http: 80 }),
      endpointSlice('strict-1', 'strict', { http: portOf(strict) }, ['127.0.0.1']),
    );
  });
  afterAll(() => {
    strict.close();
  });

  it.each(Object.keys(attacks))('ask a backend for one thing only: %s', async (name) => {
    seen.length = 0;
    const port = await s.envoy.listenerPort('http');
    const answer = await rawExchange({
      port,
      bytes: Buffer.from(attacks[name] ?? '', 'latin1'),
      within: 400,
      until: () => false,
    });
    expect(seen.filter((line) => line.startsWith('MALFORMED'))).toEqual([]);
    const answers = answer.match(/HTTP\/1\.[01] 200/g)?.length ?? 0;
    // Each request that came to the backend was one for the proxy as well, which the client got an answer to.
    expect(seen.length).toBe(answers);
    const asked = seen.map((line) => line.split(' ')[1]);
    expect(asked.filter((path) => pipelined.has(name) && path === '/smuggled')).toEqual([]);
    expect(asked.length).toBeLessThanOrEqual(2);
    expect(await s.outcome('strict.test/')).toBe('200');
  });

  it('are not made of headers without end: 431 or 400, and all others are served', async () => {
    const port = await s.envoy.listenerPort('http');
    const send = async (headers: string, path = '/first'): Promise<number> =>
      statusOf(await rawExchange({ port, bytes: `GET ${path} HTTP/1.1\r\nHost: strict.test\r\n${headers}\r\n` }));
    expect(await send(`X: ${'a'.repeat(1_000_000)}\r\n`)).toBe(431);
    expect(await send(Array.from({ length: 10_000 }, (_, index) => `X-${index}: y\r\n`).join(''))).toBe(431);
    expect(await send('', `/${'a'.repeat(100_000)}`)).toBe(431);
    // What nginx takes (large-client-header-buffers: four of 8 kB).
    expect(await send(Array.from({ length: 4 }, (_, index) => `X-${index}: ${'a'.repeat(7_900)}\r\n`).join(''))).toBe(
      200,
    );
    expect(await send('', `/${'a'.repeat(8_000)}`)).toBe(200);
  });
});

const spoofed: Readonly<Record<string, string>> = {
  forwarded: 'for=spoofed',
  'x-forwarded-for': '203.0.113.66',
  'x-forwarded-host': 'spoofed.test',
  'x-forwarded-port': '6666',
  'x-forwarded-proto': 'spoofed',
  'x-forwarded-scheme': 'spoofed',
  'x-forwarded-prefix': '/spoofed',
  'x-forwarded-client-cert': 'By=spoofed',
  'x-real-ip': '203.0.113.66',
  'x-scheme': 'spoofed',
  'x-envoy-external-address': '203.0.113.66',
  'x-envoy-internal': 'true',
  'x-envoy-original-path': '/spoofed',
  'x-envoy-upstream-rq-timeout-ms': '1',
  'x-envoy-max-retries': '66',
  'x-envoy-retry-on': '5xx',
  'x-envoy-force-trace': 'spoofed',
  'x-envoy-decorator-operation': 'spoofed',
  'x-envoy-peer-metadata': 'spoofed',
  'x-envoy-ip-tags': 'spoofed',
  'x-envoy-downstream-service-cluster': 'spoofed',
  'x-envoy-attempt-count': '66',
  'x-sluice-client-authentication': 'spoofed',
  'x-sluice-client-subject': 'CN=spoofed',
  'x-sluice-upstream-address': 'spoofed',
  'x-sluice-mirror-path': '/spoofed',
  x_forwarded_for: '203.0.113.66',
  x_real_ip: '203.0.113.66',
};

describeWithEnvoy('what clients say of themselves', () => {
  const s = scene();

  beforeAll(() => s.apply({ web: { hosts: { 'web.test': { '/': 'web:80' } } } }));

  it.each(Object.keys(spoofed))('does not come to a backend as %s', async (name) => {
    const value = spoofed[name] ?? '';
    const { status, echo } = await s.ask('web.test/x', { headers: { [name]: value } });
    expect([status, echo?.path]).toEqual([200, '/x']);
    const headers = Object.entries(echo?.headers ?? {}).filter(([key]) => key !== 'x-original-forwarded-for');
    expect(headers.filter(([, text]) => String(text).includes(value) && value.length > 2)).toEqual([]);
    expect(echo?.headers['x-real-ip']).toBe('127.0.0.1');
  });
});

const adminPages = [
  '/config_dump',
  '/stats',
  '/clusters',
  '/listeners',
  '/certs',
  '/quitquitquit',
  '/server_info',
  '/runtime',
  '/ready',
  '/help',
  '/memory',
  '/logging',
];

describeWithEnvoy("Envoy's own pages", () => {
  const s = scene();
  let own: RunningEnvoy;
  let statusPort: number;

  beforeAll(async () => {
    await s.apply({ web: { hosts: { 'web.test': { '/': 'web:80' } } } });
    statusPort = await freePort();
    const flags = { xdsAddress: `127.0.0.1:${s.serving.port}`, nodeId: 'own', statusPort: String(statusPort) };
    const bootstrap = renderBootstrap({
      ...readBootstrap(flags),
      admin: { host: '127.0.0.1', port: await freePort() },
    });
    own = await startEnvoy({ bootstrap });
  });
  afterAll(() => own.stop());

  it.each(adminPages)('are not at %s of any listener', async (page) => {
    const http = await s.envoy.listenerPort('http');
    const send = async (port: number, method: string, path: string, host: string): Promise<number> =>
      statusOf(
        await rawExchange({ port, bytes: `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\n\r\n` }),
      );
    const hosts = ['localhost', '127.0.0.1', 'admin', '_', '*', 'envoy', 'localhost:9901'];
    const answers = await Promise.all(
      hosts.flatMap((host) => ['GET', 'POST'].map((method) => send(http, method, page, host))),
    );
    expect(answers.filter((status) => status !== 404)).toEqual([]);
    // What is there for probes and metrics has these two pages, and no way around.
    const around = [
      '',
      '/stats/prometheus/..',
      '/stats/prometheus/%2e%2e',
      '/stats/prometheus%2f..',
      '//',
      '/stats/prometheus?/..',
    ];
    const ways = around
      .map((before) => `${before}${page}`)
      .filter((path) => path !== '/ready' && !path.startsWith('/stats/prometheus?'));
    const status = await Promise.all(
      ways.flatMap((path) => ['GET', 'POST'].map((method) => send(statusPort, method, path, 'x'))),
    );
    expect(status.filter((each) => each === 200 && page !== '/ready')).toEqual([]);
    expect(await send(statusPort, 'POST', '/stats/prometheus', 'x')).toBe(404);
    // It would be answered if a test's Envoy had its admin interface where the bootstrap says.
    expect(await send(statusPort, 'GET', '/stats/prometheus', 'x')).toBe(503);
    expect(own.isRunning()).toBe(true);
  });
});
