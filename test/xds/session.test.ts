/** The xDS protocol's rules, as its text has them (xds_protocol.rst of Envoy's documentation), on the session alone. */
import { describe, expect, it } from '@jest/globals';
import { typeUrl } from '../../src/proto/type-url.ts';
import { Conversation } from '../support/conversation.ts';
import type { Kind } from '../support/conversation.ts';
import { cluster, describeResource, endpoints, listener, secret, table, virtualHost } from '../support/resources.ts';

const abc = [cluster('a'), cluster('b'), cluster('c')];

/** A client that has asked for all clusters and accepted a, b and c. */
function withClusters(protocol: 'sotw' | 'delta'): Conversation {
  const client = new Conversation(protocol);
  client.publish(abc);
  client.subscribe('cluster');
  client.converse();
  return client;
}

/** Refuses every response that has one of these in it; gives back the names of what is found to be refused. */
function converseRefusing(client: Conversation, kind: Kind, bad: readonly string[]): readonly string[] {
  const found: string[] = [];
  for (let sent = client.take(); sent.length > 0; sent = client.take()) {
    const parts = sent
      .flatMap(({ resources }) => resources.flatMap((each) => each.parts ?? each))
      .map(describeResource);
    const receptions = parts.some((part) => bad.includes(part)) ? client.nack(kind, 'something is bad') : client.ack();
    for (const each of receptions) if (each.kind === 'nack') found.push(...each.culprits.map(({ name }) => name));
  }
  return found.toSorted();
}

/** The virtual hosts that the client has. */
function accepted(client: Conversation): readonly string[] {
  const [parts = []] = client.session.subscriptions()[0]?.accepted.values() ?? [];
  return parts.filter((part) => part.typeUrl === typeUrl.virtualHost).map(describeResource);
}

describe.each(['sotw', 'delta'] as const)('a %s session', (protocol) => {
  it('answers nothing before the first publication, and then everything that was asked for', () => {
    const client = new Conversation(protocol);
    client.subscribe('cluster');
    client.subscribe('secret', 's');
    expect(client.sent()).toEqual([]);
    client.publish([...abc, secret('s')]);
    expect(client.sent()).toEqual(['cluster a=1 b=1 c=1', 'secret s=1']);
  });

  it('answers a first publication that has nothing with an empty response', () => {
    const client = new Conversation(protocol);
    client.subscribe('cluster');
    client.publish([]);
    expect(client.sent()).toEqual(['cluster']);
    expect(client.converse()).toEqual([]);
  });

  it.each([
    ['a first request without names', []],
    ['the name *', ['*']],
    ['the name * beside one that it covers', ['*', 'a']],
  ])('takes %s as a subscription to everything', (_title, names) => {
    const client = new Conversation(protocol);
    client.publish(abc);
    client.subscribe('cluster', ...names);
    expect(client.converse()).toEqual(['cluster a=1 b=1 c=1']);
    client.publish([cluster('d')]);
    expect(client.converse()).toEqual([protocol === 'sotw' ? 'cluster a=1 b=1 c=1 d=1' : 'cluster d=1']);
  });

  it('serves only what is named, and nothing once the last name is gone', () => {
    const client = new Conversation(protocol);
    client.publish(abc);
    client.subscribe('cluster', 'a', 'b');
    expect(client.converse()).toEqual(['cluster a=1 b=1']);
    client.unsubscribe('cluster', 'b');
    client.publish([cluster('a', 2), cluster('b', 2)]);
    expect(client.converse()).toEqual(['cluster a=2']);
    client.unsubscribe('cluster', 'a');
    client.publish([cluster('a', 3), cluster('b', 3)]);
    expect(client.converse()).toEqual([]);
  });

  it('keeps a named subscription when the one to everything ends', () => {
    const client = withClusters(protocol);
    client.subscribe('cluster', '*', 'a');
    client.converse();
    client.unsubscribe('cluster', '*');
    client.publish([cluster('a', 2), cluster('b', 2)]);
    expect(client.converse()).toEqual(['cluster a=2']);
    client.unsubscribe('cluster', 'a');
    client.publish([cluster('a', 3), cluster('b', 3)]);
    expect(client.converse()).toEqual([]);
  });

  it('forgets what was waiting for a name that is no longer wanted', () => {
    const client = new Conversation(protocol);
    client.publish([secret('s'), secret('t')]);
    client.subscribe('secret', 's', 't');
    client.converse();
    client.publish([secret('s', 2)]);
    client.unsubscribe('secret', 's');
    expect(client.sent()).toEqual([]);
  });

  it('sends nothing again to a client that acknowledges', () => {
    const client = withClusters(protocol);
    expect(client.session.isWaiting).toBe(false);
    client.publish(abc);
    expect(client.converse()).toEqual([]);
  });

  it('does not send refused bytes again, and sends the next version', () => {
    const client = withClusters(protocol);
    client.publish([cluster('b', 2)]);
    client.take();
    expect(client.nack('cluster', 'no')).toMatchObject([{ kind: 'nack', names: ['b'], message: 'no' }]);
    expect(client.sent()).toEqual([]);
    expect(client.session.isWaiting).toBe(false);
    client.publish([cluster('b', 3)]);
    expect(client.converse()).toEqual([protocol === 'sotw' ? 'cluster a=1 b=3 c=1' : 'cluster b=3']);
  });

  it('takes a refusal without a reason as a refusal', () => {
    const client = withClusters(protocol);
    client.publish([cluster('b', 2)]);
    client.take();
    expect(client.nack('cluster', '')).toMatchObject([{ kind: 'nack', message: '' }]);
  });

  it.each([
    ['one that was never sent', 'made up'],
    ['one that was answered long ago', undefined],
  ])('does not take a nonce for an acknowledgement of what is in flight: %s', (_title, madeUp) => {
    const client = new Conversation(protocol);
    client.publish([secret('s')]);
    client.subscribe('secret', 's');
    const nonce = madeUp ?? client.take()[0]?.nonce ?? '';
    client.converse();
    client.ack();
    client.publish([secret('s', 2)]);
    client.take();
    const request = { typeUrl: typeUrl.secret, nonce };
    expect(protocol === 'sotw' ? client.sotw(request) : client.delta(request)).toEqual({ kind: 'stale' });
    client.publish([secret('s', 3)]);
    expect(client.sent()).toEqual([]);
    client.ack();
    expect(client.sent()).toEqual(['secret s=3']);
  });

  it('has one response of a type in flight, with the newest state behind it', () => {
    const client = withClusters(protocol);
    client.subscribe('secret', 's');
    client.publish([cluster('a', 2), secret('s', 1)]);
    expect(client.sent()).toEqual([protocol === 'sotw' ? 'cluster a=2 b=1 c=1' : 'cluster a=2', 'secret s=1']);
    for (let edition = 3; edition < 10; edition++) client.publish([cluster('a', edition), cluster('b', edition)]);
    expect(client.sent()).toEqual([]);
    client.ack('secret');
    expect(client.sent()).toEqual([]);
    client.ack('cluster');
    expect(client.converse()).toEqual([protocol === 'sotw' ? 'cluster a=9 b=9 c=1' : 'cluster a=9 b=9']);
  });

  it('sends nothing for a change that is taken back while it waits', () => {
    const client = withClusters(protocol);
    client.publish([cluster('a', 2)]);
    client.take();
    client.publish([cluster('b', 2), cluster('d')], [cluster('c')]);
    client.publish([cluster('b', 1), cluster('c')], [cluster('d')]);
    client.ack();
    expect(client.sent()).toEqual([]);
    expect(client.session.isWaiting).toBe(false);
  });

  it('goes on without an acknowledgement when its patience ends, and not before', () => {
    const client = withClusters(protocol);
    client.publish([cluster('a', 2)]);
    client.take();
    client.publish([cluster('a', 3)]);
    client.now += client.limits.ackPatienceMs - 1;
    expect(client.sent()).toEqual([]);
    client.now += 1;
    expect(client.sent()).toEqual([protocol === 'sotw' ? 'cluster a=3 b=1 c=1' : 'cluster a=3']);
    client.now += client.limits.ackPatienceMs;
    expect(client.sent()).toEqual([]);
  });

  it('answers every endpoint name, with an assignment without endpoints if there is none', () => {
    const client = new Conversation(protocol);
    client.publish([endpoints('a')]);
    client.subscribe('clusterLoadAssignment', 'a', 'none');
    expect(client.converse()).toEqual(['clusterLoadAssignment a=1 none=empty']);
    client.publish([endpoints('none', 2)]);
    expect(client.converse()).toEqual(['clusterLoadAssignment none=2']);
    client.publish([], [endpoints('none')]);
    expect(client.converse()).toEqual(['clusterLoadAssignment none=empty']);
  });

  it('sends only what has changed of the types that are not whole', () => {
    const client = new Conversation(protocol);
    client.publish([secret('s'), secret('t'), endpoints('a'), endpoints('b'), table('http'), table('https')]);
    client.subscribe('secret', 's', 't');
    client.subscribe('clusterLoadAssignment', 'a', 'b');
    client.subscribe('routeConfiguration', 'http', 'https');
    client.converse();
    client.publish([secret('s', 2), endpoints('b', 2), table('https', 2)]);
    expect(client.converse()).toEqual(['clusterLoadAssignment b=2', 'secret s=2', 'routeConfiguration https=2']);
  });

  it('sends a name that did not exist as soon as it does', () => {
    const client = new Conversation(protocol);
    client.publish([]);
    client.subscribe('secret', 'late');
    expect(client.converse()).toEqual([protocol === 'sotw' ? 'secret' : 'secret -late']);
    client.publish([secret('late')]);
    expect(client.converse()).toEqual(['secret late=1']);
  });

  it('sends a name that is newly asked for, though it went out before under the wildcard', () => {
    const client = withClusters(protocol);
    client.subscribe('cluster', '*', 'a');
    expect(client.converse()).toEqual([protocol === 'sotw' ? 'cluster a=1 b=1 c=1' : 'cluster a=1']);
  });

  it('leaves nobody to be told when it is closed', () => {
    const client = withClusters(protocol);
    client.subscribe('secret', 's', 'none');
    client.converse();
    client.session.close();
    expect(client.store.publish([{ ...cluster('a', 2), resource: cluster('a', 2) }])).toEqual(new Set());
    expect(client.store.publish([{ ...secret('none'), resource: secret('none') }])).toEqual(new Set());
    expect(client.sent()).toEqual([]);
  });

  it('tells those whom a publication concerns, and nobody else', () => {
    const store = withClusters(protocol).store;
    const sessions = [[], ['a'], ['b']].map((names) => {
      const client = new Conversation(protocol, store);
      client.subscribe('cluster', ...names);
      client.converse();
      return client.session;
    });
    const told = store.publish([{ ...cluster('a', 2), resource: cluster('a', 2) }]);
    expect(sessions.map((session) => told.has(session))).toEqual([true, true, false]);
  });

  it('gives two clients the same bytes and the same version', () => {
    const first = withClusters(protocol);
    const second = new Conversation(protocol, first.store);
    const third = new Conversation(protocol, first.store);
    for (const client of [second, third]) client.subscribe('cluster');
    const [one, other] = [second.take()[0], third.take()[0]];
    expect(one?.version).toBe(other?.version);
    expect(one?.resources.every((resource, index) => resource === other?.resources[index])).toBe(true);
  });
});

describe('a sotw session', () => {
  it.each(['cluster', 'listener'] as const)('sends the whole state of %s, so that what it lacks is deleted', (kind) => {
    const of = { cluster, listener }[kind];
    const client = new Conversation('sotw');
    client.publish([of('a'), of('b'), of('c')]);
    client.subscribe(kind);
    client.converse();
    client.publish([of('a', 2)], [of('b')]);
    // First with what is to go: of a state that is refused, what it lacks is gone all the same.
    expect(client.converse()).toEqual([`${kind} a=2 b=1 c=1`, `${kind} a=2 c=1`]);
    client.publish([], [of('a'), of('c')]);
    expect(client.converse()).toEqual([kind]);
  });

  it('tries what was refused and what has changed apart, and keeps what is refused out of the whole state', () => {
    const client = withClusters('sotw');
    client.publish([cluster('b', 2)], [cluster('c')]);
    expect(client.sent()).toEqual(['cluster a=1 b=2 c=1']);
    expect(client.nack('cluster', 'no')).toMatchObject([{ names: ['b'], culprits: [{ name: 'b' }] }]);
    expect(client.sent()).toEqual(['cluster a=1 b=1']);
    client.ack();
    client.publish([cluster('a', 2)]);
    expect(client.converse()).toEqual(['cluster a=2 b=1']);
    client.publish([cluster('b', 3)]);
    expect(client.converse()).toEqual(['cluster a=2 b=3']);
    expect(client.session.subscriptions()[0]?.rejected).toEqual(new Map());
    expect(client.session.subscriptions()[0]?.isolations.size).toBe(0);
  });

  it.each(['cluster', 'listener'] as const)('finds which of eight of %s is refused, and serves the others', (kind) => {
    const of = { cluster, listener }[kind];
    const client = new Conversation('sotw');
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    client.publish(names.map((name) => of(name)));
    client.subscribe(kind);
    expect(converseRefusing(client, kind, ['c=1', 'h=1'])).toEqual(['c', 'h']);
    expect(client.session.isWaiting).toBe(false);
    client.publish([of('z')]);
    expect(client.converse()).toEqual([`${kind} a=1 b=1 d=1 e=1 f=1 g=1 z=1`]);
  });

  it('takes what is named for the culprit where a try would take from the client what it has from another run', () => {
    const client = new Conversation('sotw');
    client.publish([listener('http'), listener('https')]);
    client.sotw({ typeUrl: typeUrl.listener, version: 'of another run' });
    client.take();
    const reason = 'Error adding/updating listener(s) https: malformed IP address: nowhere';
    expect(client.nack('listener', reason)).toMatchObject([{ culprits: [{ name: 'https' }] }]);
    expect(client.sent()).toEqual([]);
    client.publish([listener('https', 2)]);
    expect(client.converse()).toEqual(['listener http=1 https=2']);
  });

  it('leaves out one virtual host after the other where the client has a table of another run', () => {
    const client = new Conversation('sotw');
    const hosts = ['a', 'b', 'c', 'd'];
    client.publish([table('http'), ...hosts.map((host) => virtualHost(`http/${host}`, 'web'))]);
    const request = { typeUrl: typeUrl.routeConfiguration, names: ['http'], version: 'of another run' };
    client.sotw(request);
    const found: string[] = [];
    const taken: string[][] = [];
    for (let sent = client.take(); sent.length > 0; sent = client.take()) {
      const names = sent.flatMap(({ resources }) => (resources[0]?.parts ?? []).map(({ name }) => name));
      const refusal = names.includes('http/c') ? 'no' : undefined;
      if (refusal === undefined) taken.push(names);
      const reception = client.sotw({ ...request, nonce: sent[0]?.nonce ?? '', refusal });
      if (reception.kind === 'nack') found.push(...reception.culprits.map(({ name }) => name));
    }
    expect(found).toEqual(['http/c']);
    expect(taken).toEqual([['http', 'http/a', 'http/b', 'http/d']]);
  });

  it('finds which virtual host of a RouteConfiguration is refused, and leaves it as it was', () => {
    const client = new Conversation('sotw');
    const hosts = ['a', 'b', 'c', 'd'];
    client.publish([table('http'), ...hosts.map((host) => virtualHost(`http/${host}`, 'old'))]);
    client.subscribe('routeConfiguration', 'http');
    client.converse();
    client.publish(hosts.map((host) => virtualHost(`http/${host}`, 'new')));
    expect(converseRefusing(client, 'routeConfiguration', ['http/b=new'])).toEqual(['http/b']);
    expect(accepted(client)).toEqual(['http/a=new', 'http/b=old', 'http/c=new', 'http/d=new']);
    client.publish([virtualHost('http/b', 'newer')]);
    client.converse();
    expect(accepted(client)).toEqual(['http/a=new', 'http/b=newer', 'http/c=new', 'http/d=new']);
    expect(client.session.subscriptions()[0]?.isolations.size).toBe(0);
  });

  it('says nothing about a removed resource of a type that is not whole', () => {
    const client = new Conversation('sotw');
    client.publish([secret('s'), secret('t')]);
    client.subscribe('secret', 's', 't');
    client.converse();
    client.publish([], [secret('s')]);
    expect(client.converse()).toEqual([]);
    expect(client.session.isWaiting).toBe(false);
  });

  it('answers no request with a stale nonce, and takes up no names from it', () => {
    const client = new Conversation('sotw');
    client.publish([secret('s'), secret('t')]);
    client.subscribe('secret', 's');
    const [old] = client.take();
    client.ack();
    client.publish([secret('s', 2)]);
    client.take();
    const stale = { typeUrl: typeUrl.secret, nonce: old?.nonce ?? '', names: ['s', 't'] };
    expect(client.sotw(stale)).toEqual({ kind: 'stale' });
    client.ack();
    expect(client.sent()).toEqual([]);
  });

  it('sends a name again that a request with a stale nonce has given up, once it is asked for again', () => {
    const client = new Conversation('sotw');
    client.publish([secret('s'), secret('t')]);
    client.subscribe('secret', 's');
    const [old] = client.take();
    client.ack();
    client.publish([secret('s', 2)]);
    const [latest] = client.take();
    const request = { typeUrl: typeUrl.secret, nonce: old?.nonce ?? '', names: ['t'] };
    expect(client.sotw(request)).toEqual({ kind: 'stale' });
    client.sotw({ ...request, nonce: latest?.nonce ?? '', names: ['s', 't'] });
    expect(client.take().flatMap(({ resources }) => resources.map(({ name }) => name))).toEqual(['s', 't']);
  });

  it('does not heed a refusal that comes after its patience, when a newer response is on its way', () => {
    const client = withClusters('sotw');
    client.publish([cluster('a', 2)]);
    client.take();
    client.publish([cluster('b', 2)]);
    client.now += client.limits.ackPatienceMs;
    client.take();
    expect(client.nack('cluster', 'no')).toMatchObject([{ kind: 'stale' }, { kind: 'nack', message: 'no' }]);
  });

  it('reads new names and an acknowledgement from the same request', () => {
    const client = new Conversation('sotw');
    client.publish([secret('s'), secret('t')]);
    client.subscribe('secret', 's');
    const [response] = client.take();
    const request = { typeUrl: typeUrl.secret, nonce: response?.nonce ?? '', names: ['s', 't'] };
    expect(client.sotw(request)).toMatchObject({ kind: 'ack' });
    expect(client.sent()).toEqual(['secret t=1']);
  });

  it('reads new names from a request that refuses', () => {
    const client = new Conversation('sotw');
    client.publish([secret('s'), secret('t')]);
    client.subscribe('secret', 's');
    const [refused] = client.take();
    const request = { typeUrl: typeUrl.secret, nonce: refused?.nonce ?? '', names: ['s', 't'], refusal: 'no' };
    expect(client.sotw(request)).toMatchObject({ kind: 'nack', names: ['s'] });
    expect(client.sent()).toEqual(['secret t=1']);
  });

  it('inlines the virtual hosts of a table, and sends it whole when one of them changes', () => {
    const client = new Conversation('sotw');
    client.publish([table('http'), virtualHost('http/a', 'one'), virtualHost('http/b', 'two')]);
    client.subscribe('routeConfiguration', 'http');
    expect(client.converse()).toEqual(['routeConfiguration http=1+one+two']);
    client.publish([virtualHost('http/b', 'three')]);
    expect(client.converse()).toEqual(['routeConfiguration http=1+one+three']);
    client.publish([], [virtualHost('http/a', 'one')]);
    expect(client.converse()).toEqual(['routeConfiguration http=1+three']);
  });

  it('has the changes of the time when no such client was there', () => {
    const client = new Conversation('sotw');
    client.publish([table('http'), virtualHost('http/a', 'one')]);
    client.store.detach('sotw');
    client.publish([virtualHost('http/a', 'two')]);
    const next = new Conversation('sotw', client.store);
    next.subscribe('routeConfiguration', 'http');
    expect(next.converse()).toEqual(['routeConfiguration http=1+two']);
  });
});
