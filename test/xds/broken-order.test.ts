/** Make before break where something goes wrong: clients that come back, refuse, or answer late. */
import { describe, expect, it } from '@jest/globals';
import { typeUrl } from '../../src/proto/type-url.ts';
import type { Resource } from '../../src/xds/resource.ts';
import type { Reception } from '../../src/xds/session.ts';
import { Conversation } from '../support/conversation.ts';
import type { Kind } from '../support/conversation.ts';
import { cluster, listener, table, virtualHost } from '../support/resources.ts';

const old = [cluster('old'), table('http'), virtualHost('http/a', 'old')];

/** Asks for a type with what it has of it. */
function comeBack(client: Conversation, kind: Kind, ...held: readonly Resource[]): void {
  client.delta({
    typeUrl: typeUrl[kind],
    subscribe: kind === 'routeConfiguration' ? ['http'] : [],
    initialVersions: Object.fromEntries(held.map(({ name, version }) => [name, version])),
  });
}

function started(resources: readonly Resource[]): Conversation {
  const client = new Conversation('delta');
  client.publish(resources);
  client.subscribe('cluster');
  client.subscribe('routeConfiguration', 'http');
  client.subscribe('virtualHost');
  client.converse();
  return client;
}

describe('a delta client that comes back', () => {
  it('keeps a cluster that goes before it has asked for the routes to it', () => {
    const client = new Conversation('delta');
    client.publish(old);
    comeBack(client, 'cluster', cluster('old'));
    client.publish([cluster('new'), virtualHost('http/a', 'new')], [cluster('old')]);
    expect(client.converse()).toEqual(['cluster new=1']);
    comeBack(client, 'routeConfiguration', table('http'));
    comeBack(client, 'virtualHost', virtualHost('http/a', 'old'));
    expect(client.converse()).toEqual(['virtualHost http/a=new']);
    client.now += client.limits.ackPatienceMs;
    expect(client.converse()).toEqual(['cluster -old']);
  });

  it('keeps a cluster that went while it was away until its routes have moved, though these are asked for after a later publication', () => {
    const client = new Conversation('delta');
    client.publish([cluster('new'), table('http'), virtualHost('http/a', 'new')]);
    comeBack(client, 'cluster', cluster('old'), cluster('new'));
    client.publish([virtualHost('http/b', 'new')]);
    comeBack(client, 'routeConfiguration', table('http'));
    comeBack(client, 'virtualHost', virtualHost('http/a', 'old'));
    expect(client.sent()).toEqual(['virtualHost http/a=new http/b=new']);
    client.now += client.limits.ackPatienceMs;
    expect(client.sent()).toEqual([]);
    client.ack();
    expect(client.converse()).toEqual(['cluster -old']);
  });
});

describe('a delta client that refuses', () => {
  it('keeps a cluster that it has refused to change until its routes have moved', () => {
    const client = started([...old, cluster('other')]);
    client.publish([cluster('old', 2), cluster('other', 2)]);
    client.take();
    client.nack('cluster', 'no');
    client.publish([virtualHost('http/a', 'other')], [cluster('old')]);
    expect(client.sent()).toEqual(['cluster other=2']);
    client.ack();
    expect(client.sent()).toEqual(['virtualHost http/a=other']);
    client.ack();
    expect(client.converse()).toEqual(['cluster -old']);
  });

  it('is given what has nothing to do with a removal that has to wait', () => {
    const client = started([...old, cluster('other')]);
    client.publish([cluster('old', 2), cluster('other', 2)]);
    client.take();
    client.nack('cluster', 'no');
    client.publish([cluster('new'), virtualHost('http/a', 'new')], [cluster('old'), cluster('other')]);
    expect(client.converse()).toEqual(['cluster new=1', 'virtualHost http/a=new', 'cluster -old', 'cluster -other']);
  });

  it('gets no route before a cluster that it is given again, whatever is published meanwhile', () => {
    const client = started(old);
    client.publish([cluster('b'), cluster('c'), virtualHost('http/a', 'b')]);
    client.take();
    client.publish([cluster('d')]);
    client.nack('cluster', 'no');
    expect(client.sent()).toEqual(['cluster b=1']);
    client.ack();
    expect(client.sent()).toEqual(['cluster c=1']);
    client.ack();
    expect(client.sent()).toEqual(['cluster d=1', 'virtualHost http/a=b']);
  });

  it('keeps the cluster of a route whose change it has refused too late', () => {
    const client = started(old);
    client.publish([virtualHost('http/a', 'nowhere')]);
    client.take();
    client.publish([virtualHost('http/b', 'old')]);
    client.now += client.limits.ackPatienceMs;
    const [first, second] = [...client.unanswered, ...client.take()];
    if (first === undefined || second === undefined) throw new Error('two responses should have come');
    client.answer(first, 'no');
    client.answer(second, undefined);
    client.publish([], [cluster('old')]);
    expect(client.sent()).toEqual([]);
  });
});

describe('a sotw client', () => {
  it('keeps the cluster of a host that stays as it was until the newest form of that host is accepted', () => {
    const client = new Conversation('sotw');
    client.publish([...old, virtualHost('http/b', 'old'), cluster('new'), cluster('newest')]);
    client.subscribe('cluster');
    client.subscribe('routeConfiguration', 'http');
    client.converse();
    client.publish([virtualHost('http/a', 'new'), virtualHost('http/b', 'new')]);
    refuseBadHost(client);
    client.publish([], [cluster('old')]);
    expect(client.sent()).toEqual([]);
    // What was refused is not the newest any more, and the client still has what it had.
    client.publish([virtualHost('http/a', 'newest')]);
    const sent = client.sent();
    client.publish([virtualHost('http/b', 'newest')]);
    expect([...sent, ...client.sent()]).toEqual([expect.stringContaining('routeConfiguration http=')]);
    client.ack();
    expect(client.converse()).toContainEqual(expect.stringMatching(/^cluster /));
  });

  it('keeps the cluster of a virtual host that stays as it was, because its change is refused', () => {
    const client = new Conversation('sotw');
    client.publish([...old, virtualHost('http/b', 'old')]);
    client.subscribe('cluster');
    client.subscribe('routeConfiguration', 'http');
    client.converse();
    client.publish([cluster('new'), virtualHost('http/a', 'new'), virtualHost('http/b', 'new')], [cluster('old')]);
    client.take();
    client.ack();
    refuseBadHost(client);
    expect(client.session.isWaiting).toBe(true);
    client.publish([virtualHost('http/a', 'newer')]);
    expect(client.converse()).toEqual(['routeConfiguration http=1+newer+new', 'cluster new=1']);
  });

  it('gets no route before a cluster that it is given again after a refusal', () => {
    const client = new Conversation('sotw');
    client.publish(old);
    client.subscribe('cluster');
    client.subscribe('routeConfiguration', 'http');
    client.converse();
    client.publish([cluster('b'), cluster('c'), virtualHost('http/a', 'c')]);
    client.take();
    client.nack('cluster', 'no');
    expect(client.sent()).toEqual(['cluster b=1 old=1']);
    client.ack();
    expect(client.sent()).toEqual(['cluster b=1 c=1 old=1']);
    client.now += client.limits.ackPatienceMs;
    expect(client.sent()).toEqual([]);
    client.ack();
    expect(client.sent()).toEqual(['routeConfiguration http=1+c']);
  });

  it('that refuses keeps what it says by its version that it has accepted, though it has not answered', () => {
    const client = new Conversation('sotw');
    client.publish([cluster('a')]);
    client.subscribe('cluster');
    client.converse();
    client.publish([cluster('b')]);
    const [unanswered] = client.take();
    client.publish([cluster('c')]);
    client.now += client.limits.ackPatienceMs;
    const [refused] = client.take();
    const { version = '' } = unanswered ?? {};
    const answer = { typeUrl: typeUrl.cluster, names: [], version, nonce: refused?.nonce ?? '', refusal: 'no' };
    expect(client.sotw(answer)).toMatchObject({ culprits: [{ name: 'c' }] });
    client.publish([cluster('d')]);
    expect(client.sent()).toEqual(['cluster a=1 b=1 d=1']);
  });

  describe('that comes back with clusters of another run', () => {
    /** It refuses the first states, and then what the test says; gives back what was sent, and who was blamed. */
    function converse(refuses: (sent: readonly string[], count: number) => boolean) {
      const client = new Conversation('sotw');
      client.publish(['a', 'b', 'c'].map((name) => cluster(name)));
      const request = { typeUrl: typeUrl.cluster, version: 'of another run' };
      client.sotw(request);
      const log: string[] = [];
      const blamed = (reception: Reception): readonly string[] =>
        reception.kind === 'nack' ? reception.culprits.map(({ name }) => `blames ${name}`) : [];
      for (let [sent] = client.take(); sent !== undefined; [sent] = client.take()) {
        const names = sent.resources.map(({ name }) => name);
        const refusal = refuses(names, log.length) ? 'no' : undefined;
        log.push(`${names.join('')}${refusal === undefined ? '' : ' refused'}`);
        log.push(...blamed(client.sotw({ ...request, nonce: sent.nonce, refusal })));
        if (log.length > 20) break;
      }
      return { log, client };
    }

    it('and refuses them once for no reason, has all of them at last, and none is blamed', () => {
      const { log, client } = converse((_names, count) => count === 0);
      expect(log).toEqual(['abc refused', 'bc', 'abc']);
      expect(client.session.isWaiting).toBe(false);
    });

    it('and refuses one of them, has all others, and is not sent that one again', () => {
      const { log, client } = converse((names) => names.includes('b'));
      expect(log).toEqual(['abc refused', 'bc refused', 'ac', 'abc refused', 'blames b']);
      client.publish([cluster('d')]);
      expect(client.converse()).toEqual(['cluster a=1 c=1 d=1']);
    });
  });
});

/** Answers all that is sent, and refuses each table with the bad host in it. */
function refuseBadHost(client: Conversation): void {
  for (let sent = client.take(); sent.length > 0; sent = client.take()) {
    const isBad = sent.some(({ resources }) => resources.some(({ parts = [] }) => parts.some(isBadHost)));
    if (isBad) client.nack('routeConfiguration', 'no');
    else client.ack();
  }
}

function isBadHost({ name, version }: Resource): boolean {
  return name === 'http/a' && version === virtualHost('http/a', 'new').version;
}

describe('a SotW client that refuses a table of routes which it has given up meanwhile', () => {
  it('waits for nothing because of it: what goes is taken away', () => {
    const client = new Conversation('sotw');
    client.publish([...old, table('https'), cluster('other')]);
    client.subscribe('cluster');
    client.subscribe('routeConfiguration', 'http', 'https');
    client.converse();
    client.publish([virtualHost('http/a', 'other')]);
    expect(client.sent()).toEqual(['routeConfiguration http=1+other']);
    client.unsubscribe('routeConfiguration', 'http');
    client.nack('routeConfiguration', 'no');
    client.publish([], [cluster('old')]);
    expect(client.converse()).toEqual(['cluster other=1']);
  });
});

it('a SotW client that refuses a state of clusters is not sent those again that it has given up meanwhile', () => {
  const client = new Conversation('sotw');
  client.publish([cluster('a'), cluster('b'), cluster('c')]);
  client.subscribe('cluster', 'a', 'b', 'c');
  client.converse();
  client.publish([cluster('a', 2), cluster('b', 2)]);
  client.take();
  client.unsubscribe('cluster', 'c');
  client.nack('cluster', 'no');
  expect(client.sent()).toEqual(['cluster a=2 b=1']);
  client.ack();
  expect(client.converse()).toEqual(['cluster a=2 b=2']);
});

it.each([
  ['before it answers', true],
  ['afterwards', false],
])('a SotW client that refuses listeners and gives them up %s waits for nothing because of them', (_when, isBefore) => {
  const client = new Conversation('sotw');
  client.publish([cluster('old'), cluster('other'), listener('l'), listener('m')]);
  client.subscribe('cluster');
  client.subscribe('listener', 'l', 'm');
  client.converse();
  client.publish([listener('l', 2)]);
  client.take();
  if (isBefore) client.unsubscribe('listener', 'l');
  client.nack('listener', 'no');
  client.converse();
  if (!isBefore) client.unsubscribe('listener', 'l');
  client.converse();
  client.publish([], [cluster('old')]);
  expect(client.converse()).toEqual(['cluster other=1']);
});
