/**
 * Random requests, right and wrong ones, on fifty streams of both protocols at once, against a small reference of the xDS protocol.
 * SLUICE_FUZZ_MESSAGES=1000000 is the whole of it; SLUICE_TEST_SEED picks the messages.
 */
import { expect, it, jest } from '@jest/globals';
import { typeUrl } from '../../src/proto/type-url.ts';
import type { Resource } from '../../src/xds/resource.ts';
import { ResourceStore } from '../../src/xds/resource-store.ts';
import { Random } from '../support/random.ts';
import { changes, cluster, endpoints, listener, secret, table, virtualHost } from '../support/resources.ts';
import { SpecClient } from '../support/spec-client.ts';

jest.setTimeout(1_800_000);

const messages = Number(process.env['SLUICE_FUZZ_MESSAGES'] ?? 20_000);
const streams = 50;
const quietEvery = 2_000;

const names: Readonly<Record<string, readonly string[]>> = {
  [typeUrl.cluster]: ['a', 'b', 'c', 'd', 'e'],
  [typeUrl.clusterLoadAssignment]: ['a', 'b', 'c', 'd', 'e'],
  [typeUrl.secret]: ['s', 't'],
  [typeUrl.listener]: ['l', 'm'],
  [typeUrl.routeConfiguration]: ['http', 'https'],
  [typeUrl.virtualHost]: ['http/a', 'http/b', 'https/a'],
};
const nobody = ['nobody', 'http/nobody'];
const types = Object.keys(names);

const random = new Random(process.env['SLUICE_TEST_SEED'] ?? '20');

class Fuzz {
  readonly store = new ResourceStore();
  readonly violations: string[] = [];
  /** What was done, by kind, so that a run that does nothing is noticed. */
  readonly done = new Map<string, number>();
  now = 1_000;
  #clients: SpecClient[] = [];
  #edition = 10;
  readonly #existing = new Map<string, Resource>();

  constructor() {
    this.store.publish([]);
    this.#clients = Array.from({ length: streams }, () => this.#newClient());
  }

  step(): void {
    const at = random.below(this.#clients.length);
    const client = this.#clients[at];
    if (client === undefined) return;
    const kind = random.weighted([
      ['ask', 30],
      ['answer', 35],
      ['wrong', 8],
      ['publish', 10],
      ['wait', 6],
      ['leave', 1],
    ] as const);
    this.done.set(kind, (this.done.get(kind) ?? 0) + 1);
    if (kind === 'ask') this.#ask(client);
    else if (kind === 'answer') this.#answer(client);
    else if (kind === 'wrong')
      client.answerNothing(random.pick(types), `x${random.below(99)}`, random.chance(0.5) ? '' : undefined);
    else if (kind === 'publish') this.#publish();
    else if (kind === 'wait') this.now += random.below(6_000);
    else {
      this.#leave(client);
      this.#clients[at] = this.#newClient();
    }
    if (kind === 'publish' || kind === 'wait') for (const each of this.#clients) each.receive(this.now);
    else client.receive(this.now);
  }

  /** Everybody answers everything and waits long enough: now all must have what they want. */
  settle(): void {
    this.#refresh();
    for (let patience = 0; patience < 3; patience += 1) {
      for (const client of this.#clients) this.#settle(client);
      this.now += 20_000;
    }
    for (const client of this.#clients) {
      client.forgive();
      this.violations.push(...client.violations.splice(0), ...client.differences());
      if (client.isWaiting) this.violations.push(`something waits for ever: ${client.describe()}`);
    }
  }

  leaveAll(): void {
    for (const client of this.#clients) this.#leave(client);
    this.#clients = [];
  }

  /** Who is still told of changes when everybody has gone. */
  toldAfterwards(): number {
    const all = [...this.#existing.values()];
    const told = this.store.publish(changes([], all)).size;
    return told + this.store.publish(changes(all)).size;
  }

  /** What was refused holds back what it may need, until it changes. */
  #refresh(): void {
    this.#edition += 1;
    const changed = [...this.#existing.values()].map((known) => make(known.typeUrl, known.name, this.#edition));
    for (const each of changed) this.#existing.set(`${each.typeUrl} ${each.name}`, each);
    this.store.publish(changes(changed));
  }

  #newClient(): SpecClient {
    return new SpecClient(random.chance(0.5) ? 'delta' : 'sotw', this.store);
  }

  #leave(client: SpecClient): void {
    this.violations.push(...client.violations);
    client.close();
  }

  #settle(client: SpecClient): void {
    for (let round = 0; round < 1_000; round += 1) {
      client.receive(this.now);
      const response = client.unanswered.shift();
      if (response === undefined) return;
      client.answer(response, undefined);
    }
    this.violations.push('there is no end of responses');
  }

  #ask(client: SpecClient): void {
    const possible = client.protocol === 'sotw' ? types.filter((type) => type !== typeUrl.virtualHost) : types;
    const type = random.pick(possible);
    const all = ['*', ...(names[type] ?? []), ...nobody];
    const add = all.filter(() => random.chance(0.2));
    const drop = all.filter((name) => !add.includes(name) && random.chance(0.15));
    const held = all.filter((name) => name !== '*' && random.chance(0.3));
    const nonce = random.pick(['', '', '', `x${random.below(9)}`, client.unanswered[0]?.nonce ?? '']);
    client.subscribe(type, add, drop, nonce === '' ? '' : nonce, random.chance(0.5) ? held : []);
  }

  #answer(client: SpecClient): void {
    // As late as may be, but in order, as gRPC has it.
    const response = client.unanswered.shift();
    if (response === undefined) return;
    // There is nothing to refuse in a response that only removes.
    const refuses = response.resources.length > 0 && random.chance(0.1);
    client.answer(response, refuses ? 'no' : undefined);
  }

  #publish(): void {
    const next: Resource[] = [];
    const gone: Resource[] = [];
    for (let count = 0; count <= random.below(4); count += 1) {
      const type = random.pick(types);
      const name = random.pick(names[type] ?? []);
      const known = this.#existing.get(`${type} ${name}`);
      // SotW has no words for a route table that is gone.
      const stays = type === typeUrl.routeConfiguration;
      if (known !== undefined && !stays && random.chance(0.4)) {
        gone.push(known);
        for (const client of this.#clients) client.lose(type, name);
        this.#existing.delete(`${type} ${name}`);
      } else {
        const made = make(type, name);
        next.push(made);
        this.#existing.set(`${type} ${name}`, made);
      }
    }
    const last = new Map([...next, ...gone].map((each) => [`${each.typeUrl} ${each.name}`, each]));
    this.store.publish(
      [...last.entries()].map(([key, { typeUrl: type, name }]) => ({
        typeUrl: type,
        name,
        resource: this.#existing.get(key),
      })),
    );
  }
}

function make(type: string, name: string, edition = random.below(4)): Resource {
  switch (type) {
    case typeUrl.cluster:
      return cluster(name, edition);
    case typeUrl.clusterLoadAssignment:
      return endpoints(name, edition);
    case typeUrl.secret:
      return secret(name, edition);
    case typeUrl.listener:
      return listener(name, edition);
    case typeUrl.routeConfiguration:
      return table(name, edition);
    default:
      return virtualHost(name, edition < 10 ? random.pick(names[typeUrl.cluster] ?? []) : `${edition}`);
  }
}

it(`does with ${messages} random messages on ${streams} streams what the protocol says, and forgets who is gone`, () => {
  const fuzz = new Fuzz();
  for (let message = 1; message <= messages && fuzz.violations.length === 0; message += 1) {
    fuzz.step();
    if (message % quietEvery === 0) fuzz.settle();
  }
  fuzz.settle();
  fuzz.leaveAll();
  expect(fuzz.violations.slice(0, 20)).toEqual([]);
  expect(fuzz.toldAfterwards()).toBe(0);
  expect(fuzz.store.unknownNames).toBe(0);
  expect(Math.min(...fuzz.done.values())).toBeGreaterThan(messages / 400);
});
