/** Reflection asked by a real gRPC client: what is listed, and that descriptor answers are complete in themselves. */
import {
  type Client,
  credentials,
  Server,
  ServerCredentials,
  makeGenericClientConstructor,
  type ClientDuplexStream,
} from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import protobuf from 'protobufjs';
import { descriptorIndex } from '../../src/proto/descriptor-index.ts';
import type { MessageTypes } from '../../src/proto/message.ts';
import { serviceDefinition } from '../../src/proto/service.ts';
import { reflectionServices } from '../../src/xds/reflection.ts';

type Request = MessageTypes['grpc.reflection.v1.ServerReflectionRequest'];
type Response = MessageTypes['grpc.reflection.v1.ServerReflectionResponse'];

const ads = 'envoy.service.discovery.v3.AggregatedDiscoveryService';

describe.each(['v1', 'v1alpha'])('reflection %s', (version) => {
  const server = new Server();
  let ask: (request: Request) => Promise<Response>;
  let client: Client;

  beforeAll(async () => {
    for (const { definition, implementation } of reflectionServices([ads, 'grpc.health.v1.Health'])) {
      server.addService(definition, implementation);
    }
    const port = await new Promise<number>((fulfil, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? fulfil(bound) : reject(error),
      );
    });
    const ReflectionClient = makeGenericClientConstructor(
      serviceDefinition(`grpc.reflection.${version}.ServerReflection`),
      'Reflection',
    );
    client = new ReflectionClient(`127.0.0.1:${port}`, credentials.createInsecure());
    const method: unknown = Reflect.get(client, 'ServerReflectionInfo');
    if (typeof method !== 'function') throw new Error('the client has no ServerReflectionInfo');
    const open: () => ClientDuplexStream<Request, Response> = method.bind(client);
    ask = (request) =>
      new Promise((fulfil, reject) => {
        const call = open();
        call.once('data', fulfil);
        call.on('error', reject);
        call.write(request);
        call.end();
      });
  });

  afterAll(() => {
    client.close();
    server.forceShutdown();
  });

  it('lists the services that the server was said to have, sorted', async () => {
    const { list_services_response: list } = await ask({ list_services: '*' });
    expect(list?.service).toEqual([{ name: ads }, { name: 'grpc.health.v1.Health' }]);
  });

  it('echoes the request and its host', async () => {
    const request = { host: 'h', list_services: '' };
    expect(await ask(request)).toMatchObject({ valid_host: 'h', original_request: request });
  });

  it.each([
    ['a service', ads, 'envoy/service/discovery/v3/ads.proto'],
    ['a method', `${ads}.StreamAggregatedResources`, 'envoy/service/discovery/v3/ads.proto'],
    ['a message', 'envoy.config.cluster.v3.Cluster', 'envoy/config/cluster/v3/cluster.proto'],
    [
      'a nested message',
      'envoy.config.route.v3.RouteAction.HashPolicy',
      'envoy/config/route/v3/route_components.proto',
    ],
    ['an enum', 'envoy.config.core.v3.HealthStatus', 'envoy/config/core/v3/health_check.proto'],
    ['a nested enum', 'envoy.config.cluster.v3.Cluster.LbPolicy', 'envoy/config/cluster/v3/cluster.proto'],
    ['a well-known type', 'google.protobuf.Duration', 'google/protobuf/duration.proto'],
  ])('finds the file of %s, first in an answer that has all its dependencies', async (_title, symbol, file) => {
    const files = filesIn(await ask({ file_containing_symbol: symbol }));
    expect(files[0]?.name).toBe(file);
    const names = new Set(files.map(({ name }) => name));
    expect(files.flatMap(({ dependency }) => dependency).filter((name) => !names.has(name))).toEqual([]);
  });

  it('finds a file by its name', async () => {
    const files = filesIn(await ask({ file_by_filename: 'google/rpc/status.proto' }));
    expect(files.map(({ name }) => name)).toEqual(['google/rpc/status.proto', 'google/protobuf/any.proto']);
  });

  it.each<[string, Request]>([
    ['symbol', { file_containing_symbol: 'no.Such' }],
    ['file', { file_by_filename: 'no/such.proto' }],
    ['extension', { file_containing_extension: { containing_type: 'google.protobuf.Any', extension_number: 100 } }],
    ['extended type', { all_extension_numbers_of_type: 'no.Such' }],
  ])('says that it does not know a %s', async (_title, request) => {
    expect((await ask(request)).error_response).toMatchObject({ error_code: 5 });
  });

  it('says that a known message has no extensions', async () => {
    const answer = await ask({ all_extension_numbers_of_type: 'google.protobuf.Any' });
    expect(answer.all_extension_numbers_response).toEqual({ base_type_name: 'google.protobuf.Any' });
  });

  it('refuses a request that asks for nothing', async () => {
    expect((await ask({})).error_response).toMatchObject({ error_code: 3 });
  });
});

it('knows every symbol of the services and resources', () => {
  expect(descriptorIndex().bySymbol.size).toBeGreaterThan(500);
});

/** As much of google.protobuf.FileDescriptorProto as the tests look at. */
const fileType = protobuf.Root.fromJSON({
  nested: {
    File: {
      fields: { name: { type: 'string', id: 1 }, dependency: { rule: 'repeated', type: 'string', id: 3 } },
    },
  },
}).lookupType('File');

function filesIn(response: Response): readonly { readonly name: string; readonly dependency: readonly string[] }[] {
  const files = response.file_descriptor_response?.file_descriptor_proto ?? [];
  return files.map((bytes) => {
    const { name, dependency } = fileType.toObject(fileType.decode(bytes), { arrays: true });
    return { name, dependency };
  });
}
