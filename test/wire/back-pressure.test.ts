/** A client that does not read must not fill the server's memory, and must not slow the others down. */
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { typeUrl } from '../../src/proto/type-url.ts';
import type { StreamEvent } from '../../src/xds/discovery-stream.ts';
import { defaultLimits } from '../../src/xds/session.ts';
import { XdsServer } from '../../src/xds/server.ts';
import { openDeaf } from '../support/deaf-client.ts';
import { DiscoveryClient } from '../support/discovery-client.ts';
import { eventually } from '../support/eventually.ts';
import { changes, cluster } from '../support/resources.ts';

const megabyte = 1_000_000;
const events: (StreamEvent & { readonly client: string })[] = [];
let server: XdsServer;
let client: DiscoveryClient;
let port: number;

beforeEach(async () => {
  events.length = 0;
  server = new XdsServer({
    host: '127.0.0.1',
    port: 0,
    observe: ({ node }, event) => events.push({ ...event, client: node.id ?? '' }),
  });
  port = await server.start();
  client = new DiscoveryClient(port);
});

afterEach(async () => {
  client.close();
  await server.stop();
});

/** Bytes that were handed to the calls of a client. */
const bytesTo = (id: string): number =>
  events.reduce((sum, event) => sum + (event.client === id && event.kind === 'response' ? event.bytes : 0), 0);

it.each(['delta', 'sotw'] as const)(
  'hands one response of a type to a %s client that never reads, however much is published, and then the newest',
  async (protocol) => {
    server.publish(changes([cluster('big', 0, megabyte)]));
    const deaf = openDeaf(port, protocol);
    deaf.send({ node: { id: 'deaf' }, type_url: typeUrl.cluster });
    const reader = client[protocol]();
    reader.send({ node: { id: 'reader' }, type_url: typeUrl.cluster });
    await eventually(() => expect(bytesTo('deaf')).toBeGreaterThan(megabyte));

    const end = Date.now() + defaultLimits.ackPatienceMs * 1.3;
    let edition = 0;
    await eventually(
      async () => {
        const { nonce = '' } = await reader.next();
        edition += 1;
        server.publish(changes([cluster('big', edition, megabyte)]));
        reader.send({ type_url: typeUrl.cluster, response_nonce: nonce });
        // The patience with an acknowledgement that does not come has passed.
        expect(edition >= 200 && Date.now() > end).toBe(true);
      },
      { within: 20_000, every: 1 },
    );
    expect(bytesTo('deaf')).toBeLessThan(1.1 * megabyte);

    deaf.listen();
    await eventually(() => {
      expect(JSON.stringify(deaf.responses.at(-1)).slice(0, 2_000)).toContain(`"${edition}...`);
    });
    expect(deaf.responses).toHaveLength(2);
    deaf.close();
  },
  30_000,
);
