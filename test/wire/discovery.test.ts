/** The discovery services over real gRPC: that bytes, methods and status codes are what the API says. */
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { decode } from '../../src/proto/message.ts';
import { typeUrl } from '../../src/proto/type-url.ts';
import type { StreamEvent } from '../../src/xds/discovery-stream.ts';
import { XdsServer } from '../../src/xds/server.ts';
import { deltaTypes, DiscoveryClient, sotwTypes } from '../support/discovery-client.ts';
import { eventually } from '../support/eventually.ts';
import { changes, cluster, endpoints, listener, secret, table, virtualHost } from '../support/resources.ts';

const everything = [
  cluster('a'),
  endpoints('a'),
  listener('l'),
  table('http'),
  virtualHost('http/h', 'a'),
  secret('s'),
];
const events: StreamEvent[] = [];
let server: XdsServer;
let client: DiscoveryClient;

beforeEach(async () => {
  events.length = 0;
  server = new XdsServer({ host: '127.0.0.1', port: 0, observe: (_stream, event) => events.push(event) });
  client = new DiscoveryClient(await server.start());
});

afterEach(async () => {
  client.close();
  await server.stop();
});

it('serves every type on one delta stream, with the name and version of each resource', async () => {
  server.publish(changes(everything));
  const stream = client.delta();
  for (const resource of everything) {
    stream.send({ node: { id: 'n' }, type_url: resource.typeUrl, resource_names_subscribe: [resource.name] });
    const response = await stream.next();
    expect(response).toMatchObject({
      type_url: resource.typeUrl,
      nonce: expect.stringMatching(/./),
      resources: [{ name: resource.name, version: resource.version, resource: { '@type': resource.typeUrl } }],
    });
    stream.send({ type_url: resource.typeUrl, response_nonce: response.nonce ?? '' });
  }
  server.publish(changes([cluster('b')], [secret('s')]));
  const { type_url: type, resources, removed_resources: removed } = await stream.next();
  expect({ type, resources, removed }).toEqual({ type: typeUrl.secret, removed: ['s'] });
  expect(events.filter(({ kind }) => kind === 'ack')).toHaveLength(everything.length);
});

it('serves every type that SotW has on one SotW stream, with the virtual hosts in their table', async () => {
  server.publish(changes(everything));
  const stream = client.sotw();
  for (const { typeUrl: type, name } of everything) {
    if (type === typeUrl.virtualHost) continue;
    stream.send({ node: { id: 'n' }, type_url: type, resource_names: [name] });
    const response = await stream.next();
    const { version_info: version = '', nonce = '' } = response;
    expect(response).toMatchObject({
      type_url: type,
      version_info: expect.stringMatching(/./),
      resources: [{ '@type': type }],
    });
    stream.send({ type_url: type, version_info: version, response_nonce: nonce, resource_names: [name] });
  }
  const routes = stream.responses
    .flatMap(({ resources = [] }) => resources)
    .find((any) => any['@type'] === typeUrl.routeConfiguration);
  expect(routes).toMatchObject({ value: { name: 'http', virtual_hosts: [{ name: 'http/h', domains: ['h'] }] } });
});

it('goes on after a refusal, and reports it with the names and the reason', async () => {
  server.publish(changes([cluster('a')]));
  const stream = client.delta();
  stream.send({ type_url: typeUrl.cluster });
  const { nonce = '' } = await stream.next();
  stream.send({
    type_url: typeUrl.cluster,
    response_nonce: nonce,
    error_detail: { code: 3, message: 'no such thing' },
  });
  await eventually(() =>
    expect(events).toContainEqual({
      kind: 'nack',
      typeUrl: typeUrl.cluster,
      nonce,
      names: ['a'],
      message: 'no such thing',
      culprits: [cluster('a')],
    }),
  );
  server.publish(changes([cluster('a', 2)]));
  expect(await stream.next()).toMatchObject({ resources: [{ name: 'a', version: cluster('a', 2).version }] });
});

it('lets a client that comes back have only what has changed', async () => {
  server.publish(changes([listener('same'), listener('changed', 2)]));
  const initial = { same: listener('same').version, changed: listener('changed').version, gone: 'x' };
  const stream = client.delta();
  stream.send({ type_url: typeUrl.listener, initial_resource_versions: initial });
  expect(await stream.next()).toMatchObject({ resources: [{ name: 'changed' }], removed_resources: ['gone'] });
});

describe.each([
  ['listener.v3.ListenerDiscoveryService', 'Listeners', typeUrl.listener],
  ['route.v3.RouteDiscoveryService', 'Routes', typeUrl.routeConfiguration],
  ['route.v3.VirtualHostDiscoveryService', 'VirtualHosts', typeUrl.virtualHost],
  ['cluster.v3.ClusterDiscoveryService', 'Clusters', typeUrl.cluster],
  ['endpoint.v3.EndpointDiscoveryService', 'Endpoints', typeUrl.clusterLoadAssignment],
  ['secret.v3.SecretDiscoveryService', 'Secrets', typeUrl.secret],
])('%s', (service, noun, type) => {
  const resource = everything.find((each) => each.typeUrl === type);

  it.each([type, undefined])('serves its type over delta, which the request may name: %s', async (named) => {
    server.publish(changes(everything));
    const stream = client.stream(`envoy.service.${service}/Delta${noun}`, ...deltaTypes);
    stream.send({
      resource_names_subscribe: [resource?.name ?? ''],
      ...(named === undefined ? {} : { type_url: named }),
    });
    expect(await stream.next()).toMatchObject({ type_url: type, resources: [{ name: resource?.name }] });
  });

  if (type !== typeUrl.virtualHost) {
    it('serves its type over SotW', async () => {
      server.publish(changes(everything));
      const stream = client.stream(`envoy.service.${service}/Stream${noun}`, ...sotwTypes);
      stream.send({ resource_names: [resource?.name ?? ''] });
      expect(await stream.next()).toMatchObject({ type_url: type, resources: [{ '@type': type }] });
    });
  }

  it('refuses another type', async () => {
    server.publish(changes(everything));
    const other = type === typeUrl.cluster ? typeUrl.secret : typeUrl.cluster;
    const stream = client.stream(`envoy.service.${service}/Delta${noun}`, ...deltaTypes);
    stream.send({ type_url: other });
    expect(await stream.ended).toEqual({ code: status.INVALID_ARGUMENT, details: expect.stringContaining(other) });
  });
});

it.each(['delta', 'sotw'] as const)('refuses an aggregated %s request that names no type', async (protocol) => {
  server.publish(changes(everything));
  const stream = client[protocol]();
  stream.send({ node: { id: 'n' } });
  expect(await stream.ended).toEqual({ code: status.INVALID_ARGUMENT, details: expect.stringContaining('type_url') });
});

it('remembers nothing of a type that is never served, and goes on with the others', async () => {
  server.publish(changes([cluster('a')]));
  const stream = client.delta();
  for (const type of ['type.googleapis.com/made.up', '__proto__']) stream.send({ type_url: type });
  stream.send({ type_url: typeUrl.cluster });
  expect(await stream.next()).toMatchObject({ type_url: typeUrl.cluster });
  const [open] = server.streams();
  expect(open?.session.subscriptions().map(({ typeUrl: type }) => type)).toEqual([typeUrl.cluster]);
});

it('answers a client that has said all it will say, and then ends the stream', async () => {
  server.publish(changes([cluster('a')]));
  const stream = client.delta();
  stream.send({ type_url: typeUrl.cluster });
  stream.finish();
  expect(await stream.next()).toMatchObject({ resources: [{ name: 'a' }] });
  expect(await stream.ended).toMatchObject({ code: status.OK });
});

it.each(['cancel', 'finish'] as const)('forgets a client that is gone (%s)', async (leave) => {
  server.publish(changes([cluster('a')]));
  const stream = client.delta();
  stream.send({ type_url: typeUrl.cluster });
  await stream.next();
  expect(server.streams()).toHaveLength(1);
  stream[leave]();
  await eventually(() => expect(server.streams()).toHaveLength(0));
  expect(events.filter(({ kind }) => kind === 'closed')).toHaveLength(1);
});

it('ends the streams with UNAVAILABLE when it stops, after which clients look for another server', async () => {
  server.publish(changes([cluster('a')]));
  const streams = [client.delta(), client.sotw()];
  for (const stream of streams) stream.send({ type_url: typeUrl.cluster });
  await Promise.all(streams.map((stream) => stream.next()));
  await server.stop();
  for (const stream of streams) expect(await stream.ended).toMatchObject({ code: status.UNAVAILABLE });
  expect(server.streams()).toEqual([]);
});

it('hands resources over byte for byte', async () => {
  const big = cluster('big', 7, 3_000_000);
  server.publish(changes([big, cluster('small')]));
  const stream = client.delta();
  stream.send({ type_url: typeUrl.cluster });
  const first = await stream.next();
  stream.send({ type_url: typeUrl.cluster, response_nonce: first.nonce ?? '' });
  const second = await stream.next();
  const value = [...(first.resources ?? []), ...(second.resources ?? [])].find(({ name }) => name === 'big');
  const { alt_stat_name: alt } = decode('envoy.config.cluster.v3.Cluster', big.record.subarray(big.bodyOffset));
  expect(value).toMatchObject({ version: big.version, resource: { value: { name: 'big', alt_stat_name: alt } } });
});
