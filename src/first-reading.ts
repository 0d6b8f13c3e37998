/** All that a source knows at first, for commands that read once and end. */
import { firstValueFrom, takeWhile, toArray } from 'rxjs';
import type { OperatorFunction } from 'rxjs';
import type { Problem } from './model/problem.ts';
import { ProblemBook } from './problem-book.ts';
import type { ObjectChange, Source, SourceEvent } from './source/source.ts';

export interface FirstReading {
  /** In the order in which they came. */
  readonly changes: readonly ObjectChange[];
  readonly problems: readonly Problem[];
}

/** Waits until the source has sent every object; `patience` is what the stream of all events goes through before. */
export async function firstReading(
  { events$ }: Source,
  patience: OperatorFunction<readonly SourceEvent[], readonly SourceEvent[]> = (whole$) => whole$,
): Promise<FirstReading> {
  const whole$ = events$.pipe(
    takeWhile(({ kind }) => kind !== 'synced'),
    toArray(),
  );
  const events = await firstValueFrom(whole$.pipe(patience));
  const book = new ProblemBook();
  for (const event of events) if (event.kind === 'problems') book.replace(event.origin, event.problems);
  return {
    changes: events.flatMap((event) => (event.kind === 'changes' ? event.changes : [])),
    problems: book.all(),
  };
}
