/** Make before break: at no time does a client hold a route to a cluster that it lacks, if it answers in time. */
import { describe, expect, it } from '@jest/globals';
import { typeUrl } from '../../src/proto/type-url.ts';
import { Conversation } from '../support/conversation.ts';
import { cluster, endpoints, listener, secret, table, virtualHost } from '../support/resources.ts';

const old = [cluster('old'), endpoints('old'), listener('l'), table('http'), virtualHost('http/a', 'old')];

/** A client that has everything there is, with its only route to the cluster `old`. */
function withRoute(protocol: 'sotw' | 'delta'): Conversation {
  const client = new Conversation(protocol);
  client.publish(old);
  client.subscribe('cluster');
  client.subscribe('clusterLoadAssignment', 'old');
  client.subscribe('listener');
  client.subscribe('routeConfiguration', 'http');
  if (protocol === 'delta') client.subscribe('virtualHost');
  client.converse();
  return client;
}

/** The route moves from `old` to `new`, and `old` goes away. */
function move(client: Conversation): void {
  client.publish([cluster('new'), endpoints('new'), virtualHost('http/a', 'new')], [cluster('old'), endpoints('old')]);
}

describe.each([
  { protocol: 'sotw', route: 'routeConfiguration', a: 'http=1+', added: 'new=1 old=1', removed: 'cluster new=1' },
  { protocol: 'delta', route: 'virtualHost', a: 'http/a=', added: 'new=1', removed: 'cluster -old' },
] as const)('a $protocol client', ({ protocol, route, a, added, removed }) => {
  it('gets new clusters, then the routes to them, then the removals, one acknowledgement after the other', () => {
    const client = withRoute(protocol);
    move(client);
    expect(client.sent()).toEqual([`cluster ${added}`]);
    client.subscribe('clusterLoadAssignment', 'new');
    expect(client.sent()).toEqual(['clusterLoadAssignment new=1']);
    client.ack('clusterLoadAssignment');
    expect(client.sent()).toEqual([]);
    client.ack('cluster');
    expect(client.sent()).toEqual([`${route} ${a}new`]);
    expect(client.sent()).toEqual([]);
    client.ack(route);
    expect(client.sent()).toEqual([removed, 'clusterLoadAssignment old=empty']);
    client.ack();
    expect(client.sent()).toEqual([]);
    expect(client.session.isWaiting).toBe(false);
  });

  it('gets changes of routes that need no new cluster at once', () => {
    const client = withRoute(protocol);
    client.publish([virtualHost('http/b', 'old')]);
    expect(client.sent()).toEqual([
      protocol === 'sotw' ? 'routeConfiguration http=1+old+old' : 'virtualHost http/b=old',
    ]);
  });

  it('gets no routes before a cluster that has to wait for an earlier acknowledgement itself', () => {
    const client = withRoute(protocol);
    client.publish([cluster('first')]);
    client.take();
    client.publish([cluster('second'), virtualHost('http/a', 'second')]);
    expect(client.sent()).toEqual([]);
    client.ack('cluster');
    expect(client.sent()).toHaveLength(1);
    expect(client.unanswered[0]?.typeUrl).toBe(typeUrl.cluster);
    client.ack('cluster');
    expect(client.sent()).toEqual([`${route} ${a}second`]);
  });

  it('gets a listener after the clusters that came with it', () => {
    const client = withRoute(protocol);
    client.publish([cluster('new'), listener('l', 2)]);
    expect(client.sent()).toEqual([protocol === 'sotw' ? 'cluster new=1 old=1' : 'cluster new=1']);
    client.ack();
    expect(client.sent()).toEqual(['listener l=2']);
  });

  it('gets the endpoints of a changed cluster again, without which Envoy does not take it up', () => {
    const client = withRoute(protocol);
    client.publish([cluster('old', 2)]);
    expect(client.sent()).toEqual(['cluster old=2', 'clusterLoadAssignment old=1']);
    client.ack();
    expect(client.sent()).toEqual([]);
  });

  it('keeps the endpoints of a cluster that changes and then goes, until its routes have moved', () => {
    const client = withRoute(protocol);
    client.publish([endpoints('old', 2)]);
    client.take();
    client.publish([cluster('old', 2)]);
    client.take();
    client.publish([virtualHost('http/a', 'new')], [cluster('old'), endpoints('old')]);
    client.take();
    client.ack('clusterLoadAssignment');
    expect(client.sent()).toEqual([]);
    client.ack();
    expect(client.converse()).toEqual([
      `${route} ${a}new`,
      protocol === 'sotw' ? 'cluster' : 'cluster -old',
      'clusterLoadAssignment old=empty',
    ]);
  });

  it('keeps a cluster while a route change from before its removal is unanswered', () => {
    const client = withRoute(protocol);
    client.publish([cluster('new'), virtualHost('http/a', 'new')]);
    client.take();
    client.ack();
    client.take();
    client.publish([], [cluster('old')]);
    expect(client.sent()).toEqual([]);
    client.ack(route);
    expect(client.sent()).toEqual([removed]);
  });

  it('keeps a cluster that comes back before it went', () => {
    const client = withRoute(protocol);
    move(client);
    client.take();
    client.ack();
    client.publish([cluster('old'), endpoints('old'), virtualHost('http/a', 'old')]);
    client.converse();
    expect(client.session.isWaiting).toBe(false);
    client.publish([cluster('old', 2)]);
    expect(client.converse()).toContain(protocol === 'sotw' ? 'cluster new=1 old=2' : 'cluster old=2');
  });

  it('keeps the cluster of a route whose change it has refused, until a later change is accepted', () => {
    const client = withRoute(protocol);
    move(client);
    client.take();
    client.ack();
    client.take();
    client.nack(route, 'no');
    client.now += 10 * client.limits.orderPatienceMs;
    expect(client.sent()).toEqual([]);
    client.publish([virtualHost('http/a', 'better')]);
    expect(client.sent()).toEqual([`${route} ${a}better`]);
    client.ack();
    expect(client.sent()).toEqual([removed, 'clusterLoadAssignment old=empty']);
  });

  it('loses clusters again once the routes that it has refused are gone', () => {
    const client = withRoute(protocol);
    client.publish([table('http', 2)]);
    client.take();
    client.nack('routeConfiguration', 'no');
    client.publish([], [table('http', 2), virtualHost('http/a', 'old')]);
    client.converse();
    client.publish([], [cluster('old')]);
    expect(client.converse()).toEqual([protocol === 'sotw' ? 'cluster' : 'cluster -old']);
  });

  it('loses clusters again once it no longer asks for the routes that it has refused', () => {
    const client = new Conversation(protocol);
    client.publish([cluster('old'), table('http')]);
    client.subscribe('cluster');
    client.subscribe('routeConfiguration', '*');
    client.take();
    client.nack('routeConfiguration', 'no');
    client.ack();
    client.converse();
    client.unsubscribe('routeConfiguration', '*');
    client.publish([], [cluster('old')]);
    expect(client.converse()).toEqual([protocol === 'sotw' ? 'cluster' : 'cluster -old']);
  });

  it('gets its routes without its clusters confirmed when the patience ends, and not before', () => {
    const client = withRoute(protocol);
    move(client);
    client.take();
    client.now += client.limits.orderPatienceMs - 1;
    expect(client.sent()).toEqual([]);
    client.now += 1;
    expect(client.sent()).toEqual([`${route} ${a}new`]);
  });

  it('loses its clusters without its routes confirmed when the patience ends, and not before', () => {
    const client = withRoute(protocol);
    move(client);
    client.take();
    client.ack();
    client.take();
    client.now += client.limits.orderPatienceMs - 1;
    expect(client.sent()).toEqual([]);
    client.now += 1;
    expect(client.sent()).toEqual([removed, 'clusterLoadAssignment old=empty']);
  });

  it('does not get ahead of its clusters by asking again', () => {
    const client = withRoute(protocol);
    client.publish([cluster('new'), virtualHost('http/a', 'new')]);
    client.take();
    client.unsubscribe('routeConfiguration', 'http');
    client.subscribe('routeConfiguration', 'http');
    if (protocol === 'delta') client.subscribe('virtualHost', 'http/a');
    expect(client.sent().join()).not.toContain('new');
    client.ack();
    expect(client.converse().join()).toContain(`${route} ${a}new`);
  });

  it('gets the certificate before the listener that names it, and its removal after', () => {
    const client = withRoute(protocol);
    client.subscribe('secret', 's');
    client.converse();
    client.publish([secret('s'), listener('l', 2)]);
    expect(client.sent()).toEqual(['secret s=1', 'listener l=2']);
  });

  it('starts with everything at once, for it has nothing that could break', () => {
    const client = new Conversation(protocol);
    client.publish(old);
    for (const kind of ['cluster', 'listener'] as const) client.subscribe(kind);
    client.subscribe('routeConfiguration', 'http');
    client.subscribe('clusterLoadAssignment', 'old');
    expect(client.sent().map((line) => line.split(' ')[0])).toEqual([
      'cluster',
      'clusterLoadAssignment',
      'listener',
      'routeConfiguration',
    ]);
  });
});

describe('a delta client', () => {
  it('keeps the virtual hosts of a table that joins behind the clusters that they name', () => {
    const client = withRoute('delta');
    client.publish([virtualHost('https/a', 'old')]);
    client.subscribe('routeConfiguration', 'https');
    client.converse();
    client.publish([table('http', 2)]);
    client.take();
    client.publish([table('https')]);
    client.publish([cluster('new'), virtualHost('https/a', 'new')]);
    expect(client.sent()).toEqual(['cluster new=1']);
    client.ack('routeConfiguration');
    expect(client.sent()).toEqual(['routeConfiguration https=1']);
    client.ack('cluster');
    expect(client.sent()).toEqual(['virtualHost https/a=new']);
  });

  it('that comes back gets the endpoints of the clusters that have changed, though it has them', () => {
    const client = new Conversation('delta');
    client.publish([cluster('a', 2), cluster('b'), endpoints('a'), endpoints('b')]);
    client.delta({
      typeUrl: typeUrl.cluster,
      initialVersions: { a: cluster('a').version, b: cluster('b').version },
    });
    expect(client.sent()).toEqual(['cluster a=2']);
    client.delta({
      typeUrl: typeUrl.clusterLoadAssignment,
      subscribe: ['a', 'b'],
      initialVersions: { a: endpoints('a').version, b: endpoints('b').version },
    });
    expect(client.sent()).toEqual(['clusterLoadAssignment a=1']);
  });

  describe.each([
    ['after', false],
    ['before', true],
  ])('that comes back with what it has, %s the first publication', (_title, isBefore) => {
    function comeBack(): Conversation {
      const client = new Conversation('delta');
      const now = [cluster('new'), listener('l'), table('http'), virtualHost('http/a', 'new')];
      if (!isBefore) client.publish(now);
      const held = { cluster: [cluster('old')], listener: [listener('l')], routeConfiguration: [table('http')] };
      for (const [kind, resources] of Object.entries({ ...held, virtualHost: [virtualHost('http/a', 'old')] })) {
        const [first] = resources;
        client.delta({
          typeUrl: first?.typeUrl ?? kind,
          subscribe: kind === 'routeConfiguration' ? ['http'] : [],
          initialVersions: Object.fromEntries(resources.map(({ name, version }) => [name, version])),
        });
        client.take();
      }
      if (isBefore) client.publish(now);
      return client;
    }

    it('keeps its order: clusters, routes, removals', () => {
      const client = comeBack();
      client.take();
      expect(client.unanswered.map(({ typeUrl: type }) => type)).toEqual([typeUrl.cluster]);
      expect(client.unanswered[0]?.removed).toEqual([]);
      client.ack();
      expect(client.sent()).toEqual(['virtualHost http/a=new']);
      client.now += client.limits.orderPatienceMs - 1;
      expect(client.sent()).toEqual([]);
      client.ack();
      expect(client.converse()).toEqual(['cluster -old']);
    });
  });
});

it('a sotw client that comes back gets its routes once its clusters are confirmed, unlike one that starts', () => {
  for (const [version, first] of [
    ['', ['cluster old=1', 'routeConfiguration http=1+old']],
    ['what it had', ['cluster old=1']],
  ] as const) {
    const client = new Conversation('sotw');
    client.publish(old);
    client.sotw({ typeUrl: typeUrl.cluster, version });
    client.sotw({ typeUrl: typeUrl.routeConfiguration, names: ['http'], version });
    expect(client.sent()).toEqual(first);
  }
});
