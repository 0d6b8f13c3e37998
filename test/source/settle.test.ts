import { describe, expect, it } from '@jest/globals';
import { Subject } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { settle, type SettleTimes } from '../../src/source/settle.ts';

/**
 * What comes out, each with its millisecond of virtual time, when the marbles go in: one character a millisecond, `|`
 * for the end and `#` for an error. `unsubscribeAt` is a millisecond.
 */
function settled(marbles: string, times: SettleTimes, unsubscribeAt?: number): readonly string[] {
  const scheduler = new TestScheduler(() => undefined);
  const log: string[] = [];
  const note = (what: string): void => {
    log.push(`${scheduler.now()}: ${what}`);
  };
  scheduler.run(({ hot }) => {
    const subscription = hot(marbles)
      .pipe(settle(times))
      .subscribe({
        next: (burst) => note(burst.join(' ')),
        error: () => note('error'),
        complete: () => note('end'),
      });
    if (unsubscribeAt !== undefined) scheduler.schedule(() => subscription.unsubscribe(), unsubscribeAt);
  });
  return log;
}

describe('settle', () => {
  it('lets the first event after quiet out at once', () => {
    expect(settled('a------b--|', { quietMs: 5, maxMs: 20 })).toEqual(['0: a', '7: b', '10: end']);
  });

  it('gathers what follows until the source has been quiet', () => {
    expect(settled('abc-d-----------|', { quietMs: 5, maxMs: 20 })).toEqual(['0: a', '9: b c d', '16: end']);
  });

  it('holds no gathered event longer than the ceiling, however long the burst goes on', () => {
    const result = settled('abc-def-g----------|', { quietMs: 5, maxMs: 3 });
    expect(result).toEqual(['0: a', '4: b c d', '8: e f g', '19: end']);
  });

  it('starts the ceiling at the first gathered event, not at the one let out', () => {
    expect(settled('a---b-c-----------|', { quietMs: 5, maxMs: 6 })).toEqual(['0: a', '10: b c', '18: end']);
  });

  it('has no floor: an event right after a burst went out by quiet goes out at once', () => {
    expect(settled('ab----d-----------|', { quietMs: 4, maxMs: 20 })).toEqual(['0: a', '5: b', '6: d', '18: end']);
  });

  it('gathers on after the ceiling cut a burst', () => {
    expect(settled('a-b-c-d---------|', { quietMs: 5, maxMs: 3 })).toEqual(['0: a', '5: b c', '9: d', '16: end']);
  });

  it('lets out what is gathered when the source completes', () => {
    expect(settled('abc|', { quietMs: 5, maxMs: 20 })).toEqual(['0: a', '3: b c', '3: end']);
  });

  it('passes an error at once', () => {
    expect(settled('abc#', { quietMs: 5, maxMs: 20 })).toEqual(['0: a', '3: error']);
  });

  it('is silent after unsubscribing', () => {
    expect(settled('abc-------|', { quietMs: 5, maxMs: 20 }, 3)).toEqual(['0: a']);
  });

  it('unsubscribes from the source and leaves no timer behind', () => {
    const scheduler = new TestScheduler(() => undefined);
    const source$ = new Subject<string>();
    const subscription = source$.pipe(settle({ quietMs: 5, maxMs: 20 }, scheduler)).subscribe();
    source$.next('a');
    source$.next('b');
    expect(scheduler.actions).toHaveLength(2);
    subscription.unsubscribe();
    expect({ timers: scheduler.actions.length, isObserved: source$.observed }).toEqual({
      timers: 0,
      isObserved: false,
    });
  });

  it('gathers an event that the receiver of the first one causes', () => {
    const source$ = new Subject<string>();
    const seen: (readonly string[])[] = [];
    source$.pipe(settle({ quietMs: 5, maxMs: 20 })).subscribe((burst) => {
      seen.push(burst);
      if (burst.includes('first')) source$.next('caused');
    });
    source$.next('first');
    expect(seen).toEqual([['first']]);
    source$.complete();
    expect(seen).toEqual([['first'], ['caused']]);
  });
});
