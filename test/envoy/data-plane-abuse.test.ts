/**
 * Clients and backends that want to use an Envoy up: each costs itself its connection, and others are served as before. Counts are small
 * by default; `SLUICE_ABUSE=10` multiplies them.
 */
import { connect as connectHttp2, constants } from 'node:http2';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { readBootstrap, renderBootstrap } from '../../src/cli/bootstrap.ts';
import { startBackend } from '../support/backend.ts';
import type { Backend } from '../support/backend.ts';
import { startEnvoy } from '../support/envoy.ts';
import type { RunningEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { httpRequest } from '../support/http-request.ts';
import { endpointSlice, ingress, ingressClass, service } from '../support/objects.ts';
import { freePort, portOf } from '../support/ports.ts';
import { startServing } from '../support/serving.ts';
import type { Serving } from '../support/serving.ts';
import { describeWithEnvoy } from '../support/tools.ts';
import { scene } from './features/scene.ts';

const { SLUICE_ABUSE: factor = '1' } = process.env;
const times = (count: number): number => count * Number(factor);

/** Opens a connection, and tells when the other side has closed it. */
interface Attacker {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  /** What came back. */
  readonly received: Buffer[];
}

function attack(port: number, bytes: string | Buffer): Attacker {
  const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
  socket.on('error', () => socket.destroy());
  const received: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => received.push(chunk));
  return { socket, received, closed: new Promise((fulfil) => socket.once('close', () => fulfil())) };
}

/** The types of the frames in there. */
function frameTypes(bytes: Buffer): readonly number[] {
  const types: number[] = [];
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) types.push(bytes.readUInt8(at + 3));
  return types;
}

/** RFC 9113, section 4.1. */
function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

const preface = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0)]);
const repeated = (count: number, each: (index: number) => Buffer): Buffer =>
  Buffer.concat([preface, ...Array.from({ length: count }, (_, index) => each(index))]);
/** `:method: GET`, `:scheme: http`, `:path: /`, `:authority: web.test` (RFC 7541, section 6). */
const get = Buffer.concat([Buffer.from([0x82, 0x86, 0x84, 0x41, 8]), Buffer.from('web.test')]);

/** What closes a connection of HTTP/2. */
const floods: Readonly<Record<string, () => Buffer>> = {
  'pings that are not waited for': () => repeated(200_000, () => frame(6, 0, 0, Buffer.alloc(8))),
  'settings that are not waited for': () => repeated(200_000, () => frame(4, 0, 0)),
  'empty frames of data': () =>
    Buffer.concat([repeated(1, () => frame(1, 4, 1, get)), ...Array.from({ length: 50_000 }, () => frame(0, 0, 1))]),
  'priorities of streams': () => repeated(200_000, (index) => frame(2, 0, 1 + 2 * (index % 1_000), Buffer.alloc(5))),
  'frames that are too large': () => Buffer.concat([preface, frame(0, 0, 1, Buffer.alloc(100_000))]),
  'requests that are taken back at once': () =>
    repeated(3_000, (index) =>
      Buffer.concat([frame(1, 5, 1 + 2 * index, get), frame(3, 0, 1 + 2 * index, Buffer.from([0, 0, 0, 8]))]),
    ),
  'no HTTP/2 behind its begin': () => Buffer.concat([preface, Buffer.alloc(100_000, 0xff)]),
};

/** Headers in more and more frames, of which none is the last. */
const endlessHeaders = (): Buffer =>
  Buffer.concat([
    repeated(1, () => frame(1, 0, 1, get)),
    ...Array.from({ length: 200 }, (_, index) =>
      frame(
        9,
        0,
        1,
        Buffer.concat([
          Buffer.from([0, 6]),
          Buffer.from(`x${10_000 + index}`),
          Buffer.from([0x7f, 0x80, 0x3e]),
          Buffer.alloc(8_063, 97),
        ]),
      ),
    ),
  ]);

function badBackend(answer: (socket: Socket) => void): Server {
  return createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', () => answer(socket));
  });
}

/** What backends answer with, and what the client of that one request gets. */
const badAnswers: Readonly<
  Record<string, { readonly answer: (socket: Socket) => void; readonly expected: readonly number[] }>
> = {
  'a megabyte of headers': {
    answer: (socket) => socket.end(`HTTP/1.1 200 OK\r\nx: ${'a'.repeat(1_000_000)}\r\ncontent-length: 0\r\n\r\n`),
    expected: [502],
  },
  'ten thousand headers': {
    answer: (socket) =>
      socket.end(
        `HTTP/1.1 200 OK\r\n${Array.from({ length: 10_000 }, (_, index) => `x-${index}: y\r\n`).join('')}\r\n`,
      ),
    expected: [502],
  },
  'no HTTP': { answer: (socket) => socket.end('SSH-2.0-OpenSSH\r\n'), expected: [502] },
  'nothing, and closes': { answer: (socket) => socket.destroy(), expected: [502] },
  'two lengths': {
    answer: (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncontent-length: 5\r\n\r\nabcde'),
    expected: [502],
  },
  'a length and chunks': {
    answer: (socket) =>
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'),
    expected: [502],
  },
  'a second answer that nobody asked for': {
    answer: (socket) =>
      socket.write(
        'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\npoisoned',
      ),
    expected: [200],
  },
};

describeWithEnvoy('an Envoy that is abused', () => {
  const s = scene({
    configMap: { 'client-header-timeout': '2' },
    backends: { web: {}, failing: { handler: (_, response) => response.writeHead(503).end() } },
  });

  beforeAll(() =>
    s.apply({
      web: { hosts: { 'web.test': { '/': 'web:80' } } },
      failing: { hosts: { 'failing.test': { '/': 'failing:80' } } },
    }),
  );

  /** What others are answered, each kind once. */
  const others = async (): Promise<readonly string[]> => [
    ...new Set(await Promise.all(Array.from({ length: 20 }, () => s.outcome('web.test/')))),
  ];

  it.each([
    ['headers that do not come to an end', 'GET / HTTP/1.1\r\nHost: web.test\r\nX: '],
    ['a request line that does not come to an end', 'GET /'],
    ['nothing but the begin of HTTP/2', preface.subarray(0, 20)],
  ])(
    'cuts off %s, and serves all others meanwhile',
    async (_, bytes) => {
      const port = await s.envoy.listenerPort('http');
      const attackers = Array.from({ length: times(200) }, () => attack(port, bytes));
      const drip = setInterval(() => attackers.forEach(({ socket }) => socket.writable && socket.write('a')), 500);
      expect(await others()).toEqual(['web /']);
      // A connection without a request is idle, which is another matter: nginx leaves such open as well.
      if (typeof bytes === 'string') {
        await Promise.all(attackers.map(({ closed }) => closed));
      }
      clearInterval(drip);
      for (const { socket } of attackers) socket.destroy();
      expect(await others()).toEqual(['web /']);
    },
    20_000,
  );

  it.each(Object.keys(floods))(
    'closes the connection of %s',
    async (kind) => {
      const port = await s.envoy.listenerPort('http');
      const attacker = attack(port, floods[kind]?.() ?? '');
      attacker.socket.pause();
      expect(await others()).toEqual(['web /']);
      attacker.socket.resume();
      await attacker.closed;
      expect(await others()).toEqual(['web /']);
      expect(s.envoy.isRunning()).toBe(true);
    },
    20_000,
  );

  it('ends a request whose headers never end, or its connection', async () => {
    const attacker = attack(await s.envoy.listenerPort('http'), endlessHeaders());
    const [reset, goAway] = [3, 7];
    await eventually(() => {
      const types = frameTypes(Buffer.concat(attacker.received));
      expect(attacker.socket.destroyed || types.includes(reset) || types.includes(goAway)).toBe(true);
    });
    expect(await others()).toEqual(['web /']);
    attacker.socket.destroy();
  });

  it('takes requests of HTTP/2 that are taken back one by one for what they are, and closes the connection', async () => {
    const session = connectHttp2(`http://127.0.0.1:${await s.envoy.listenerPort('http')}`);
    const closed = new Promise<void>((fulfil) => session.once('close', () => fulfil()));
    session.on('error', () => undefined);
    for (let index = 0; index < 5_000 && !session.destroyed; index += 1) {
      const stream = session.request({ ':path': '/', ':authority': 'web.test' });
      stream.on('error', () => undefined);
      stream.close(constants.NGHTTP2_CANCEL);
      // oxlint-disable-next-line no-await-in-loop -- they are to reach the Envoy one by one
      if (index % 50 === 0) await new Promise<void>((fulfil) => setImmediate(fulfil));
    }
    await closed;
    expect(await others()).toEqual(['web /']);
  }, 20_000);

  it.each(Object.keys(badAnswers))(
    'gives the one client 5xx, and all others what they ask for, when a backend answers %s',
    async (kind) => {
      const { answer = () => undefined, expected = [] } = badAnswers[kind] ?? {};
      const server = badBackend(answer);
      await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
      const name = `bad-${Object.keys(badAnswers).indexOf(kind)}`;
      try {
        await s.apply(
          { [name]: { hosts: { [`${name}.test`]: { '/': `${name}:80` } } } },
          service(name, { http: 80 }),
          endpointSlice(`${name}-1`, name, { http: portOf(server) }, ['127.0.0.1']),
        );
        const answers = await Promise.all(Array.from({ length: 5 }, () => s.ask(`${name}.test/`)));
        expect(answers.filter(({ status }) => !expected.includes(status))).toEqual([]);
        expect(answers.filter(({ body }) => body.includes('poisoned'))).toEqual([]);
        expect(await others()).toEqual(['web /']);
      } finally {
        server.close();
      }
    },
  );

  it('does not make more of requests to a backend that fails: 1.2 times as many at most', async () => {
    const before = s.backend('failing').requestCount();
    const count = times(500);
    for (let done = 0; done < count; done += 50) {
      // oxlint-disable-next-line no-await-in-loop -- 50 at a time
      await Promise.all(
        Array.from({ length: 50 }, () => s.ask('failing.test/', { method: done % 100 === 0 ? 'GET' : 'POST' })),
      );
    }
    expect(s.backend('failing').requestCount() - before).toBeLessThanOrEqual(count * 1.2);
  });
});

describeWithEnvoy('an Envoy at its limits', () => {
  let serving: Serving;
  let backend: Backend;

  beforeAll(async () => {
    serving = await startServing();
    backend = await startBackend({ name: 'web' });
    serving.apply(
      ingressClass(),
      service('web', { http: 80 }),
      endpointSlice('web-1', 'web', { http: backend.port }, ['127.0.0.1']),
      ingress('web', { hosts: { 'web.test': { '/': 'web:80' } } }),
    );
  });
  afterAll(async () => {
    await serving.stop();
    await backend.close();
  });

  async function start(
    change: (bootstrap: string) => string,
  ): Promise<{ readonly envoy: RunningEnvoy; readonly status: number }> {
    const status = await freePort();
    const flags = { xdsAddress: `127.0.0.1:${serving.port}`, nodeId: 'limits', statusPort: String(status) };
    const whole = renderBootstrap(readBootstrap(flags));
    const bootstrap = change(whole);
    if (bootstrap === whole) throw new Error('the bootstrap has no such limit');
    return { envoy: await startEnvoy({ bootstrap }), status };
  }
  const ready = (port: number): Promise<number> =>
    httpRequest({ port, host: 'x', path: '/ready' }).then(({ status }) => status);

  it.each([
    [
      'all listeners',
      (text: string) => text.replace(/max_active_downstream_connections: \d+/, 'max_active_downstream_connections: 20'),
    ],
    ['a listener', (text: string) => text.replace(/(listener\.http\.connection_limit): \d+/, '$1: 20')],
  ])(
    'takes no more connections than %s may have, is ready all the time, and serves again after that',
    async (_, change) => {
      const { envoy, status } = await start(change);
      try {
        const port = await envoy.listenerPort('http');
        const attackers = Array.from({ length: 60 }, () => attack(port, 'GET / HTTP/1.1\r\nHost: web.test\r\n'));
        // Those beyond the limit are closed at once.
        await Promise.race([
          Promise.all(attackers.slice(0, 1).map(({ closed }) => closed)),
          ...attackers.map(({ closed }) => closed),
        ]);
        await eventually(() => {
          expect(attackers.filter(({ socket }) => socket.destroyed).length).toBeGreaterThanOrEqual(40);
        });
        expect(attackers.filter(({ socket }) => !socket.destroyed).length).toBeGreaterThan(0);
        expect(await ready(status)).toBe(200);
        for (const { socket } of attackers) socket.destroy();
        await eventually(async () => {
          expect((await httpRequest({ port, host: 'web.test' })).status).toBe(200);
        });
      } finally {
        await envoy.stop();
      }
    },
    30_000,
  );

  it('refuses requests when its memory is used up, and neither ends nor looks dead', async () => {
    const { envoy, status } = await start((text) =>
      text.replace(/max_heap_size_bytes: \d+/, 'max_heap_size_bytes: 1000000'),
    );
    try {
      const port = await envoy.listenerPort('http');
      await eventually(async () => {
        expect((await httpRequest({ port, host: 'web.test' })).status).toBe(503);
      });
      expect(await ready(status)).toBe(200);
      expect(envoy.isRunning()).toBe(true);
    } finally {
      await envoy.stop();
    }
  }, 30_000);
});
