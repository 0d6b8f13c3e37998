import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { concat, EMPTY, ignoreElements, of, Subject, throwError, timer } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { settle, type SettleTimes } from '../../src/source/settle.ts';

interface Work {
  readonly burst: readonly string[];
  /** In virtual milliseconds. */
  readonly from: number;
  readonly to: number;
}

/**
 * What goes to work and when, when the marbles go in: one character a millisecond, `|` for the end and `#` for an error.
 * `costOf` says how long the work on a burst takes; `unsubscribeAt` is a millisecond.
 */
function settled(
  marbles: string,
  times: SettleTimes,
  costOf: (burst: readonly string[]) => number = () => 0,
  unsubscribeAt?: number,
) {
  const scheduler = new TestScheduler(() => undefined);
  const works: Work[] = [];
  let end = '';
  scheduler.run(({ hot }) => {
    const subscription = hot(marbles)
      .pipe(
        settle(times, (burst: readonly string[]) => {
          const from = scheduler.now();
          const cost = costOf(burst);
          works.push({ burst, from, to: from + cost });
          const done$ = of(burst.join(''));
          return cost === 0 ? done$ : concat(timer(cost).pipe(ignoreElements()), done$);
        }),
      )
      .subscribe({
        error: () => (end = `${scheduler.now()}: error`),
        complete: () => (end = `${scheduler.now()}: end`),
      });
    if (unsubscribeAt !== undefined) scheduler.schedule(() => subscription.unsubscribe(), unsubscribeAt);
  });
  return { works, end, log: [...works.map(({ burst, from }) => `${from}: ${burst.join('')}`), end].filter(Boolean) };
}

describe('settle', () => {
  it('lets the first event after rest go to work at once', () => {
    expect(settled('a------b--|', { quietMs: 5, maxMs: 20 }).log).toEqual(['0: a', '7: b', '10: end']);
  });

  it('gathers for the shortest wait after work that costs nothing', () => {
    expect(settled('abc-d-----------|', { quietMs: 3, maxMs: 20 }).log).toEqual(['0: a', '3: bc', '6: d', '16: end']);
  });

  it('gathers while there is work, and then for twice as long as it took', () => {
    const { log } = settled('abcdefghijklmnop-----|', { quietMs: 1, maxMs: 20 }, () => 3);
    expect(log).toEqual(['0: a', '9: bcdefghij', '18: klmnop', '21: end']);
  });

  it('rests no longer than the ceiling, however much the work costs', () => {
    const { log } = settled('a---------bcd-------------|', { quietMs: 1, maxMs: 4 }, () => 9);
    expect(log).toEqual(['0: a', '13: bcd', '26: end']);
  });

  it('counts the ceiling from the first event that waits, not from the end of the work before it', () => {
    const { log } = settled('ab----------|', { quietMs: 1, maxMs: 6 }, (burst) => (burst.includes('a') ? 5 : 0));
    expect(log).toEqual(['0: a', '7: b', '12: end']);
  });

  it('passes on what the work gives', () => {
    const given: number[] = [];
    of('a', 'b')
      .pipe(settle({ quietMs: 1, maxMs: 20 }, (burst) => of(burst.length)))
      .subscribe((length) => given.push(length));
    expect(given).toEqual([1, 1]);
  });

  it('works on what is gathered, and lets that work end, before it completes', () => {
    expect(settled('abc|', { quietMs: 5, maxMs: 20 }).log).toEqual(['0: a', '3: bc', '3: end']);
    expect(settled('abc|', { quietMs: 5, maxMs: 20 }, () => 4).log).toEqual(['0: a', '4: bc', '8: end']);
  });

  it('passes an error of the source at once', () => {
    expect(settled('abc#', { quietMs: 5, maxMs: 20 }).log).toEqual(['0: a', '3: error']);
  });

  it('passes an error of the work', () => {
    let error: unknown;
    of('a')
      .pipe(settle({ quietMs: 1, maxMs: 20 }, () => throwError(() => 'broken')))
      .subscribe({ error: (reason: unknown) => (error = reason) });
    expect(error).toBe('broken');
  });

  it('is silent after unsubscribing', () => {
    expect(settled('abc-------|', { quietMs: 5, maxMs: 20 }, () => 0, 3).log).toEqual(['0: a']);
  });

  it('unsubscribes from the source and leaves no timer behind', () => {
    const scheduler = new TestScheduler(() => undefined);
    const source$ = new Subject<string>();
    const subscription = source$.pipe(settle({ quietMs: 5, maxMs: 20 }, () => EMPTY, scheduler)).subscribe();
    source$.next('a');
    source$.next('b');
    expect(scheduler.actions).toHaveLength(1);
    subscription.unsubscribe();
    expect({ timers: scheduler.actions.length, isObserved: source$.observed }).toEqual({
      timers: 0,
      isObserved: false,
    });
  });

  it('gathers an event that the work on the first one causes', () => {
    const source$ = new Subject<string>();
    const seen: (readonly string[])[] = [];
    const work = (burst: readonly string[]) => {
      seen.push(burst);
      if (burst.includes('first')) source$.next('caused');
      return EMPTY;
    };
    source$.pipe(settle({ quietMs: 5, maxMs: 20 }, work)).subscribe();
    source$.next('first');
    expect(seen).toEqual([['first']]);
    source$.complete();
    expect(seen).toEqual([['first'], ['caused']]);
  });

  it('loses nothing, keeps the order, does one thing at a time and keeps the ceiling, whatever comes and costs', () => {
    const anyMarbles = fc.array(fc.constantFrom('-', 'e'), { maxLength: 60 });
    const anyTimes = fc.record({ quietMs: fc.integer({ min: 0, max: 4 }), maxMs: fc.integer({ min: 4, max: 12 }) });
    const anyCosts = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 60, maxLength: 60 });
    fc.assert(
      fc.property(anyMarbles, anyTimes, anyCosts, (slots, times, costs) => {
        // Each event is a letter of its own, which says when it came.
        const marbles = slots.map((slot, at) => (slot === 'e' ? String.fromCharCode(0x4e00 + at) : '-')).join('');
        let number = 0;
        const { works } = settled(`${marbles}${'-'.repeat(900)}|`, times, () => costs[number++] ?? 0);
        const all = works.flatMap(({ burst }) => burst).join('');
        expect(all).toBe(marbles.replaceAll('-', ''));
        for (const [index, { burst, from }] of works.entries()) {
          const previousEnd = works[index - 1]?.to ?? 0;
          const cameAt = (burst[0]?.charCodeAt(0) ?? 0) - 0x4e00;
          // A timer of nothing still takes a turn of the scheduler, but no time.
          expect(from).toBeGreaterThanOrEqual(previousEnd);
          expect(from).toBeLessThanOrEqual(Math.max(cameAt + times.maxMs, previousEnd));
        }
      }),
      { numRuns: 300 },
    );
  });
});
