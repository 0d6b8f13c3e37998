/** What the server tells about itself and its clients over real gRPC: health, and CSDS with a state for each resource. */
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { MessageTypes } from '../../src/proto/message.ts';
import { typeUrl } from '../../src/proto/type-url.ts';
import { XdsServer } from '../../src/xds/server.ts';
import { DiscoveryClient } from '../support/discovery-client.ts';
import { eventually } from '../support/eventually.ts';
import { changes, cluster, listener, secret } from '../support/resources.ts';

type StatusRequest = MessageTypes['envoy.service.status.v3.ClientStatusRequest'];
type StatusResponse = MessageTypes['envoy.service.status.v3.ClientStatusResponse'];

const csds = 'envoy.service.status.v3.ClientStatusDiscoveryService';
const health = 'grpc.health.v1.Health';
let server: XdsServer;
let client: DiscoveryClient;

beforeEach(async () => {
  server = new XdsServer({ host: '127.0.0.1', port: 0, observe: () => undefined });
  client = new DiscoveryClient(await server.start());
});

afterEach(async () => {
  client.close();
  await server.stop();
});

describe('health', () => {
  const types = ['grpc.health.v1.HealthCheckRequest', 'grpc.health.v1.HealthCheckResponse'] as const;
  const check = (service: string) => client.call(`${health}/Check`, ...types, { service });
  const watch = (service: string) => client.watch(`${health}/Watch`, ...types, { service });

  it.each(['', csds, 'envoy.service.discovery.v3.AggregatedDiscoveryService'])(
    'says that "%s" serves once something is published',
    async (service) => {
      expect(await check(service)).toEqual({ status: 'NOT_SERVING' });
      server.publish(changes([]));
      expect(await check(service)).toEqual({ status: 'SERVING' });
    },
  );

  it('does not know a service that is not here', async () => {
    const checked = check('none');
    await expect(checked).rejects.toMatchObject({ code: status.NOT_FOUND });
    const watched = watch('none');
    expect(await watched.next()).toEqual({ status: 'SERVICE_UNKNOWN' });
  });

  it('tells those who watch when it begins to serve, once, and lets them go when it stops', async () => {
    const watched = watch('');
    expect(await watched.next()).toEqual({ status: 'NOT_SERVING' });
    server.publish(changes([]));
    server.publish(changes([cluster('a')]));
    expect(await watched.next()).toEqual({ status: 'SERVING' });
    await server.stop();
    await watched.ended;
    expect(watched.responses).toHaveLength(2);
  });
});

describe('client status', () => {
  const types = [
    'envoy.service.status.v3.ClientStatusRequest',
    'envoy.service.status.v3.ClientStatusResponse',
  ] as const;
  const ask = (request: StatusRequest = {}): Promise<StatusResponse> =>
    client.call(`${csds}/FetchClientStatus`, ...types, request);

  /** `name: config status, client status` of each resource of all clients. */
  async function states(): Promise<readonly string[]> {
    const { config = [] } = await ask();
    const all = config.flatMap(({ generic_xds_configs: resources = [] }) => resources);
    return all.map(({ name, config_status, client_status }) => `${name}: ${config_status}, ${client_status}`);
  }

  it.each(['delta', 'sotw'] as const)(
    'follows a resource of a %s client from sent to accepted or refused',
    async (protocol) => {
      server.publish(changes([cluster('a')]));
      const stream = client[protocol]();
      stream.send({ node: { id: 'n1' }, type_url: typeUrl.cluster });
      const first = await stream.next();
      expect(await states()).toEqual(['a: STALE, REQUESTED']);

      server.publish(changes([cluster('b')]));
      expect(await states()).toEqual(['a: STALE, REQUESTED', 'b: NOT_SENT, REQUESTED']);

      stream.send({ type_url: typeUrl.cluster, response_nonce: first.nonce ?? '' });
      const second = await stream.next();
      await eventually(async () => expect(await states()).toEqual(['a: SYNCED, ACKED', 'b: STALE, REQUESTED']));

      const refusal = { code: 13, message: 'b is bad' };
      stream.send({ type_url: typeUrl.cluster, response_nonce: second.nonce ?? '', error_detail: refusal });
      await eventually(async () => expect(await states()).toEqual(['a: SYNCED, ACKED', 'b: ERROR, NACKED']));
      const [config] = (await ask()).config ?? [];
      expect(config).toMatchObject({ node: { id: 'n1' } });
      expect(config?.generic_xds_configs?.[1]).toMatchObject({
        type_url: typeUrl.cluster,
        version_info: cluster('b').version,
        error_state: { details: 'b is bad' },
        xds_config: { '@type': typeUrl.cluster, value: { name: 'b' } },
      });
    },
  );

  it('shows a name that does not exist', async () => {
    server.publish(changes([]));
    const stream = client.delta();
    stream.send({ type_url: typeUrl.cluster, resource_names_subscribe: ['none'] });
    const { nonce = '' } = await stream.next();
    stream.send({ type_url: typeUrl.cluster, response_nonce: nonce });
    await eventually(async () => expect(await states()).toEqual(['none: SYNCED, DOES_NOT_EXIST']));
  });

  it('never shows the contents of secrets', async () => {
    server.publish(changes([secret('s')]));
    const stream = client.delta();
    stream.send({ type_url: typeUrl.secret, resource_names_subscribe: ['s'] });
    await stream.next();
    const response = await ask();
    expect(JSON.stringify(response)).not.toContain('key 1');
    expect(response.config?.[0]?.generic_xds_configs).toMatchObject([{ name: 's', version_info: secret('s').version }]);
    expect(response.config?.[0]?.generic_xds_configs?.[0]).not.toHaveProperty('xds_config');
  });

  it('leaves contents out when asked to', async () => {
    server.publish(changes([cluster('a')]));
    const stream = client.delta();
    stream.send({ type_url: typeUrl.cluster });
    await stream.next();
    const { config = [] } = await ask({ exclude_resource_contents: true });
    expect(config[0]?.generic_xds_configs).toMatchObject([{ name: 'a' }]);
    expect(config[0]?.generic_xds_configs?.[0]).not.toHaveProperty('xds_config');
  });

  it('shows the clients that the matchers name, all without, two with one id apart, and none that has gone', async () => {
    server.publish(changes([listener('l')]));
    const streams = ['one', 'two', 'two'].map((id) => {
      const stream = client.delta();
      stream.send({ node: { id }, type_url: typeUrl.listener });
      return stream;
    });
    await Promise.all(streams.map((stream) => stream.next()));
    const ids = async (request?: StatusRequest): Promise<readonly string[]> =>
      ((await ask(request)).config ?? []).map(({ node }) => node?.id ?? '').toSorted();
    expect(await ids()).toEqual(['one', 'two', 'two']);
    expect(await ids({ node_matchers: [{ node_id: { exact: 'two' } }] })).toEqual(['two', 'two']);
    expect(await ids({ node_matchers: [{ node_id: { prefix: 'o' } }] })).toEqual(['one']);
    expect(await ids({ node_matchers: [{ node_id: { suffix: 'NE', ignore_case: true } }] })).toEqual(['one']);
    expect(await ids({ node_matchers: [{ node_id: { contains: 'x' } }] })).toEqual([]);
    streams[0]?.cancel();
    await eventually(async () => expect(await ids()).toEqual(['two', 'two']));
  });

  it('answers on a stream as often as it is asked', async () => {
    const stream = client.stream(`${csds}/StreamClientStatus`, ...types);
    for (let round = 0; round < 2; round++) {
      stream.send({});
      expect(await stream.next()).toEqual({});
    }
  });
});
