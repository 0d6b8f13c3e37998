/** Many clients at once: what they share is encoded once, who has everything is sent nothing, and who does not read delays nobody. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Client, credentials, status } from '@grpc/grpc-js';
import { typeUrl } from '../../src/proto/type-url.ts';
import type { StreamEvent } from '../../src/xds/discovery-stream.ts';
import { XdsServer } from '../../src/xds/server.ts';
import { openDeaf } from '../support/deaf-client.ts';
import { DiscoveryClient } from '../support/discovery-client.ts';
import { eventually } from '../support/eventually.ts';
import { changes, cluster } from '../support/resources.ts';

const clients = 200;
const clusters = Array.from({ length: 50 }, (_, i) => cluster(`c${i}`));
const events: StreamEvent[] = [];
const opened: DiscoveryClient[] = [];
let server: XdsServer;
let port: number;

beforeEach(async () => {
  events.length = 0;
  server = new XdsServer({ host: '127.0.0.1', port: 0, observe: (_stream, event) => events.push(event) });
  port = await server.start();
  server.publish(changes(clusters));
});

afterEach(async () => {
  for (const each of opened.splice(0)) each.close();
  await server.stop();
});

/** Streams of which each has a connection of its own. */
function connect(count: number) {
  return Array.from({ length: count }, () => {
    const client = new DiscoveryClient(port);
    opened.push(client);
    return client.delta();
  });
}

const responses = () => events.filter((event) => event.kind === 'response');
const encoded = () => responses().filter(({ isShared }) => !isShared);

describe(`${clients} clients at once`, () => {
  it('are sent the bytes of one encoded response, and again when something changes', async () => {
    const streams = connect(clients);
    for (const stream of streams) stream.send({ type_url: typeUrl.cluster });
    const first = await Promise.all(streams.map((stream) => stream.next()));
    expect(first.every(({ resources = [] }) => resources.length === clusters.length)).toBe(true);
    expect({ sent: responses().length, encoded: encoded().length }).toEqual({ sent: clients, encoded: 1 });
    streams.forEach((stream, i) => {
      stream.send({ type_url: typeUrl.cluster, response_nonce: first[i]?.nonce ?? '' });
    });
    server.publish(changes([cluster('c7', 2)], [cluster('c8')]));
    const second = await Promise.all(streams.map((stream) => stream.next()));
    expect(new Set(second.map((response) => JSON.stringify(response))).size).toBe(1);
    expect(second[0]).toMatchObject({ resources: [{ name: 'c7' }], removed_resources: ['c8'] });
    expect({ sent: responses().length, encoded: encoded().length }).toEqual({ sent: 2 * clients, encoded: 2 });
  });

  it('are sent nothing when they come back with everything, and the next change in one encoded response', async () => {
    const versions = Object.fromEntries(clusters.map(({ name, version }) => [name, version]));
    const streams = connect(clients);
    for (const stream of streams) stream.send({ type_url: typeUrl.cluster, initial_resource_versions: versions });
    await eventually(() => {
      const subscribed = server.streams().filter(({ session }) => session.subscriptions().length > 0);
      expect(subscribed).toHaveLength(clients);
    });
    expect(server.streams().some(({ session }) => session.isWaiting)).toBe(false);
    expect(responses()).toEqual([]);
    server.publish(changes([cluster('c9', 2)]));
    const answers = await Promise.all(streams.map((stream) => stream.next()));
    expect(answers.every(({ resources = [] }) => resources.length === 1 && resources[0]?.name === 'c9')).toBe(true);
    expect(encoded()).toHaveLength(1);
  });
});

it('answers a client while many others, to which more is on its way than may be, do not read', async () => {
  const megabyte = 1_000_000;
  server.publish(changes(Array.from({ length: 150 }, (_, i) => cluster(`big${i}`, 1, megabyte / 150))));
  const deaf = Array.from({ length: 40 }, () => openDeaf(port, 'delta'));
  for (const each of deaf) each.send({ node: { id: 'deaf' }, type_url: typeUrl.cluster });
  await eventually(() => expect(responses().length).toBeGreaterThan(10));
  const [reader] = connect(1);
  reader?.send({ type_url: typeUrl.cluster });
  const answer = await reader?.next();
  expect(answer?.resources?.length).toBeGreaterThan(clusters.length);
  // And in the end those that do not read had their one response, too.
  await eventually(() => expect(responses().length).toBeGreaterThanOrEqual(deaf.length + 1), { within: 10_000 });
  for (const each of deaf) each.close();
}, 20_000);

it('ends the stream of a request that is not one, and says so', async () => {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const same = (bytes: Buffer): Buffer => bytes;
  const method = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
  const call = client.makeBidiStreamRequest(method, same, same);
  const ended = new Promise((resolve) => call.on('error', resolve));
  call.on('data', () => undefined);
  call.write(Buffer.from([0x2a, 9, 1]));
  expect(await ended).toMatchObject({
    code: status.INVALID_ARGUMENT,
    details: 'the request is not what it should be: a field is longer than its message',
  });
  client.close();
});
