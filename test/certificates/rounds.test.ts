/** What looks after certificates goes on whatever happens, and says of each thing that is wrong once what it is. */
import { describe, expect, it } from '@jest/globals';
import { Rounds } from '../../src/certificates/rounds.ts';
import { eventually } from '../support/eventually.ts';

/** Fails with each of these in turn, and succeeds where it is undefined; at last for ever. */
function watched(outcomes: readonly (string | undefined)[]) {
  const said: string[] = [];
  const counts = { rounds: 0 };
  const rounds = new Rounds({
    round: () => {
      const reason = outcomes[counts.rounds];
      counts.rounds += 1;
      return reason === undefined ? Promise.resolve() : Promise.reject(new Error(reason));
    },
    everyMs: 1,
    retryMs: 1,
    complain: (reason) => said.push(reason),
    recovered: () => said.push('recovered'),
  });
  return { rounds, said, counts };
}

describe('rounds', () => {
  it('go on after failures, and tell each reason once in a row, and when it is over', async () => {
    const { rounds, said, counts } = watched([undefined, 'a', 'a', 'b', 'a', undefined, undefined, 'a']);
    await rounds.start();
    await eventually(() => expect(counts.rounds).toBeGreaterThan(9));
    await rounds.stop();
    expect(said).toEqual(['a', 'b', 'a', 'recovered', 'a', 'recovered']);
  });

  it('wait longer after success than after failure', async () => {
    const times = { failed: 0, done: 0 };
    const rounds = new Rounds({
      round: async () => {
        if (times.failed < 3) {
          times.failed += 1;
          throw new Error('not yet');
        }
        times.done += 1;
      },
      everyMs: 3_600_000,
      retryMs: 1,
      complain: () => undefined,
    });
    await rounds.start();
    await eventually(() => expect(times).toEqual({ failed: 3, done: 1 }));
    await rounds.stop();
    expect(times.done).toBe(1);
  });

  it('end with the round that is going on, of which nothing is told', async () => {
    const said: string[] = [];
    let fail: (error: Error) => void = () => undefined;
    const rounds = new Rounds({
      round: () => new Promise((_fulfil, reject) => (fail = reject)),
      everyMs: 1,
      retryMs: 1,
      complain: (reason) => said.push(reason),
    });
    void rounds.start();
    const stopped = rounds.stop();
    fail(new Error('late'));
    await stopped;
    expect([said, rounds.isStopped]).toEqual([[], true]);
  });
});
