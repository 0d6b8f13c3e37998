// Gathers bursts of events, so that a thousand changes that come together cost one recomputation, while a lone change
// does not wait at all. How long is gathered follows what the work costs, which RxJS's own operators cannot know:
// debounceTime and throttleTime wait as long for a millisecond's work as for a second's.

import {
  asyncScheduler,
  from,
  Observable,
  type ObservableInput,
  type OperatorFunction,
  type SchedulerLike,
} from 'rxjs';
import type { Subscription } from 'rxjs';

export interface SettleTimes {
  /** Events are gathered for at least this long after the work on a burst has ended, in milliseconds. */
  readonly quietMs: number;
  /** The longest that an event is held back, in milliseconds, on top of the work that is under way when it comes. */
  readonly maxMs: number;
}

/** Rest for each millisecond of work: under churn, the work takes up to a third of the time. */
const restPerWork = 2;

/**
 * Does `work` on bursts of events, one at a time, and passes on what it gives. An event that comes at rest goes to work
 * at once, alone. What comes while there is work, and then for twice as long as that took (but `quietMs` at the least
 * and `maxMs` at the most), is gathered and goes together. So a cheap stream of changes passes nearly undelayed, and a
 * costly one is gathered.
 *
 * Nothing is lost and the order is kept; bursts are never empty. What is gathered when the source completes goes to work
 * before the completion. An error of the source or of the work passes at once, and what is gathered is lost.
 */
export function settle<T, R>(
  times: SettleTimes,
  work: (burst: readonly T[]) => ObservableInput<R>,
  scheduler: SchedulerLike = asyncScheduler,
): OperatorFunction<T, R> {
  return (source$) =>
    new Observable<R>((subscriber) => {
      let gathered: T[] = [];
      let gatheringSince = 0;
      let state: 'rested' | 'working' | 'resting' = 'rested';
      let isEnding = false;
      let rest: Subscription | undefined;
      let working: Subscription | undefined;

      const begin = (): void => {
        const burst = gathered;
        gathered = [];
        state = 'working';
        const startedAt = scheduler.now();
        working = from(work(burst)).subscribe({
          next: (result) => subscriber.next(result),
          error: (error: unknown) => subscriber.error(error),
          complete: () => beginRest(scheduler.now() - startedAt),
        });
      };
      const beginRest = (costMs: number): void => {
        state = 'resting';
        const wanted = Math.min(Math.max(costMs * restPerWork, times.quietMs), times.maxMs);
        const allowed = gathered.length === 0 ? wanted : gatheringSince + times.maxMs - scheduler.now();
        if (isEnding) endRest();
        else rest = scheduler.schedule(endRest, Math.max(0, Math.min(wanted, allowed)));
      };
      const endRest = (): void => {
        rest?.unsubscribe();
        state = 'rested';
        if (gathered.length > 0) begin();
        else if (isEnding) subscriber.complete();
      };

      // Registered before the subscription, because a source may emit and end while it is being subscribed to.
      subscriber.add(() => {
        rest?.unsubscribe();
        working?.unsubscribe();
      });
      subscriber.add(
        source$.subscribe({
          next: (event) => {
            if (gathered.length === 0) gatheringSince = scheduler.now();
            gathered.push(event);
            if (state === 'rested') begin();
          },
          error: (error: unknown) => subscriber.error(error),
          complete: () => {
            isEnding = true;
            if (state !== 'working') endRest();
          },
        }),
      );
    });
}
