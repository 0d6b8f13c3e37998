/** What thousands of streams cost, in counts: responses that are encoded, and names that are looked at; never in time. */
import { describe, expect, it } from '@jest/globals';
import { typeUrl } from '../../src/proto/type-url.ts';
import { ResourceStore } from '../../src/xds/resource-store.ts';
import type { Response } from '../../src/xds/session.ts';
import { encodeResponse } from '../../src/xds/wire.ts';
import { Conversation } from '../support/conversation.ts';
import type { Protocol } from '../support/conversation.ts';
import { changes, cluster, endpoints, listener, table, virtualHost } from '../support/resources.ts';

const streams = 5_000;
const applications = 40;

const all = Array.from({ length: applications }, (_, i) => [
  cluster(`c${i}`),
  endpoints(`c${i}`),
  virtualHost(`http/h${i}`, `c${i}`),
]).flat();

function serve(): ResourceStore {
  const store = new ResourceStore();
  store.publish(changes([...all, listener('l'), table('http')]));
  return store;
}

/** Many clients of one store that do the same at the same time, each with a session of its own. */
class Fleet {
  readonly clients: readonly Conversation[];
  readonly store: ResourceStore;
  sent = 0;
  encoded = 0;

  constructor(protocol: Protocol, store: ResourceStore, count: number) {
    this.store = store;
    this.clients = Array.from({ length: count }, () => new Conversation(protocol, store));
  }

  each(work: (client: Conversation) => void): void {
    for (const client of this.clients) work(client);
  }

  /** Sends and accepts until there is no more to say. */
  settle(): void {
    for (let isBusy = true; isBusy;) {
      isBusy = false;
      for (const client of this.clients) {
        for (const response of client.take()) {
          this.#count(client.protocol, response);
          isBusy = true;
        }
        client.ack();
      }
    }
  }

  #count(protocol: Protocol, response: Response): void {
    this.sent += 1;
    if (!encodeResponse(protocol, response).isShared) this.encoded += 1;
  }
}

function subscribe(client: Conversation): void {
  client.subscribe('cluster');
  client.subscribe('clusterLoadAssignment', ...Array.from({ length: applications }, (_, i) => `c${i}`));
  client.subscribe('listener');
  client.subscribe('routeConfiguration', 'http');
  if (client.protocol === 'delta') client.subscribe('virtualHost');
}

/** What a client has that got everything there was. */
function versionsOf(type: string, store: ResourceStore): Readonly<Record<string, string>> {
  return Object.fromEntries(store.delta.names(type).map((name) => [name, store.delta.get(type, name)?.version ?? '']));
}

function comeBack(client: Conversation, versions: Readonly<Record<string, Readonly<Record<string, string>>>>): void {
  const open = (type: string, ...names: readonly string[]): void => {
    client.delta({ typeUrl: type, subscribe: names, initialVersions: versions[type] ?? {} });
  };
  open(typeUrl.cluster);
  open(typeUrl.clusterLoadAssignment, ...Object.keys(versions[typeUrl.clusterLoadAssignment] ?? {}));
  open(typeUrl.listener);
  open(typeUrl.routeConfiguration, 'http');
  open(typeUrl.virtualHost);
}

const kindsOf = { delta: 5, sotw: 4 } as const;

describe.each(['delta', 'sotw'] as const)(`${streams} %s streams`, (protocol) => {
  it('are told of everything in one encoded response of each type', () => {
    const fleet = new Fleet(protocol, serve(), streams);
    fleet.each(subscribe);
    fleet.settle();
    expect({ sent: fleet.sent, encoded: fleet.encoded }).toEqual({
      sent: streams * kindsOf[protocol],
      encoded: kindsOf[protocol],
    });
  });

  it('are told of a change in one encoded response, however much or little each was told before', () => {
    const fleet = new Fleet(protocol, serve(), streams);
    fleet.each(subscribe);
    fleet.settle();
    const some = new Fleet(protocol, fleet.store, 10);
    some.each((client) => client.subscribe('clusterLoadAssignment', 'c3'));
    some.settle();
    fleet.store.publish(changes([endpoints('c3', 2)]));
    const before = fleet.sent + some.sent;
    fleet.encoded = 0;
    some.encoded = 0;
    fleet.settle();
    some.settle();
    expect({ sent: fleet.sent + some.sent - before, encoded: fleet.encoded + some.encoded }).toEqual({
      sent: streams + 10,
      encoded: 1,
    });
  });
});

describe(`${streams} delta streams that come back at once`, () => {
  const store = serve();
  const versions = Object.fromEntries(store.delta.typeUrls().map((type) => [type, versionsOf(type, store)]));

  it('are sent nothing when nothing has changed', () => {
    const fleet = new Fleet('delta', store, streams);
    fleet.each((client) => comeBack(client, versions));
    fleet.settle();
    expect(fleet.sent).toBe(0);
    expect(fleet.clients.some(({ session }) => session.isWaiting)).toBe(false);
  });

  it('are sent what has changed in one encoded response', () => {
    store.publish(changes([endpoints('c1', 2), endpoints('c2', 2)]));
    const fleet = new Fleet('delta', store, streams);
    fleet.each((client) => comeBack(client, versions));
    fleet.settle();
    expect({ sent: fleet.sent, encoded: fleet.encoded }).toEqual({ sent: streams, encoded: 1 });
  });
});

describe('a fleet of delta streams', () => {
  it('that is in the middle of its first answers shares the rest with those that come after a change', () => {
    const store = serve();
    const limits = { responseBytes: 1_000 };
    const early = new Conversation('delta', store, limits);
    early.subscribe('cluster');
    const got = early.take().flatMap(({ resources }) => resources.map(({ name }) => name));
    expect(got.length).toBeLessThan(applications);
    // One that it has, one that it does not have yet, one that it will never get, and a new one.
    const last = `c${applications - 1}`;
    store.publish(changes([cluster('c0', 2), cluster(last, 2), cluster('new')], [cluster(`c${applications - 2}`)]));
    early.ack();
    const lines = early.converse().join(' ');
    expect(lines).toContain('c0=2');
    expect(lines).toContain(`${last}=2`);
    expect(lines).toContain('new=1');
    expect(lines).not.toContain(`c${applications - 2}=`);
    expect(lines).not.toContain(`${last}=1`);
  });

  it('gives names that nobody has any more to others, and mixes none up', () => {
    const store = serve();
    const first = new Conversation('delta', store);
    const second = new Conversation('delta', store);
    first.subscribe('clusterLoadAssignment', 'gone', 'c1');
    second.subscribe('clusterLoadAssignment', 'c1', 'c2');
    first.converse();
    second.converse();
    first.unsubscribe('clusterLoadAssignment', 'gone');
    store.publish(changes([], [endpoints('c0'), endpoints('c1')]));
    store.publish(changes([endpoints('new'), endpoints('other')]));
    expect(first.converse()).toEqual(['clusterLoadAssignment c1=empty']);
    expect(second.converse()).toEqual(['clusterLoadAssignment c1=empty']);
    second.subscribe('clusterLoadAssignment', 'new');
    expect(second.converse()).toEqual(['clusterLoadAssignment new=1']);
    store.publish(changes([endpoints('new', 2), endpoints('other', 2), endpoints('c1', 2)]));
    expect(first.converse()).toEqual(['clusterLoadAssignment c1=2']);
    expect(second.converse()).toEqual(['clusterLoadAssignment c1=2 new=2']);
    second.session.close();
    first.session.close();
    expect(store.delta.table(typeUrl.clusterLoadAssignment).find('gone')).toBeUndefined();
  });
});
