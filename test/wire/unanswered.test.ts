/** An Envoy that leaves a response unanswered is told of by name, once, and once more when it has caught up. */
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { typeUrl } from '../../src/proto/type-url.ts';
import { XdsServer } from '../../src/xds/server.ts';
import { DiscoveryClient } from '../support/discovery-client.ts';
import { eventually } from '../support/eventually.ts';
import { changes, cluster, listener } from '../support/resources.ts';

let told: string[] = [];
let server: XdsServer;
let client: DiscoveryClient;

beforeEach(async () => {
  told = [];
  server = new XdsServer({
    host: '127.0.0.1',
    port: 0,
    limits: { answerMs: 50, unansweredMs: 2_000 },
    observe: ({ node }, event) => {
      if (event.kind === 'behind') told.push(`${node.id} ${event.kind} ${event.typeUrl}`);
      if (event.kind === 'caught-up') told.push(`${node.id} ${event.kind}`);
    },
  });
  client = new DiscoveryClient(await server.start());
  server.publish(changes([cluster('a', 1), listener('l', 1)]));
});

afterEach(async () => {
  client.close();
  await server.stop();
});

const behind = (): readonly boolean[] => server.streams().map(({ isBehind }) => isBehind);

it.each(['delta', 'sotw'] as const)('is named, with the type, over %s', async (protocol) => {
  const good = client[protocol]();
  good.send({ node: { id: 'good' }, type_url: typeUrl.cluster });
  good.send({ type_url: typeUrl.cluster, response_nonce: (await good.next()).nonce ?? '' });
  const silent = client[protocol]();
  silent.send({ node: { id: 'silent' }, type_url: typeUrl.cluster });
  silent.send({ type_url: typeUrl.listener });
  const nonces = new Map<string, string>();
  const read = async (): Promise<void> => {
    const { type_url: type = '', nonce = '' } = await silent.next();
    nonces.set(type, nonce);
  };
  await read();
  await read();
  await eventually(() => expect(told).toEqual([`silent behind ${typeUrl.cluster}`]));
  expect(behind()).toEqual([false, true]);

  // The next response goes out without the answer, and it is the same silence.
  server.publish(changes([cluster('a', 2)]));
  good.send({ type_url: typeUrl.cluster, response_nonce: (await good.next()).nonce ?? '' });
  await read();
  const accept = (type: string): void =>
    silent.send({
      type_url: type,
      response_nonce: nonces.get(type) ?? '',
      ...(protocol === 'sotw' && { version_info: '' }),
    });
  accept(typeUrl.cluster);
  accept(typeUrl.listener);
  await eventually(() => expect(told).toEqual([`silent behind ${typeUrl.cluster}`, 'silent caught-up']));
  expect(behind()).toEqual([false, false]);
});
