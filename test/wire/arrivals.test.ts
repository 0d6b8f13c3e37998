/** Clients that come while it is not certain that what is served is the newest: over real gRPC, who is served when. */
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { typeUrl } from '../../src/proto/type-url.ts';
import type { StreamEvent } from '../../src/xds/discovery-stream.ts';
import { XdsServer } from '../../src/xds/server.ts';
import { DiscoveryClient } from '../support/discovery-client.ts';
import { eventually } from '../support/eventually.ts';
import { changes, cluster, listener } from '../support/resources.ts';

const holdMs = 1_500;
const node = { id: 'n' };
const old = listener('l');

let waiting: Set<() => void>;
let events: StreamEvent['kind'][];
let server: XdsServer;
let client: DiscoveryClient;

beforeEach(async () => {
  waiting = new Set();
  events = [];
  server = new XdsServer({
    host: '127.0.0.1',
    port: 0,
    freshness: {
      holdMs,
      confirm: (confirmed) => {
        waiting.add(confirmed);
        return () => waiting.delete(confirmed);
      },
    },
    observe: (_stream, { kind }) => events.push(kind),
  });
  client = new DiscoveryClient(await server.start());
  server.publish(changes([old, cluster('a')]));
});

afterEach(async () => {
  client.close();
  await server.stop();
});

/** A request of a client that has something of the type. */
function comingBack(type: string, name: string) {
  return { node, type_url: type, resource_names_subscribe: ['*'], initial_resource_versions: { [name]: 'newer' } };
}

function confirmAll(): void {
  for (const confirmed of waiting) confirmed();
}

async function isWaiting(): Promise<void> {
  await eventually(() => expect(waiting.size).toBeGreaterThan(0));
}

it('serves a client with state as soon as it is certain', async () => {
  const stream = client.delta();
  stream.send(comingBack(typeUrl.listener, 'l'));
  await isWaiting();
  expect(stream.responses).toHaveLength(0);

  confirmAll();

  expect((await stream.next()).resources).toMatchObject([{ name: 'l', version: old.version }]);
  expect(waiting.size).toBe(0);
});

it('serves a client without state although nothing is certain', async () => {
  const stream = client.delta();
  stream.send({ node, type_url: typeUrl.cluster, resource_names_subscribe: ['*'] });
  expect((await stream.next()).resources).toHaveLength(1);
});

it('serves one that has no listeners yet, so that it does not serve anybody', async () => {
  const stream = client.delta();
  stream.send(comingBack(typeUrl.cluster, 'a'));
  stream.send({ type_url: typeUrl.listener, resource_names_subscribe: ['*'] });
  expect((await stream.next()).type_url).toBe(typeUrl.cluster);
  expect(events).not.toContain('sent-on');
});

it('sends a client with state on when nothing gets certain, and ends its connection', async () => {
  const stream = client.delta();
  // The first type is one of which it has nothing.
  stream.send({ node, type_url: typeUrl.cluster, resource_names_subscribe: ['*'] });
  stream.send(comingBack(typeUrl.listener, 'l'));

  expect(await stream.ended).toMatchObject({
    code: status.UNAVAILABLE,
    details: expect.stringContaining('ask another'),
  });
  expect(stream.responses).toHaveLength(0);
  expect(events).toStrictEqual(['opened', 'sent-on', 'closed']);
  expect(waiting.size).toBe(0);
  await eventually(() => expect(server.connections).toBe(0));
});

it('knows the state of a SotW client by its version, and that of a stream for one type by itself', async () => {
  const sotw = client.sotw();
  sotw.send({ node, type_url: typeUrl.listener, version_info: '7' });
  expect((await sotw.ended).code).toBe(status.UNAVAILABLE);

  const clusters = client.stream(
    'envoy.service.cluster.v3.ClusterDiscoveryService/DeltaClusters',
    'envoy.service.discovery.v3.DeltaDiscoveryRequest',
    'envoy.service.discovery.v3.DeltaDiscoveryResponse',
  );
  clusters.send({ node, initial_resource_versions: { a: 'newer' } });
  expect((await clusters.ended).code).toBe(status.UNAVAILABLE);
});

it('answers one that asks and says goodbye in one breath', async () => {
  const stream = client.delta();
  stream.send({ node, type_url: typeUrl.cluster, resource_names_subscribe: ['*'] });
  stream.finish();
  expect((await stream.next()).resources).toHaveLength(1);
  expect((await stream.ended).code).toBe(status.OK);
});

it('forgets one that is gone', async () => {
  const stream = client.delta();
  stream.send(comingBack(typeUrl.listener, 'l'));
  await isWaiting();
  stream.cancel();
  await eventually(() => expect(waiting.size).toBe(0));
});
