/**
 * Clients that ask for too much, for nonsense, or without reading what they are answered: each is told what is wrong, and a good client
 * beside it is given every change. SLUICE_FLOOD=50 multiplies what floods.
 */
import { gzipSync } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { encodeMessage } from '../../src/proto/encode.ts';
import { typeUrl } from '../../src/proto/type-url.ts';
import { XdsServer } from '../../src/xds/server.ts';
import { openDeaf } from '../support/deaf-client.ts';
import { deltaTypes, DiscoveryClient, sotwTypes } from '../support/discovery-client.ts';
import type { End } from '../support/discovery-client.ts';
import { eventually } from '../support/eventually.ts';
import { adsPaths, grpcFrame } from '../support/grpc-frame.ts';
import { Attacker, frame, headerField, openStream, preface } from '../support/http2-attacker.ts';
import { changes, cluster, endpoints, listener, secret } from '../support/resources.ts';
import { Witness } from '../support/witness.ts';

const factor = Number(process.env['SLUICE_FLOOD'] ?? 1);
const node = { id: 'hostile' };
const megabyte = 1024 * 1024;

let server: XdsServer;
let port: number;
let witness: Witness;
let client: DiscoveryClient;
let nacks = 0;

beforeEach(async () => {
  nacks = 0;
  server = new XdsServer({
    host: '127.0.0.1',
    port: 0,
    limits: { stallMs: 2_000, keepaliveMs: 500, silenceMs: 5_000 },
    observe: (_stream, event) => {
      if (event.kind === 'nack') nacks += 1;
    },
  });
  port = await server.start();
  server.publish(changes([cluster('one'), cluster('two'), endpoints('one'), listener('l'), secret('key')]));
  witness = new Witness(server, port);
  client = new DiscoveryClient(port);
  await witness.seeChange();
});

afterEach(async () => {
  client.close();
  witness.close();
  await server.stop();
});

/** Sends bytes as one request, and waits for the end of the stream. */
async function ending(protocol: 'delta' | 'sotw', body: Uint8Array): Promise<End> {
  const stream = client.raw(adsPaths[protocol]);
  stream.send(Buffer.from(body));
  return stream.ended;
}

const encoded = (protocol: 'delta' | 'sotw', message: object): Uint8Array =>
  encodeMessage((protocol === 'delta' ? deltaTypes : sotwTypes)[0], message);

const names = (protocol: 'delta' | 'sotw', list: readonly string[]): object =>
  protocol === 'delta' ? { resource_names_subscribe: list } : { resource_names: list };

describe.each(['delta', 'sotw'] as const)(
  'a %s stream ends with words, and others with nothing, when a request',
  (protocol) => {
    const type_url = typeUrl.clusterLoadAssignment;
    const cases: readonly (readonly [string, () => Uint8Array, status, string])[] = [
      [
        'names a million resources',
        () =>
          encoded(protocol, {
            node,
            type_url,
            ...names(
              protocol,
              Array.from({ length: 1_000_000 }, () => 'a'),
            ),
          }),
        status.INVALID_ARGUMENT,
        'the request names 1000000 resources; at most 100000 are taken',
      ],
      [
        'has a name of a megabyte',
        () => encoded(protocol, { node, type_url, ...names(protocol, ['a'.repeat(megabyte)]) }),
        status.INVALID_ARGUMENT,
        `a resource name has ${megabyte} bytes; at most 4096 are taken`,
      ],
      [
        'comes from a node with 10 MB of metadata',
        () =>
          encoded(protocol, {
            node: { ...node, metadata: { fields: { a: { string_value: 'x'.repeat(10 * megabyte) } } } },
            type_url,
          }),
        status.RESOURCE_EXHAUSTED,
        'Received message larger than max',
      ],
      [
        'comes from a node with a megabyte of metadata',
        () =>
          encoded(protocol, {
            node: { ...node, metadata: { fields: { a: { string_value: 'x'.repeat(megabyte) } } } },
            type_url,
          }),
        status.INVALID_ARGUMENT,
        'bytes; at most 524288 are taken',
      ],
      [
        'comes from a node without an id',
        () => encoded(protocol, { node: { cluster: 'edge' }, type_url }),
        status.INVALID_ARGUMENT,
        'node.id is empty: give each Envoy one',
      ],
      ['names no type', () => encoded(protocol, { node }), status.INVALID_ARGUMENT, 'type_url is empty'],
      [
        'is no protobuf',
        () => Buffer.from('ffffffffffff', 'hex'),
        status.INVALID_ARGUMENT,
        'the request is not what it should be',
      ],
      [
        'ends in the middle of a field',
        () => encoded(protocol, { node, type_url }).subarray(0, -5),
        status.INVALID_ARGUMENT,
        'the request is not what it should be',
      ],
    ];
    it.each(cases)('%s', async (_what, body, code, words) => {
      const end = await ending(protocol, body());
      expect(end.code).toBe(code);
      expect(end.details).toContain(words);
      await witness.seeChanges(5);
      await witness.isAlone();
    });

    it('asks in pieces for more names than one request may have', async () => {
      const stream = client[protocol]();
      const list = Array.from({ length: 60_000 }, (_, index) => `n${index}`);
      const more = [...list, ...list.map((name) => `${name}+`)];
      stream.send({ node, type_url, ...names(protocol, list) });
      stream.send({ type_url, ...names(protocol, protocol === 'delta' ? more.slice(60_000) : more.slice(0, 100_000)) });
      if (protocol === 'sotw') stream.send({ type_url, ...names(protocol, more) });
      const end = await stream.ended;
      expect(end.details).toContain('120000');
      expect([status.RESOURCE_EXHAUSTED, status.INVALID_ARGUMENT]).toContain(end.code);
      await witness.seeChange();
    });
  },
);

describe('a per-type stream ends with words when it is asked for another type', () => {
  it.each([
    ['that exists', typeUrl.secret],
    ['of half a surrogate pair', '\ud800'],
    ['of a megabyte', 'x'.repeat(megabyte)],
  ])('%s', async (_what, type) => {
    const stream = client.raw('/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters');
    stream.send(typeRequest(type));
    const end = await stream.ended;
    expect(end.code).toBe(status.INVALID_ARGUMENT);
    expect(end.details).toContain('this service serves only');
    expect(end.details.length).toBeLessThan(600);
    await witness.seeChange();
  });

  /** Field 4 of a DiscoveryRequest; half a surrogate pair is encoded as some encoders do, which is no valid UTF-8. */
  function typeRequest(type: string): Buffer {
    const bytes = type === '\ud800' ? Buffer.from([0xed, 0xa0, 0x80]) : Buffer.from(type);
    const message = Buffer.from(encodeMessage(sotwTypes[0], { type_url: 'x'.repeat(bytes.length) }));
    bytes.copy(message, message.length - bytes.length);
    return message;
  }
});

it('a health check for a service whose name is no text is answered with words', async () => {
  const stream = client.raw('/grpc.health.v1.Health/Check');
  stream.send(Buffer.from([0x0a, 3, 0xed, 0xa0, 0x80]));
  stream.finish();
  expect((await stream.ended).code).toBe(status.NOT_FOUND);
  await witness.seeChange();
});

describe('nothing is answered, and nothing kept, of', () => {
  it('a type that nobody serves, asked for 1,000 times under names of its own', async () => {
    const stream = client.delta();
    for (let index = 0; index < 1_000; index += 1) {
      stream.send({ node, type_url: `type.googleapis.com/made.up.V${index}`, resource_names_subscribe: [`${index}`] });
    }
    stream.send({ type_url: typeUrl.cluster });
    await stream.next();
    expect(stream.responses).toHaveLength(1);
    const session = server.streams().find(({ node: { id } }) => id === 'hostile');
    expect(session?.session.subscriptions()).toHaveLength(1);
  });

  it('all Secrets at once; each is given by its name', async () => {
    const delta = client.delta();
    delta.send({ node, type_url: typeUrl.secret });
    expect((await delta.next()).resources ?? []).toEqual([]);
    delta.send({ type_url: typeUrl.secret, resource_names_subscribe: ['*'] });
    const sotw = client.sotw();
    sotw.send({ node, type_url: typeUrl.secret });
    expect((await sotw.next()).resources ?? []).toEqual([]);
    await witness.seeChanges(3);
    const given = [...delta.responses, ...sotw.responses].map(({ resources = [] }) => resources.length);
    expect(given.filter((count) => count > 0)).toEqual([]);
    delta.send({ type_url: typeUrl.secret, resource_names_subscribe: ['key'] });
    await eventually(() => expect(JSON.stringify(delta.responses.at(-1))).toContain('"key"'));
  });
});

describe('a stream keeps going, and its neighbours as well, when', () => {
  it('the node changes under way: it keeps the first', async () => {
    const stream = client.delta();
    stream.send({ node: { id: 'first' }, type_url: typeUrl.cluster });
    await stream.next();
    stream.send({ node: { id: 'second' }, type_url: typeUrl.listener });
    await stream.next();
    expect(server.streams().map(({ node: { id } }) => id)).toEqual(['witness', 'first']);
  });

  it('two have the same id, and one an id of 10 kB: each is given everything', async () => {
    const ids = ['same', 'same', 'x'.repeat(10_000)];
    const streams = ids.map((id) => {
      const stream = client.delta();
      stream.send({ node: { id }, type_url: typeUrl.cluster });
      return stream;
    });
    for (const stream of streams) expect((await stream.next()).resources?.length).toBeGreaterThan(2);
    await witness.seeChange();
    for (const stream of streams)
      stream.send({ type_url: typeUrl.cluster, response_nonce: stream.responses[0]?.nonce ?? '' });
    for (const stream of streams) expect((await stream.next()).resources).toHaveLength(1);
    expect(server.streams().map(({ node: { id = '' } }) => id.length)).toEqual([7, 4, 4, 257]);
  });

  it('nonces are made up, old, or of another stream', async () => {
    for (const protocol of ['delta', 'sotw'] as const) {
      const stream = client[protocol]();
      stream.send({ node, type_url: typeUrl.cluster });
      const { nonce = '' } = await stream.next();
      for (let index = 0; index < 300; index += 1) {
        stream.send({ type_url: typeUrl.cluster, response_nonce: `${nonce}${index}` });
        stream.send({ type_url: typeUrl.cluster, response_nonce: `9999.${index}`, error_detail: { message: 'no' } });
      }
      stream.send({ type_url: typeUrl.cluster, response_nonce: nonce });
      stream.send({ type_url: typeUrl.listener });
      await stream.next();
      // One answer for each type, and none for what was made up.
      expect(stream.responses).toHaveLength(2);
      stream.cancel();
    }
    expect(nacks).toBe(0);
  });

  it('everything is refused for ever: what was refused is not sent again', async () => {
    for (const protocol of ['delta', 'sotw'] as const) {
      const stream = client[protocol]();
      stream.send({ node, type_url: typeUrl.cluster });
      let answered = 0;
      const refuse = (): void => {
        for (const { nonce = '' } of stream.responses.slice(answered)) {
          answered += 1;
          stream.send({ type_url: typeUrl.cluster, response_nonce: nonce, error_detail: { code: 3, message: '' } });
        }
      };
      await stream.next();
      // As fast as it can, also those that it has refused before.
      const again = setInterval(refuse, 1);
      for (let round = 0; round < 20; round += 1) await witness.seeChange();
      clearInterval(again);
      // Each change once, and the parts into which what was refused is divided.
      expect(stream.responses.length).toBeLessThan(60);
      stream.cancel();
    }
    await witness.isAlone();
  });
});

describe('memory stays, and everybody else is given every change, while', () => {
  it.each(['delta', 'sotw'] as const)(
    'a %s client asks without a pause and reads nothing',
    async (protocol) => {
      server.publish(changes([cluster('big', 1, megabyte)]));
      await witness.seeChange();
      const deaf = openDeaf(port, protocol);
      deaf.send({ node, type_url: typeUrl.cluster, ...names(protocol, ['one', 'big']) });
      await eventually(() => expect(server.streams()).toHaveLength(2));
      const before = process.memoryUsage().arrayBuffers + process.memoryUsage().external;
      for (let sent = 0; sent < 20_000 * factor; sent += 1) {
        deaf.send({ type_url: typeUrl.cluster, ...names(protocol, ['one', 'big']), response_nonce: '1.0' });
        if (sent % 1_000 === 0) await witness.seeChange();
      }
      const after = process.memoryUsage().arrayBuffers + process.memoryUsage().external;
      expect(after - before).toBeLessThan(50 * megabyte);
      // It is cut off for not reading.
      await witness.isAlone();
      deaf.close();
    },
    60_000,
  );

  it('a client asks for the status of all clients and reads nothing', async () => {
    server.publish(changes(Array.from({ length: 300 }, (_, index) => cluster(`c${index}`, 1, 1_000))));
    await witness.seeChange();
    const attacker = new Attacker(port, false);
    const path = '/envoy.service.status.v3.ClientStatusDiscoveryService/StreamClientStatus';
    await attacker.send(preface, openStream(1, path));
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().external;
    const flooding = attacker.flood(frame('data', { stream: 1, body: Buffer.alloc(5) }), 10_000 * factor);
    await witness.seeChanges(20);
    const after = process.memoryUsage().arrayBuffers + process.memoryUsage().external;
    expect(after - before).toBeLessThan(50 * megabyte);
    attacker.end();
    await flooding;
  }, 60_000);

  it('a client sends a compressed message of a gigabyte', async () => {
    const attacker = new Attacker(port);
    const bomb = grpcFrame(gzipSync(Buffer.alloc(256 * megabyte)), true);
    await attacker.send(preface, openStream(1, adsPaths.delta, [headerField('grpc-encoding', 'gzip')]));
    for (let at = 0; at < bomb.length; at += 16_000) {
      await attacker.send(frame('data', { stream: 1, body: bomb.subarray(at, at + 16_000) }));
    }
    await witness.seeChanges(5);
    attacker.end();
    await witness.isAlone();
    expect(server.streams()).toHaveLength(1);
  }, 60_000);

  it('a client that does not read is sent nothing more, and the newest when it does', async () => {
    const deaf = openDeaf(port, 'delta');
    deaf.send({ node, type_url: typeUrl.cluster });
    await eventually(() => expect(server.streams()).toHaveLength(2));
    server.publish(changes([cluster('big', 1, megabyte)]));
    await witness.seeChanges(10);
    deaf.close();
    await witness.isAlone();
    expect(server.streams()).toHaveLength(1);
  });
});

it('an answer about clients that would be too large is refused with words', async () => {
  await server.stop();
  witness.close();
  client.close();
  server = new XdsServer({ host: '127.0.0.1', port: 0, limits: { statusEntries: 10 }, observe: () => undefined });
  port = await server.start();
  server.publish(changes(Array.from({ length: 20 }, (_, index) => cluster(`c${index}`))));
  witness = new Witness(server, port);
  client = new DiscoveryClient(port);
  await witness.seeChange();
  const path = '/envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus';
  const stream = client.raw(path);
  stream.send(Buffer.alloc(0));
  stream.finish();
  const end = await stream.ended;
  expect(end).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  expect(end.details).toContain('choose clients with node_matchers');
});

it('a client that comes back with more names than a small installation may have is heard where there were that many', async () => {
  const held = Object.fromEntries(
    Array.from({ length: 90_000 }, (_, index) => [`a-long-name-of-a-cluster-${index}`, '0123456789abcdef']),
  );
  const message = encoded('delta', { node, type_url: typeUrl.cluster, initial_resource_versions: held });
  expect(message.length).toBeGreaterThan(4 * megabyte);
  expect((await ending('delta', message)).code).toBe(status.RESOURCE_EXHAUSTED);
  const all = Object.keys(held).map((name) => cluster(name));
  server.publish(changes(all));
  await witness.seeChange();
  server.publish(changes([], all));
  const stream = client.raw(adsPaths.delta);
  stream.send(Buffer.from(message));
  await eventually(() => expect(stream.responses.length).toBeGreaterThan(0));
  stream.cancel();
}, 60_000);
