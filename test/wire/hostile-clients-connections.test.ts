/** Clients that take more connections and streams than they need, or take them and say nothing. */
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, it } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import { typeUrl } from '../../src/proto/type-url.ts';
import type { ServerLimits } from '../../src/xds/limits.ts';
import type { TlsMaterial } from '../../src/xds/mutual-tls.ts';
import { XdsServer } from '../../src/xds/server.ts';
import type { XdsServerOptions } from '../../src/xds/server.ts';
import { certificate, certificateAuthority } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { adsPaths, requestFrame, requestHeaders } from '../support/grpc-frame.ts';
import { Attacker, openStream, preface } from '../support/http2-attacker.ts';
import { changes, cluster } from '../support/resources.ts';
import { Witness } from '../support/witness.ts';

const authority = certificateAuthority('xds');
const material: TlsMaterial = { ...certificate({ names: ['localhost'], issuer: authority }), ca: authority.cert };
const tls = {
  watch: (listener: (material: TlsMaterial) => void) => {
    listener(material);
    return () => undefined;
  },
};

let server: XdsServer;
let port: number;
let witness: Witness;
let sockets: Socket[] = [];
let refusals: string[] = [];

async function serve(options: Pick<XdsServerOptions, 'limits' | 'tls'>): Promise<void> {
  sockets = [];
  refusals = [];
  server = new XdsServer({
    host: '127.0.0.1',
    port: 0,
    ...options,
    observe: () => undefined,
    observeRefusal: (reason) => refusals.push(reason),
  });
  port = await server.start();
  server.publish(changes([cluster('one')]));
}

async function start(limits: Partial<ServerLimits>): Promise<void> {
  await serve({ limits });
  witness = new Witness(server, port);
  await witness.seeChange();
}

async function startSecure(limits: Partial<ServerLimits>): Promise<void> {
  await serve({ limits, tls });
}

function open(from = '127.0.0.1'): Socket {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  socket.on('error', () => undefined);
  sockets.push(socket);
  return socket;
}

function openAs(name: string): Socket {
  const own = certificate({ names: [name], issuer: authority });
  const socket = connectTls({
    port,
    host: '127.0.0.1',
    ...own,
    ca: authority.cert,
    ALPNProtocols: ['h2'],
    servername: 'localhost',
  });
  socket.on('error', () => undefined);
  sockets.push(socket);
  return socket;
}

/** A stream that has asked; whether it is answered. */
function ask(socket: Socket): Promise<boolean> {
  const session = connectHttp2('http://xds', { createConnection: () => socket });
  session.on('error', () => undefined);
  const stream = session.request(requestHeaders(adsPaths.delta));
  stream.on('error', () => undefined);
  stream.write(requestFrame('delta', { node: { id: 'hostile' }, type_url: typeUrl.cluster }));
  return new Promise((resolve) => {
    stream.once('data', () => resolve(true));
    stream.once('close', () => resolve(false));
  });
}

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  witness?.close();
  await server.stop();
});

const many = Number(process.env['SLUICE_CONNECTIONS'] ?? 600);

describe('connections', () => {
  it(`are taken in up to a number in all: of ${many} more the good one still gets every change`, async () => {
    await start({ connections: many / 2, idleMs: 60_000 });
    const closed = { count: 0 };
    for (let index = 0; index < many; index += 1) {
      open().once('close', () => (closed.count += 1));
      if (index % 50 === 0) await witness.seeChange();
    }
    await eventually(() => expect(closed.count).toBe(many / 2 + 1));
    expect(server.connections).toBe(many / 2);
    expect(new Set(refusals)).toEqual(new Set(['connections']));
    await witness.seeChanges(5);
    // Room again, as soon as some are gone.
    for (const socket of sockets) socket.destroy();
    await eventually(() => expect(server.connections).toBe(1));
    expect(await ask(open())).toBe(true);
  }, 60_000);

  it('are taken in up to a number from one address, which leaves others alone', async () => {
    await start({ connectionsPerAddress: 20, idleMs: 60_000 });
    for (let index = 0; index < 50; index += 1) open('127.0.0.2');
    await eventually(() => expect(refusals).toHaveLength(30));
    expect(new Set(refusals)).toEqual(new Set(['address']));
    expect(await ask(open('127.0.0.3'))).toBe(true);
    await witness.seeChanges(5);
  });

  it('are taken in up to a number with one name in the certificate, which leaves others alone', async () => {
    await startSecure({ connectionsPerName: 10 });
    const first = await Promise.all(Array.from({ length: 10 }, () => ask(openAs('greedy.edge'))));
    expect(first).toEqual(first.map(() => true));
    expect(await ask(openAs('greedy.edge'))).toBe(false);
    expect(await ask(openAs('other.edge'))).toBe(true);
    expect(refusals).toEqual(['name']);
    sockets[0]?.destroy();
    await eventually(async () => expect(await ask(openAs('greedy.edge'))).toBe(true));
  });

  it('that never say anything are closed, and those that never hang up are cut', async () => {
    await start({ idleMs: 300, farewellMs: 300 });
    const silent = Array.from({ length: 20 }, () => connect({ port, host: '127.0.0.1', allowHalfOpen: true }));
    sockets.push(...silent);
    await eventually(() => expect(server.connections).toBe(21));
    await eventually(() => expect(server.connections).toBe(1));
    await witness.seeChange();
  });

  it('that have had their streams and keep the connection are closed', async () => {
    await start({ idleMs: 300, farewellMs: 300 });
    const attacker = new Attacker(port);
    sockets.push(attacker.socket);
    await attacker.send(preface, openStream(1, '/grpc.health.v1.Health/Check'), Buffer.alloc(0));
    await attacker.send(Buffer.from('0000050001000000010000000000', 'hex'));
    await attacker.closed;
    await eventually(() => expect(server.connections).toBe(1));
  });

  it('that never begin TLS are closed', async () => {
    await startSecure({ handshakeMs: 300 });
    for (let index = 0; index < 20; index += 1) open();
    await eventually(() => expect(server.connections).toBe(20));
    await eventually(() => expect(server.connections).toBe(0));
    expect(new Set(refusals)).toEqual(new Set(['handshake']));
  });

  it('that drag out TLS hold up nobody of another address', async () => {
    await startSecure({ handshakesPerAddress: 4, handshakeMs: 60_000 });
    for (let index = 0; index < 100; index += 1) open('127.0.0.2');
    await eventually(() => expect(server.connections).toBe(100));
    expect(await ask(openAs('envoy.edge'))).toBe(true);
  });

  it('of a fleet behind one address wait for each other, and all get in', async () => {
    await startSecure({ handshakesPerAddress: 2 });
    const answers = await Promise.all(Array.from({ length: 60 }, () => ask(openAs('envoy.edge'))));
    expect(answers).toEqual(answers.map(() => true));
    for (const socket of sockets) socket.destroy();
    await eventually(() => expect(server.connections).toBe(0));
  });
});

describe('streams', () => {
  it('are taken up to a number on one connection', async () => {
    await start({ streamsPerConnection: 20 });
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on('error', () => undefined);
    const refused = { count: 0 };
    for (let index = 0; index < 10_000; index += 1) {
      const stream = session.request(requestHeaders(adsPaths.delta));
      stream.on('error', () => (refused.count += 1));
    }
    // Node's client waits for room rather than be refused.
    await eventually(() => expect(server.streams()).toHaveLength(21));
    await witness.seeChanges(20);
    expect(server.streams()).toHaveLength(21);
    session.destroy();
    await witness.isAlone();
  }, 30_000);

  it('are taken up to a number in all, and refused in words', async () => {
    await start({ streams: 10 });
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on('error', () => undefined);
    const codes: unknown[] = [];
    for (let index = 0; index < 30; index += 1) {
      const stream = session.request(requestHeaders(adsPaths.sotw));
      stream.on('response', (headers) => codes.push([headers['grpc-status'], headers['grpc-message']]));
    }
    await eventually(() => expect(codes).toHaveLength(21));
    expect(codes[0]).toEqual([String(status.RESOURCE_EXHAUSTED), 'too%20many%20discovery%20streams%20are%20open']);
    session.destroy();
    await witness.isAlone();
  });

  it('of every method end when there is no request in time', async () => {
    await start({ firstRequestMs: 300 });
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    const ends = new Map<string, unknown>();
    for (const path of server.methods) {
      const stream = session.request(requestHeaders(path));
      stream.on('error', () => undefined);
      stream.on('response', (headers) => ends.set(path, headers['grpc-status']));
    }
    await eventually(() => expect(ends.size).toBe(server.methods.length));
    expect([...ends].filter(([, code]) => code !== String(status.DEADLINE_EXCEEDED))).toEqual([]);
    session.destroy();
    await witness.isAlone();
  });

  it('that are opened and ended without a pause run out, which leaves others alone', async () => {
    await start({ burstMs: 100, shareMs: 10 });
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    const codes: unknown[] = [];
    for (let index = 0; index < 200; index += 1) {
      const stream = session.request(requestHeaders(adsPaths.delta));
      stream.on('error', () => undefined);
      stream.on('response', (headers) => codes.push(headers['grpc-status']));
      stream.end();
      await new Promise((resolve) => void stream.once('close', resolve));
    }
    expect(codes.filter((code) => code === String(status.RESOURCE_EXHAUSTED)).length).toBeGreaterThan(100);
    session.destroy();
    await witness.seeChanges(5);
  });
});
