/** Whether the API server is heard from, on a clock that moves when the test says so. */
import { beforeEach, expect, it } from '@jest/globals';
import { ApiFailure } from '../../src/source/api-failure.ts';
import { Contact } from '../../src/source/contact.ts';
import type { ReflectorEvent } from '../../src/source/reflector.ts';
import { VirtualTiming } from '../support/virtual-timing.ts';

const target = { resource: 'Ingress', namespace: '' } as const;
const broken: ReflectorEvent = {
  ...target,
  kind: 'failed',
  operation: 'watch',
  failure: new ApiFailure('the connection broke'),
};
const refused: ReflectorEvent = { ...broken, failure: new ApiFailure('HTTP 500', { status: 500 }) };

let time: VirtualTiming;
let contact: Contact;
let changes: boolean[];
let probes: number;
/** What the server does with questions: `late` leaves them open. */
let server: 'answers' | 'fails' | 'late';
let late: (() => void)[];

beforeEach(() => {
  time = new VirtualTiming();
  changes = [];
  probes = 0;
  server = 'answers';
  late = [];
  contact = new Contact({ timing: time.timing(), changed: (isCutOff) => changes.push(isCutOff) });
  contact.begin(() => {
    probes += 1;
    if (server !== 'late') return Promise.resolve(server === 'answers' && hear());
    return new Promise((answer) => {
      late.push(() => answer(hear()));
    });
  });
});

function hear(): true {
  contact.heard();
  return true;
}

/** Whether a proof that is asked for now has been found after so many milliseconds. */
async function isProvedWithin(ms: number): Promise<boolean> {
  let isProved = false;
  const forget = contact.prove(() => {
    isProved = true;
  });
  await time.advance(ms);
  forget();
  return isProved;
}

it('is cut off when nothing has come for two to three seconds, and no longer when something comes', async () => {
  server = 'late';
  await time.advance(1_500);
  contact.heard();
  await time.advance(2_400);
  expect(contact.state).toStrictEqual({ isCutOff: false, cutOffMs: 0 });
  await time.advance(600);
  expect(contact.state.isCutOff).toBe(true);
  await time.advance(5_000);
  expect(contact.state.cutOffMs).toBeGreaterThanOrEqual(5_000);

  contact.heard();

  expect(contact.state.isCutOff).toBe(false);
  expect(changes).toStrictEqual([true, false]);
});

it('asks a server that says nothing by itself once a second, and one that does not at all', async () => {
  await time.advance(10_500);
  expect(changes).toStrictEqual([]);
  expect(probes).toBeGreaterThan(3);
  expect(probes).toBeLessThanOrEqual(10);

  probes = 0;
  for (let second = 0; second < 10; second += 1) {
    contact.heard();
    await time.advance(1_000);
  }
  expect(probes).toBeLessThanOrEqual(1);
});

it('proves with one question for all who ask at once, and with another for those who ask after that', async () => {
  server = 'late';
  const proved: string[] = [];
  for (const name of ['a', 'b']) contact.prove(() => proved.push(name));
  await time.advance(10);
  contact.prove(() => proved.push('c'));
  expect(probes).toBe(1);
  late[0]?.();
  await time.advance(10);
  expect(proved).toStrictEqual(['a', 'b']);

  await time.advance(150);
  expect(probes).toBe(2);
  late[1]?.();
  await time.advance(10);
  expect(proved).toStrictEqual(['a', 'b', 'c']);
});

it('proves nothing while there is no answer, and again when there is', async () => {
  server = 'fails';
  expect(await isProvedWithin(5_000)).toBe(false);
  server = 'answers';
  expect(await isProvedWithin(1_000)).toBe(true);
});

it('proves nothing while a watch that broke has not been taken up, nor before it has caught up', async () => {
  contact.note(broken);
  expect(await isProvedWithin(3_000)).toBe(false);

  contact.note({ ...target, kind: 'watching' });
  expect(await isProvedWithin(200)).toBe(false);
  expect(await isProvedWithin(400)).toBe(true);
});

it('is not kept from a proof by a kind that the server itself does not give, or that has failed for half a minute', async () => {
  contact.note(refused);
  expect(await isProvedWithin(500)).toBe(true);

  contact.note(broken);
  expect(await isProvedWithin(25_000)).toBe(false);
  await time.advance(5_000);
  expect(await isProvedWithin(1_000)).toBe(true);
});

it('asks nothing after its end', async () => {
  contact.prove(() => undefined);
  contact.end();
  await time.advance(10_000);
  expect(probes).toBe(0);
});

it('proves nothing after a long time without the server before the watches have been taken up', async () => {
  contact.note(broken);
  server = 'fails';
  await time.advance(60_000);
  expect(contact.state.isCutOff).toBe(true);

  server = 'answers';
  expect(await isProvedWithin(3_000)).toBe(false);
  contact.note({ ...target, kind: 'watching' });
  expect(await isProvedWithin(1_000)).toBe(true);
});

it('proves nothing while what a watch missed is listed, because the server no longer knows it', async () => {
  contact.note(broken);
  contact.note({ ...target, kind: 'watching' });
  contact.note({ ...broken, failure: new ApiFailure('too old', { status: 410 }) });
  expect(await isProvedWithin(5_000)).toBe(false);

  contact.note({ ...target, kind: 'watching' });
  expect(await isProvedWithin(1_000)).toBe(true);
});

it('is kept from a proof for half a minute at most by watches that break as soon as they are taken up', async () => {
  const proved: number[] = [];
  contact.note(broken);
  let second = 0;
  contact.prove(() => proved.push(second));
  for (; second < 40; second += 1) {
    await time.advance(1_000);
    contact.note({ ...target, kind: 'watching' });
    contact.note(broken);
  }
  expect(proved).toHaveLength(1);
  expect(proved[0]).toBeGreaterThanOrEqual(29);
});
