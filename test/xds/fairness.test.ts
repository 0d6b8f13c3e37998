/** A change that brings thousands of clusters, which an Envoy needs seconds for, and the small changes of everybody else. */
import { describe, expect, it } from '@jest/globals';
import { typeUrl } from '../../src/proto/type-url.ts';
import { defaultLimits } from '../../src/xds/session.ts';
import { Conversation } from '../support/conversation.ts';
import { cluster, endpoints, listener, table, virtualHost } from '../support/resources.ts';

const { responseClusters } = defaultLimits;
const many = Array.from({ length: 3 * responseClusters }, (_, index) => cluster(`many-${index}`));

/** With one cluster and one host. */
function started(): Conversation {
  const client = new Conversation('delta');
  client.publish([cluster('old'), endpoints('old'), listener('l'), table('http'), virtualHost('http/a', 'old')]);
  client.subscribe('cluster');
  client.subscribe('clusterLoadAssignment', 'old');
  client.subscribe('listener');
  client.subscribe('routeConfiguration', 'http');
  client.subscribe('virtualHost');
  client.converse();
  return client;
}

/** How many clusters are in the response that waits for an answer. */
function clustersOnTheWay(client: Conversation): number {
  return client.unanswered.find((each) => each.typeUrl === typeUrl.cluster)?.resources.length ?? 0;
}

describe('a client that serves and is to get thousands of clusters', () => {
  it('gets them in parts, and all of them', () => {
    const client = started();
    client.publish(many);
    const parts: number[] = [];
    for (client.take(); client.unanswered.length > 0; client.take()) {
      parts.push(clustersOnTheWay(client));
      client.ack();
    }
    expect(parts).toEqual([responseClusters, responseClusters, responseClusters]);
  });

  it('gets a host at once whose clusters it has', () => {
    const client = started();
    client.publish([...many, virtualHost('http/big', 'many-0')]);
    client.take();
    client.publish([virtualHost('http/b', 'old')]);
    expect(client.sent()).toEqual(['virtualHost http/b=old']);
  });

  it('gets the clusters of another change with the next part, and then its host', () => {
    const client = started();
    client.publish(many);
    client.take();
    client.publish([cluster('new'), virtualHost('http/b', 'new')]);
    expect(client.sent()).toEqual([]);

    client.ack();
    expect(client.sent().join()).toContain(' new=1');
    expect(clustersOnTheWay(client)).toBe(responseClusters);

    client.ack();
    expect(client.sent()).toContain('virtualHost http/b=new');
  });

  it('gets a host after its cluster, also when that was sent long ago and other clusters since', () => {
    const client = started();
    client.publish([cluster('new'), virtualHost('http/b', 'new')]);
    expect(client.sent()).toEqual(['cluster new=1']);
    client.now += defaultLimits.ackPatienceMs;
    client.publish([cluster('newer')]);
    expect(client.sent()).toEqual(['cluster newer=1']);

    client.ack();
    expect(client.sent()).toContain('virtualHost http/b=new');
  });

  it('gets a host that names many of them after the last of these', () => {
    const client = started();
    client.publish([...many, virtualHost('http/big', 'many-599')]);
    const order = client.converse();
    expect(order.findIndex((each) => each.includes('many-599='))).toBeLessThan(order.length - 1);
    expect(order.at(-1)).toBe('virtualHost http/big=many-599');
  });

  it('gets all at once where it starts with nothing', () => {
    const client = new Conversation('delta');
    client.publish(many);
    client.subscribe('cluster');
    client.take();
    expect(clustersOnTheWay(client)).toBe(many.length);
  });
});
