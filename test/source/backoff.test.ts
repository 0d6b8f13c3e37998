import { describe, expect, it } from '@jest/globals';
import { Backoff } from '../../src/source/backoff.ts';
import { realTiming } from '../../src/source/timing.ts';

const limits = { firstMs: 200, capMs: 30_000 };

describe('Backoff', () => {
  it('doubles the bound of the wait up to the cap, and stays there for ever', () => {
    const backoff = new Backoff(limits, { ...realTiming, random: () => 1 });
    const waits = Array.from({ length: 10 }, () => backoff.fail());
    expect(waits).toEqual([200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
    for (let index = 0; index < 2_000; index += 1) backoff.fail();
    expect(backoff.fail()).toBe(30_000);
    expect(backoff.failures).toBe(2_011);
  });

  it('spreads the waits between half the bound and the bound', () => {
    const backoff = new Backoff(limits, { ...realTiming, random: () => 0.25 });
    expect([backoff.fail(), backoff.fail()]).toEqual([125, 250]);
  });

  it('starts anew after a reset', () => {
    const backoff = new Backoff(limits, { ...realTiming, random: () => 1 });
    backoff.fail();
    backoff.fail();
    backoff.reset();
    expect(backoff.failures).toBe(0);
    expect(backoff.fail()).toBe(200);
  });
});
