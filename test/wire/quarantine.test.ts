import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { Ingress } from '../../src/cluster/kubernetes-object.ts';
import { typeUrl } from '../../src/proto/type-url.ts';
import { eventually } from '../support/eventually.ts';
import { Lab } from '../support/lab.ts';
import { endpointSlice, ingress, ingressClass, service } from '../support/objects.ts';
import { OpinionatedClient } from '../support/opinionated-client.ts';
import type { Sent } from '../support/opinionated-client.ts';

let folder: string;
let lab: Lab;
let clients: OpinionatedClient[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-quarantine-'));
  clients = [];
});

afterEach(async () => {
  for (const client of clients) client.close();
  await lab.stop();
  await rm(folder, { recursive: true });
});

const site = (name: string, root?: string): Ingress =>
  ingress(name, {
    hosts: { [`${name}.test`]: { '/': 'web:80' } },
    annotations: root === undefined ? {} : { 'nginx.ingress.kubernetes.io/app-root': root },
  });
const base = [ingressClass(), service('web', { http: 80 }), endpointSlice('web', 'web', { http: 80 }, ['127.0.0.1'])];
const dislikesBad = ({ type, text }: Sent): string | undefined =>
  type === typeUrl.virtualHost && text.includes('/bad')
    ? 'there is something about "/bad" that is not right'
    : undefined;

async function open(flags: Readonly<Record<string, string>> = {}): Promise<void> {
  lab = new Lab({ flags });
  lab.apply(...base, site('a'), site('b'));
  await lab.start();
}

function connect(node: string, refuses?: (resource: Sent) => string | undefined): OpinionatedClient {
  const client = new OpinionatedClient(lab.port, node, refuses);
  clients.push(client);
  return client;
}

const blamed = (): readonly string[] =>
  lab.problems('RefusedByEnvoy').map(({ object, field }) => `${object.name} ${field}`);

it('one of twenty Envoys refuses all that is new: the others have it, and the one is named', async () => {
  await open();
  const others = Array.from({ length: 19 }, (_, index) => connect(`good-${index}`));
  await eventually(() => expect(others.every((each) => each.hosts().includes('a.test'))).toBe(true));
  const one = connect('odd', ({ text }) => (text.includes('new.test') ? 'no' : undefined));
  await eventually(() => expect(one.hosts()).toContain('a.test'));
  lab.apply(site('new'));
  await eventually(() => expect(others.every((each) => each.hosts().includes('new.test'))).toBe(true));
  await eventually(() => expect(lab.problems('RefusedByOneEnvoy').map(({ object }) => object.name)).toContain('new'));
  expect(lab.problems('RefusedByOneEnvoy')[0]?.message).toContain('"odd"');
  expect(blamed()).toEqual([]);
  lab.apply(site('newer'));
  await eventually(() => expect(one.hosts()).toContain('newer.test'));
  one.close();
  await eventually(() => expect(lab.problems('RefusedByOneEnvoy')).toEqual([]));
});

it('all Envoys refuse what an Ingress became: they have all else, and one that starts later is not sent it', async () => {
  await open();
  const first = [connect('one', dislikesBad), connect('two', dislikesBad)];
  await eventually(() => expect(first.every((each) => each.hosts().includes('b.test'))).toBe(true));
  const good = first[0]?.has.get(`${typeUrl.virtualHost} http/b.test`);
  lab.apply(site('b', '/bad'), site('c'));
  await eventually(() => expect(blamed()).toEqual(['b metadata.annotations[nginx.ingress.kubernetes.io/app-root]']));
  await eventually(() => expect(first.every((each) => each.hosts().includes('c.test'))).toBe(true));
  const late = connect('late', dislikesBad);
  await eventually(() => expect(late.hosts().toSorted()).toEqual(['*', 'a.test', 'b.test', 'c.test']));
  expect(late.sent.some(dislikesBad)).toBe(false);
  expect(late.has.get(`${typeUrl.virtualHost} http/b.test`)).toBe(good);
  lab.apply(site('b', '/fine'));
  await eventually(() => expect(lab.problems()).toEqual([]));
  await eventually(() => expect(late.has.get(`${typeUrl.virtualHost} http/b.test`)).not.toBe(good));
});

it('an Ingress goes back to what was refused: it is held at once, and nobody is sent it again', async () => {
  await open();
  const client = connect('one', dislikesBad);
  await eventually(() => expect(client.hosts()).toContain('b.test'));
  lab.apply(site('b', '/bad'));
  await eventually(() => expect(blamed()).toHaveLength(1));
  lab.apply(site('b', '/fine'));
  await eventually(() => expect(blamed()).toEqual([]));
  const before = client.sent.filter((each) => dislikesBad(each) !== undefined).length;
  lab.apply(site('b', '/bad'));
  await eventually(() => expect(blamed()).toHaveLength(1));
  expect(client.sent.filter((each) => dislikesBad(each) !== undefined)).toHaveLength(before);
});

it('a client refuses everything while Envoys have it in use: nothing is held', async () => {
  await open();
  const good = connect('good');
  await eventually(() => expect(good.hosts()).toContain('b.test'));
  connect('hostile', () => 'no');
  await eventually(() => expect(lab.problems('RefusedByOneEnvoy').length).toBeGreaterThan(3));
  lab.apply(site('c'));
  await eventually(() => expect(good.hosts()).toContain('c.test'));
  expect(blamed()).toEqual([]);
});

it('a client that comes first refuses everything: it is named, and decides nothing for the Envoys after it', async () => {
  await open();
  const liar = connect('liar', () => 'no');
  await eventually(() => expect(lab.problems('RefusedByOneEnvoy').length).toBeGreaterThan(3));
  expect(lab.problems('RefusedByOneEnvoy')[0]?.message).toContain('"liar"');
  liar.close();
  await eventually(() => expect(lab.problems()).toEqual([]));
  const late = connect('late');
  await eventually(() => expect(late.hosts().toSorted()).toEqual(['*', 'a.test', 'b.test']));
  lab.apply(site('c'));
  await eventually(() => expect(late.hosts()).toContain('c.test'));
  expect(blamed()).toEqual([]);
});

it('the last good forms of the run before are damaged: that is said, and they are not used', async () => {
  await open({ lastGood: folder });
  const client = connect('one', dislikesBad);
  await eventually(() => expect(client.hosts()).toContain('b.test'));
  lab.apply(site('b', '/bad'));
  await eventually(() => expect(blamed()).toHaveLength(1));
  const file = join(folder, 'last-good.json');
  await eventually(async () => expect(await readFile(file, 'utf8')).toContain('"b"'));
  await lab.stop();
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace('"b"', '"x"'));
  await lab.start();
  const warned = (): readonly string[] => lab.log.filter((line) => line.includes('the run before cannot be read'));
  await eventually(() => expect(warned()).toHaveLength(1));
  expect(blamed()).toEqual([]);
  connect('again', dislikesBad);
  await eventually(() => expect(blamed()).toHaveLength(1));
});
