/** What only the incremental variant of the xDS protocol has, on the session alone. */
import { describe, expect, it } from '@jest/globals';
import { typeUrl } from '../../src/proto/type-url.ts';
import { Conversation } from '../support/conversation.ts';
import { cluster, endpoints, listener, secret, table, virtualHost } from '../support/resources.ts';

const abc = [listener('a'), listener('b'), listener('c')];

/** A client that has asked for the names (all listeners without) and accepted the answer. */
function withListeners(...names: readonly string[]): Conversation {
  const client = new Conversation('delta');
  client.publish(abc);
  client.subscribe('listener', ...names);
  client.converse();
  return client;
}

describe('a delta session', () => {
  it('names what is removed', () => {
    const client = withListeners();
    client.publish([listener('a', 2)], [listener('b')]);
    expect(client.converse()).toEqual(['listener a=2 -b']);
  });

  it.each([
    ['exists', [], 'listener a=1'],
    ['is gone', [listener('a')], 'listener -a'],
  ])('answers the end of a named subscription that the wildcard covers, if the resource %s', (_title, gone, answer) => {
    const client = withListeners();
    client.subscribe('listener', 'a');
    client.publish([], gone);
    client.converse();
    client.unsubscribe('listener', 'a');
    expect(client.converse()).toEqual([answer]);
  });

  it.each([[['a']], [['never', 'asked', 'for']], [['*']]])(
    'does not answer a request that only ends a subscription (%j)',
    (names) => {
      const client = withListeners('a');
      client.unsubscribe('listener', ...names);
      expect(client.converse()).toEqual([]);
    },
  );

  it('ignores the end of a subscription that never was, and keeps the wildcard', () => {
    const client = withListeners();
    client.unsubscribe('listener', 'a', 'none');
    client.publish([listener('a', 2)]);
    expect(client.converse()).toEqual(['listener a=2']);
  });

  it('sends everything anew when the wildcard comes back', () => {
    const client = withListeners('*');
    client.unsubscribe('listener', '*');
    client.subscribe('listener', '*');
    expect(client.converse()).toEqual(['listener a=1 b=1 c=1']);
  });

  it('says of a name that was given up what became of it, when everything is asked for before it has arrived', () => {
    const client = new Conversation('delta');
    client.publish([listener('a')]);
    client.subscribe('listener', 'a', 'b');
    client.take();
    client.unsubscribe('listener', 'a', 'b');
    client.publish([], [listener('a')]);
    client.subscribe('listener', '*');
    client.ack();
    expect(client.converse()).toEqual(['listener -a -b']);
  });

  it('honours a change of the subscription that comes with a stale nonce', () => {
    const client = withListeners('a');
    client.delta({ typeUrl: typeUrl.listener, nonce: 'stale', subscribe: ['b'], unsubscribe: ['a'] });
    expect(client.converse()).toEqual(['listener b=1']);
    client.publish([listener('a', 2)]);
    expect(client.converse()).toEqual([]);
  });

  it('honours a change of the subscription that comes with a refusal', () => {
    const client = withListeners('a');
    client.publish([listener('a', 2)]);
    const [response] = client.take();
    const refusal = { typeUrl: typeUrl.listener, nonce: response?.nonce ?? '', refusal: 'no', subscribe: ['b'] };
    expect(client.delta(refusal)).toMatchObject({ kind: 'nack', names: ['a'] });
    expect(client.converse()).toEqual(['listener b=1']);
  });

  it.each([
    ['that it has', 'a', 'listener a=1'],
    ['that does not exist', 'none', 'listener -none'],
  ])('answers again when the client asks again for a name %s', (_title, name, answer) => {
    const client = withListeners(name);
    for (let round = 0; round < 2; round++) {
      client.subscribe('listener', name);
      expect(client.converse()).toEqual([answer]);
    }
  });

  it('says at once which names do not exist, and again when one has gone', () => {
    const client = new Conversation('delta');
    client.publish(abc);
    client.subscribe('listener', 'a', 'none');
    expect(client.converse()).toEqual(['listener a=1 -none']);
    client.publish([listener('none')]);
    expect(client.converse()).toEqual(['listener none=1']);
    client.publish([], [listener('none')]);
    expect(client.converse()).toEqual(['listener -none']);
  });

  it('sends nothing of a resource that comes and goes while the client is busy', () => {
    const client = withListeners();
    client.publish([listener('a', 2)]);
    client.take();
    client.publish([listener('d')]);
    client.publish([], [listener('d')]);
    client.ack();
    expect(client.sent()).toEqual([]);
  });

  it('does not send what was refused when a later version is taken back to it', () => {
    const client = withListeners();
    client.publish([listener('a', 2)]);
    client.take();
    client.publish([listener('a', 3)]);
    client.publish([listener('a', 2)]);
    client.nack('listener', 'no');
    expect(client.sent()).toEqual([]);
  });

  it('says what was refused even when the refusal comes after its patience', () => {
    const client = withListeners();
    client.publish([listener('a', 2)]);
    client.take();
    client.publish([listener('b', 2)]);
    client.now += client.limits.ackPatienceMs;
    client.take();
    expect(client.nack('listener', 'no')).toMatchObject([
      { kind: 'nack', names: ['a'], message: 'no' },
      { kind: 'nack', names: ['b'], message: 'no' },
    ]);
    expect(client.session.subscriptions()[0]?.rejected.size).toBe(2);
  });

  describe('opened with the versions that the client has', () => {
    const versions = {
      a: listener('a').version,
      b: listener('b', 0).version,
      gone: listener('gone').version,
    };

    describe.each([
      ['after', false],
      ['before', true],
    ])('%s the first publication', (_title, isBefore) => {
      function open(
        subscribe: readonly string[],
        initialVersions: Readonly<Record<string, string>>,
        kind: 'listener' | 'clusterLoadAssignment' = 'listener',
      ): Conversation {
        const client = new Conversation('delta');
        const resources = [...abc, endpoints('a')];
        if (!isBefore) client.publish(resources);
        client.delta({ typeUrl: typeUrl[kind], subscribe, initialVersions });
        if (isBefore) {
          if (client.sent().length > 0) throw new Error('nothing must be answered yet');
          client.publish(resources);
        }
        return client;
      }

      it.each([
        [
          'nothing',
          'nothing has changed',
          [],
          { a: listener('a').version, b: listener('b').version, c: listener('c').version },
          [],
        ],
        ['nothing', 'no name has changed', ['a'], { a: listener('a').version }, []],
        ['what differs', 'the wildcard is implied', [], versions, ['listener b=1 c=1 -gone']],
        ['what differs', 'the wildcard is named', ['*'], versions, ['listener b=1 c=1 -gone']],
        ['what differs', 'names are named', ['a', 'b', 'gone'], versions, ['listener b=1 -gone']],
        ['what differs', 'a name is new to the client', ['a', 'c', 'none'], versions, ['listener c=1 -none']],
        ['nothing', 'a version is of a name that it does not ask for', ['a'], { ...versions, z: 'z' }, []],
      ])('sends %s when %s', (_what, _when, subscribe, initial, expected) => {
        const client = open(subscribe, initial);
        expect(client.converse()).toEqual(expected);
        expect(client.session.isWaiting).toBe(false);
        client.publish([listener('a', 2)]);
        expect(client.converse()).toEqual(['listener a=2']);
      });

      it('answers endpoint names that are gone with an assignment without endpoints', () => {
        const client = open(
          ['a', 'gone'],
          { a: endpoints('a').version, gone: endpoints('gone').version },
          'clusterLoadAssignment',
        );
        expect(client.sent()).toEqual([]);
        client.now += client.limits.ackPatienceMs;
        expect(client.converse()).toEqual(['clusterLoadAssignment gone=empty']);
      });
    });
  });

  describe('whose responses are split', () => {
    const big = (name: string, edition = 1) => cluster(name, edition, 400);

    it('sends no more than the limit at once, and the rest one acknowledgement after the other', () => {
      const client = new Conversation('delta', undefined, { responseBytes: 1_000 });
      client.publish(['a', 'b', 'c', 'd', 'e'].map((name) => big(name)));
      client.subscribe('cluster');
      expect(client.sent()).toEqual(['cluster a=1 b=1']);
      expect(client.sent()).toEqual([]);
      client.publish([big('d', 2)]);
      expect(client.converse()).toEqual([]);
      client.ack();
      expect(client.converse()).toEqual(['cluster c=1 d=2', 'cluster e=1']);
    });

    it('goes on after a refusal of a part', () => {
      const client = new Conversation('delta', undefined, { responseBytes: 1_000 });
      client.publish(['a', 'b', 'c'].map((name) => big(name)));
      client.subscribe('cluster');
      client.take();
      expect(client.nack('cluster', 'no')).toMatchObject([{ kind: 'nack', names: ['a', 'b'] }]);
      expect(client.converse()).toEqual(['cluster a=1', 'cluster b=1', 'cluster c=1']);
    });

    it('finds the one resource that is refused, and sends all others again without it', () => {
      const client = new Conversation('delta');
      const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
      client.publish(names.map((name) => cluster(name)));
      client.subscribe('cluster');
      const refused: string[][] = [];
      const accepted: string[] = [];
      for (let sent = client.take(); sent.length > 0; sent = client.take()) {
        const inIt = sent.flatMap(({ resources }) => resources.map(({ name }) => name));
        if (inIt.includes('f')) refused.push(inIt);
        else accepted.push(...inIt);
        if (inIt.includes('f')) client.nack('cluster', 'something is bad');
        else client.ack();
      }
      expect(refused.map(({ length }) => length)).toEqual([8, 4, 2, 1]);
      expect(accepted.toSorted()).toEqual(names.filter((name) => name !== 'f'));
      expect(client.session.isWaiting).toBe(false);
      client.publish([cluster('f', 2)]);
      expect(client.converse()).toEqual(['cluster f=2']);
    });

    it('tries alone what the refusal names', () => {
      const client = new Conversation('delta');
      client.publish(['a', 'b', 'web', 'd'].map((name) => cluster(name)));
      client.subscribe('cluster');
      client.take();
      client.nack('cluster', 'Error adding/updating cluster(s) web: no such thing');
      expect(client.sent()).toEqual(['cluster a=1 b=1 d=1']);
      client.ack();
      expect(client.sent()).toEqual(['cluster web=1']);
      expect(client.nack('cluster', 'no')).toMatchObject([{ culprits: [{ name: 'web' }] }]);
      expect(client.session.isWaiting).toBe(false);
    });

    it('sends a resource that is larger than the limit alone', () => {
      const client = new Conversation('delta', undefined, { responseBytes: 100 });
      client.publish([big('a'), cluster('b')]);
      client.subscribe('cluster');
      expect(client.converse()).toEqual(['cluster a=1', 'cluster b=1']);
    });

    it('counts the names of what is removed', () => {
      const client = new Conversation('delta', undefined, { responseBytes: 1_000 });
      const long = ['a', 'b', 'c'].map((letter) => secret(letter.repeat(400)));
      client.publish(long);
      client.subscribe('secret', ...long.map(({ name }) => name));
      client.converse();
      client.publish([], long);
      expect(client.converse()).toHaveLength(2);
    });
  });

  describe('with virtual hosts', () => {
    it('is given those of a table that joins later, though it asks for nothing', () => {
      const client = new Conversation('delta');
      client.publish([
        table('http'),
        virtualHost('http/a', 'one'),
        virtualHost('https/a', 'one'),
        virtualHost('https/b', 'two'),
      ]);
      client.subscribe('routeConfiguration', 'http');
      client.subscribe('virtualHost');
      expect(client.converse()).toEqual([
        'routeConfiguration http=1',
        'virtualHost http/a=one https/a=one https/b=two',
      ]);
      client.publish([table('https')]);
      expect(client.converse()).toEqual([]);
      client.subscribe('routeConfiguration', 'https');
      expect(client.converse()).toEqual(['routeConfiguration https=1', 'virtualHost https/a=one https/b=two']);
    });

    it('is given one host when one host changes', () => {
      const client = new Conversation('delta');
      client.publish([table('http'), virtualHost('http/a', 'one'), virtualHost('http/b', 'two')]);
      client.subscribe('routeConfiguration', 'http');
      client.subscribe('virtualHost');
      client.converse();
      client.publish([virtualHost('http/b', 'one')]);
      expect(client.converse()).toEqual(['virtualHost http/b=one']);
    });
  });
});
