/** Streams work one after the other, and let go when there is much to do. */
import { expect, it } from '@jest/globals';
import { setImmediate as nextRound } from 'node:timers/promises';
import { Turns } from '../../src/xds/turns.ts';
import { eventually } from '../support/eventually.ts';

it('gives each one turn, however often it asked for it', async () => {
  const turns = new Turns();
  const taken: string[] = [];
  const [a, b] = ['a', 'b'].map((name) => ({ takeTurn: () => taken.push(name) }));
  for (const turn of [a, b, a, b, a]) if (turn !== undefined) turns.request(turn);
  expect(taken).toEqual([]);
  await nextRound();
  expect(taken).toEqual(['a', 'b']);
});

it('lets the event loop go round while one asks for turn after turn, and gives others theirs', async () => {
  const turns = new Turns();
  let taken = 0;
  const busy = {
    takeTurn: () => {
      taken += 1;
      turns.request(busy);
    },
  };
  turns.request(busy);
  const other = new Promise<void>((resolve) => turns.request({ takeTurn: () => resolve() }));
  await other;
  await nextRound();
  const before = taken;
  await eventually(() => expect(taken).toBeGreaterThan(before));
  turns.leave(busy);
  const after = taken;
  await nextRound();
  await nextRound();
  expect(taken - after).toBeLessThanOrEqual(1);
});

it('lets large work wait until there is room again', async () => {
  const turns = new Turns();
  const bytes = 64 * 1024 * 1024;
  const taken: string[] = [];
  turns.park({ takeTurn: () => taken.push('at once') });
  await nextRound();
  expect(taken).toEqual(['at once']);
  turns.lend(bytes);
  expect(turns.hasRoom).toBe(false);
  turns.park({ takeTurn: () => taken.push('parked') });
  const gone = { takeTurn: () => taken.push('gone') };
  turns.park(gone);
  turns.leave(gone);
  turns.request({ takeTurn: () => taken.push('small') });
  await nextRound();
  expect(taken).toEqual(['at once', 'small']);
  turns.giveBack(bytes);
  await nextRound();
  expect(taken).toEqual(['at once', 'small', 'parked']);
});

it('gives the many streams of one connection no more turns than the one stream of another', async () => {
  const turns = new Turns();
  const taken: string[] = [];
  const turn = (name: string, connection: object) => ({ connection, takeTurn: () => taken.push(name) });
  const [busy, calm, other] = [{}, {}, {}];
  for (let stream = 0; stream < 3; stream += 1) turns.request(turn(`busy ${stream}`, busy));
  const gone = turn('gone', busy);
  turns.request(gone);
  turns.request(turn('calm', calm));
  const left = turn('left', other);
  turns.request(left);
  turns.leave(left);
  turns.leave(gone);
  await nextRound();
  expect(taken).toEqual(['busy 0', 'calm', 'busy 1', 'busy 2']);
});

it('does what is large after everything else, and never nothing of it', async () => {
  const turns = new Turns();
  const taken: string[] = [];
  turns.park({ takeTurn: (isLarge) => taken.push(isLarge ? 'large' : 'mistaken') });
  for (const name of ['a', 'b']) turns.request({ takeTurn: (isLarge) => taken.push(isLarge ? 'mistaken' : name) });
  await nextRound();
  expect(taken).toEqual(['a', 'b', 'large']);

  let isOver = false;
  const endless = {
    takeTurn: () => {
      if (!isOver) turns.request(endless);
    },
  };
  turns.request(endless);
  await new Promise<void>((resolve) => turns.park({ takeTurn: () => resolve() }));
  isOver = true;
});
