/**
 * Clients that break or wear out HTTP/2: whatever they send, the process lives, nothing of theirs is left, and a good client beside them
 * is given every change. SLUICE_FLOOD=50 multiplies what floods.
 */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { typeUrl } from '../../src/proto/type-url.ts';
import { XdsServer } from '../../src/xds/server.ts';
import { eventually } from '../support/eventually.ts';
import { adsPaths, requestFrame } from '../support/grpc-frame.ts';
import { Attacker, flags, frame, headerField, openStream, preface } from '../support/http2-attacker.ts';
import { changes, cluster } from '../support/resources.ts';
import { Witness } from '../support/witness.ts';

const factor = Number(process.env['SLUICE_FLOOD'] ?? 1);
const ask = requestFrame('delta', { node: { id: 'hostile' }, type_url: typeUrl.cluster });
const data = (stream: number, body: Uint8Array, end = false): Buffer =>
  frame('data', { stream, body, flags: end ? flags.endStream : 0 });
const ads = (stream: number): Buffer => openStream(stream, adsPaths.delta);
const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const openedAndReset = (from: number, count: number): Buffer =>
  Buffer.concat(
    Array.from({ length: count }, (_, index) => {
      const stream = from + 2 * index;
      return Buffer.concat([ads(stream), frame('reset', { stream, body: number(8) })]);
    }),
  );

let server: XdsServer;
let port: number;
let witness: Witness;
let attackers: Attacker[];

beforeEach(async () => {
  attackers = [];
  server = new XdsServer({
    host: '127.0.0.1',
    port: 0,
    limits: {
      idleMs: 2_000,
      firstRequestMs: 2_000,
      stallMs: 2_000,
      keepaliveMs: 500,
      keepaliveTimeoutMs: 1_000,
      silenceMs: 2_500,
      farewellMs: 500,
    },
    observe: () => undefined,
  });
  port = await server.start();
  server.publish(changes([cluster('one')]));
  witness = new Witness(server, port);
  await witness.seeChange();
});

afterEach(async () => {
  for (const attacker of attackers) attacker.end();
  witness.close();
  await server.stop();
});

function attack(reads = true): Attacker {
  const attacker = new Attacker(port, reads);
  attackers.push(attacker);
  return attacker;
}

/** One who behaves up to here: a stream that has asked for the clusters. */
async function joined(reads = true): Promise<Attacker> {
  const attacker = attack(reads);
  await attacker.send(preface, ads(1), data(1, ask));
  await eventually(() => expect(server.streams()).toHaveLength(2));
  return attacker;
}

interface Case {
  readonly what: string;
  readonly run: () => Promise<void>;
  /** Whether the server hangs up. */
  readonly isCut?: boolean;
}

const breaches: readonly Case[] = [
  { what: 'speaks no HTTP/2', run: () => attack().send(Buffer.from('hello\r\n\r\n')), isCut: true },
  { what: 'speaks HTTP/1.1', run: () => attack().send(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')), isCut: true },
  { what: 'begins TLS on the plaintext port', run: () => attack().send(Buffer.from('16030100050100000100', 'hex')) },
  { what: 'ends in the middle of the preface', run: async () => void attack().socket.end(preface.subarray(0, 10)) },
  {
    what: 'sends a frame longer than allowed',
    run: () => attack().send(preface, frame('ping', { body: Buffer.alloc(1e6) })),
  },
  { what: 'sends DATA on a stream that is not open', run: () => attack().send(preface, data(7, ask)) },
  {
    what: 'resets the stream that it has asked on',
    run: async () => (await joined()).send(frame('reset', { stream: 1, body: number(8) })),
  },
  {
    what: 'says GOAWAY and keeps the connection',
    run: async () => (await joined()).send(frame('goAway', { body: Buffer.concat([number(1), number(0)]) })),
  },
  { what: 'closes its half of the stream', run: async () => (await joined()).send(data(1, ask, true)) },
  { what: 'closes its half of the connection', run: async () => void (await joined()).socket.end() },
  { what: 'resets the connection', run: async () => void (await joined()).socket.resetAndDestroy() },
  {
    what: 'is cut off in the middle of a message',
    run: async () => {
      const attacker = await joined();
      await attacker.send(data(1, ask.subarray(0, 9)));
      attacker.socket.resetAndDestroy();
    },
  },
  {
    what: 'ends its half in the middle of a message',
    run: async () => (await joined()).send(data(1, ask.subarray(0, 9), true)),
  },
  {
    what: 'announces 4 GB and sends no more',
    run: async () => (await joined()).send(data(1, Buffer.from('00ffffffff', 'hex'))),
  },
  {
    what: 'sends what is no protobuf',
    run: async () => (await joined()).send(data(1, Buffer.from('0000000002ffff', 'hex'))),
  },
  {
    what: 'says that a message is compressed that is not',
    run: () =>
      attack().send(
        preface,
        openStream(1, adsPaths.delta, [headerField('grpc-encoding', 'gzip')]),
        data(1, Buffer.from('0100000004deadbeef', 'hex')),
      ),
  },
  {
    what: 'asks for a path of bytes that are no text',
    run: () => attack().send(preface, openStream(1, Buffer.from([0x2f, 0xff, 0xfe, 0x2f, 0xc3])), data(1, ask)),
  },
  {
    what: 'asks for a path that nobody has',
    run: () => attack().send(preface, openStream(1, '/a.B/C'), data(1, ask, true)),
  },
  {
    what: 'asks for a path of 8,000 letters',
    run: () => attack().send(preface, openStream(1, `/${'a'.repeat(8_000)}`)),
  },
  {
    what: 'sends a deadline that is no number',
    run: () =>
      attack().send(preface, openStream(1, adsPaths.delta, [headerField('grpc-timeout', '9e9H')]), data(1, ask)),
  },
  {
    what: 'sends headers with half a surrogate pair in base64',
    run: () => attack().send(preface, openStream(1, adsPaths.delta, [headerField('x-bin', '7aCA')]), data(1, ask)),
  },
  {
    what: 'closes the window of its stream and asks',
    run: async () => {
      // SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113, section 6.5.2)
      const none = frame('settings', { body: Buffer.concat([Buffer.of(0, 4), number(0)]) });
      await attack().send(preface, none, ads(1), data(1, ask));
    },
  },
];

const floods: readonly Case[] = [
  {
    what: 'PINGs that it reads the answers of',
    run: async () => (await joined()).flood(frame('ping', { body: Buffer.alloc(8) }), 100_000 * factor),
  },
  {
    what: 'PINGs that it does not read the answers of',
    run: async () => (await joined(false)).flood(frame('ping', { body: Buffer.alloc(8) }), 200_000 * factor),
    isCut: true,
  },
  {
    what: 'SETTINGS',
    run: async () =>
      (await joined(false)).flood(
        frame('settings', { body: Buffer.concat([Buffer.of(0, 3), number(9)]) }),
        200_000 * factor,
      ),
    isCut: true,
  },
  {
    what: 'CONTINUATION without an end',
    run: async () => {
      const attacker = await joined();
      await attacker.send(frame('headers', { stream: 3, body: headerField('a', 'b') }));
      await attacker.flood(
        frame('continuation', { stream: 3, body: headerField('c', 'd'.repeat(1_000)) }),
        20_000 * factor,
      );
    },
    isCut: true,
  },
  {
    what: 'empty CONTINUATION',
    run: async () => {
      const attacker = await joined();
      await attacker.send(frame('headers', { stream: 3, body: headerField('a', 'b') }));
      await attacker.flood(frame('continuation', { stream: 3 }), 50_000 * factor);
    },
    isCut: true,
  },
  {
    what: 'streams that it resets at once',
    run: async () => {
      const attacker = await joined();
      for (let round = 0; round < 40 * factor; round += 1) await attacker.send(openedAndReset(3 + 400 * round, 200));
    },
    isCut: true,
  },
  {
    what: 'streams that it leaves open',
    run: async () => {
      const attacker = await joined();
      for (let stream = 3; stream < 6_000; stream += 2) await attacker.send(ads(stream));
    },
  },
  {
    what: 'calls that are answered at once',
    run: async () => {
      const attacker = await joined();
      for (let round = 0; round < 2_000 * factor; round += 1) {
        await attacker.send(
          openStream(3 + 2 * round, '/grpc.health.v1.Health/Check'),
          data(3 + 2 * round, Buffer.alloc(5), true),
        );
      }
    },
  },
  {
    what: 'empty DATA',
    run: async () => (await joined()).flood(data(1, Buffer.alloc(0)), 100_000 * factor),
  },
  {
    what: 'empty messages',
    run: async () => (await joined()).flood(data(1, Buffer.alloc(5_000)), 200 * factor),
  },
  {
    what: 'WINDOW_UPDATE',
    run: async () => (await joined()).flood(frame('windowUpdate', { body: number(1) }), 100_000 * factor),
  },
  {
    what: 'PRIORITY',
    run: async () =>
      (await joined()).flood(
        frame('priority', { stream: 1, body: Buffer.from('0000000310', 'hex') }),
        100_000 * factor,
      ),
  },
  {
    what: 'header fields by the thousand',
    run: async () => {
      const attacker = await joined();
      const many = Array.from({ length: 700 }, (_, index) => headerField(`x-${index}`, 'v'));
      for (let stream = 3; stream < 100; stream += 2) await attacker.send(openStream(stream, adsPaths.delta, many));
    },
  },
  {
    what: 'connections',
    run: async () => {
      for (let count = 0; count < 300 * factor; count += 1) await attack().send(preface);
    },
  },
  {
    what: 'connections that it cuts at once',
    run: async () => {
      for (let count = 0; count < 300 * factor; count += 1) {
        const attacker = attack();
        await attacker.send(preface, ads(1));
        attacker.socket.resetAndDestroy();
      }
    },
  },
];

/** What the attack leaves behind is gone soon, by itself or when the attacker is. */
async function check({ run, isCut = false }: Case): Promise<void> {
  const attacking = run();
  await witness.seeChanges(5);
  await attacking;
  await witness.seeChanges(5);
  // Its own system tells it that it was cut off when it reads.
  if (isCut) attackers.at(-1)?.socket.resume();
  if (isCut) await attackers.at(-1)?.closed;
  for (const attacker of attackers) attacker.end();
  await witness.isAlone();
  await eventually(() => expect(server.connections).toBe(1));
  await witness.seeChange();
}

it('a client that reads nothing of what it asked for, and does not hang up, is cut off', async () => {
  server.publish(changes([cluster('big', 1, 20_000_000)]));
  const attacker = await joined(false);
  // One change after the other: one that nobody waited for would fail after this test.
  await eventually(
    async () => {
      await witness.seeChange();
      expect(server.connections).toBe(1);
    },
    { within: 20_000, every: 200 },
  );
  expect(attacker.socket.destroyed).toBe(false);
}, 30_000);

describe('a good client is given every change beside a client that', () => {
  it.each(breaches)('$what', check, 30_000);
});

describe('a good client is given every change during a flood of', () => {
  it.each(floods)('$what', check, 60_000 * factor);
});
