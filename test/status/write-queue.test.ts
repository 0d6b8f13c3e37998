/** How writes are spread over time: limits, retries, and what one failure costs the others. */
import { describe, expect, it } from '@jest/globals';
import { ApiFailure } from '../../src/source/api-client.ts';
import { defaultStatusLimits } from '../../src/status/status-writer.ts';
import { WriteQueue } from '../../src/status/write-queue.ts';
import { VirtualTiming } from '../support/virtual-timing.ts';

const limits = { ...defaultStatusLimits, perSecond: 10, burst: 5, concurrency: 2 };

function setUp(answer: (key: string) => number = () => 200) {
  const clock = new VirtualTiming();
  const timing = clock.timing({ random: () => 0.9 });
  const writes: { readonly key: string; readonly at: number }[] = [];
  const failures: string[] = [];
  let running = 0;
  let mostRunning = 0;
  let isOpen = true;
  const queue = new WriteQueue({
    write: async (key) => {
      running += 1;
      mostRunning = Math.max(mostRunning, running);
      await new Promise<void>((fulfil) => {
        timing.after(5, fulfil);
      });
      running -= 1;
      writes.push({ key, at: clock.now });
      const status = answer(key);
      if (status !== 200) throw new ApiFailure(`HTTP ${status}`, { status });
    },
    scopeOf: (key) => key.split('/')[0] ?? '',
    isOpen: () => isOpen,
    limits,
    timing,
    observe: ({ message }, key) => failures.push(`${key} ${message}`),
    fail: (error) => {
      throw error;
    },
  });
  return {
    clock,
    queue,
    writes,
    failures,
    keys: () => writes.map(({ key }) => key),
    mostRunning: () => mostRunning,
    setOpen: (open: boolean) => {
      isOpen = open;
    },
  };
}

describe('WriteQueue', () => {
  it('writes a burst at once and then at its rate, a few at the same time, in the order of arrival', async () => {
    const { clock, queue, keys, mostRunning } = setUp();
    const all = Array.from({ length: 100 }, (_, index) => `ns/${String(index).padStart(3, '0')}`);
    for (const key of all) queue.add(key);
    await clock.advance(1_000);
    expect(keys().length).toBeGreaterThanOrEqual(limits.burst + limits.perSecond - 2);
    expect(keys().length).toBeLessThanOrEqual(limits.burst + limits.perSecond);
    await clock.advance(9_000);
    expect(keys()).toEqual(all);
    expect(mostRunning()).toBe(limits.concurrency);
    expect(queue.size).toBe(0);
  });

  it('writes a key once that is added many times, and again when it is added while it is written', async () => {
    const { clock, queue, keys } = setUp();
    queue.add('ns/a');
    queue.add('ns/a');
    await clock.advance(1);
    queue.add('ns/a');
    queue.add('ns/a');
    await clock.advance(1_000);
    expect(keys()).toEqual(['ns/a', 'ns/a']);
  });

  it('makes everything wait while the server is out, and then goes on', async () => {
    let isOut = true;
    const { clock, queue, keys } = setUp(() => (isOut ? 503 : 200));
    for (let index = 0; index < 50; index += 1) queue.add(`ns/${index}`);
    await clock.advance(60_000);
    const tried = keys().length;
    expect(tried).toBeLessThan(20);
    isOut = false;
    await clock.advance(120_000);
    expect(keys().length - tried).toBe(50);
    expect(queue.size).toBe(0);
  });

  it('leaves a namespace alone that it may not write to, and goes on with the others', async () => {
    const { clock, queue, keys } = setUp((key) => (key.startsWith('closed/') ? 403 : 200));
    for (let index = 0; index < 100; index += 1) queue.add(`closed/${index}`);
    for (let index = 0; index < 20; index += 1) queue.add(`open/${index}`);
    await clock.advance(10_000);
    expect(keys().filter((key) => key.startsWith('open/'))).toHaveLength(20);
    await clock.advance(3_600_000);
    // 300 s apart in the end, and up to two under way each time.
    expect(keys().filter((key) => key.startsWith('closed/')).length).toBeLessThan(60);
  });

  it('tries what the server refuses ever later, and forgets what is gone', async () => {
    const { clock, queue, keys, failures } = setUp((key) => (key === 'ns/bad' ? 422 : 404));
    queue.add('ns/bad');
    queue.add('ns/gone');
    await clock.advance(3_600_000);
    expect(keys().filter((key) => key === 'ns/gone')).toHaveLength(1);
    const bad = keys().filter((key) => key === 'ns/bad').length;
    expect(bad).toBeGreaterThan(10);
    expect(bad).toBeLessThan(30);
    expect(failures).toContain('ns/gone HTTP 404');
  });

  it('begins nothing while it is closed, and nothing that was cleared', async () => {
    const { clock, queue, keys, setOpen } = setUp();
    setOpen(false);
    queue.add('ns/a');
    queue.addAfter('ns/b', 100);
    await clock.advance(1_000);
    expect(keys()).toEqual([]);
    queue.clear();
    setOpen(true);
    queue.add('ns/c');
    await clock.advance(1_000);
    expect(keys()).toEqual(['ns/c']);
  });
});
