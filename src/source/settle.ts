// Gathers bursts of events, so that a thousand changes that come together cost one recomputation, while a lone change
// does not wait at all. RxJS's debounceTime has no ceiling (a steady stream starves it) and delays every event.

import { asyncScheduler, Observable, type OperatorFunction, type SchedulerLike, type Subscription } from 'rxjs';

export interface SettleTimes {
  /** A burst is over when nothing has come for this long, in milliseconds. */
  readonly quietMs: number;
  /** The longest that a gathered event waits, in milliseconds, however long the burst goes on. */
  readonly maxMs: number;
}

/**
 * The first event after quiet goes out at once, alone. What follows before the source has been quiet for `quietMs` is
 * gathered and goes out as one array when it has been, or `maxMs` after the first gathered event. On completion what
 * is gathered goes out; an error passes at once and what is gathered is lost. The order is kept; arrays are never empty.
 */
export function settle<T>(
  { quietMs, maxMs }: SettleTimes,
  scheduler: SchedulerLike = asyncScheduler,
): OperatorFunction<T, readonly T[]> {
  return (source$) =>
    new Observable<readonly T[]>((subscriber) => {
      let gathered: T[] = [];
      let quiet: Subscription | undefined;
      let ceiling: Subscription | undefined;

      const flush = (): void => {
        ceiling?.unsubscribe();
        ceiling = undefined;
        if (gathered.length === 0) return;
        const burst = gathered;
        gathered = [];
        subscriber.next(burst);
      };
      const waitForQuiet = (): void => {
        quiet?.unsubscribe();
        quiet = scheduler.schedule(() => {
          quiet = undefined;
          flush();
        }, quietMs);
      };

      // Registered before the subscription, because a source may emit and end while it is being subscribed to.
      subscriber.add(() => {
        quiet?.unsubscribe();
        ceiling?.unsubscribe();
      });
      subscriber.add(
        source$.subscribe({
          next: (event) => {
            const isFirst = quiet === undefined;
            waitForQuiet();
            if (isFirst) {
              subscriber.next([event]);
              return;
            }
            gathered.push(event);
            ceiling ??= scheduler.schedule(flush, maxMs);
          },
          error: (error: unknown) => subscriber.error(error),
          complete: () => {
            flush();
            subscriber.complete();
          },
        }),
      );
    });
}
