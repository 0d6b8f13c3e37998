import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { Problem } from '../src/model/problem.ts';
import { PublicationLog } from '../src/publication-log.ts';
import { VirtualTiming } from './support/virtual-timing.ts';

function start() {
  const clock = new VirtualTiming();
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null, timestamp: false }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const problems: Problem[] = [];
  let readings = 0;
  const read = (): readonly Problem[] => {
    readings += 1;
    return [...problems];
  };
  const publications = new PublicationLog(log, read, clock.timing());
  const published = () => lines.filter(({ msg }) => msg === 'published');
  return { clock, lines, problems, publications, published, readings: () => readings };
}

function problem(name: string): Problem {
  return {
    object: { kind: 'Ingress', namespace: 'shop', name },
    field: '',
    severity: 'error',
    reason: 'InternalError',
    message: `there is something about ${name}`,
    fix: 'look at it',
  };
}

describe('The log of publications', () => {
  it('tells of one that comes alone at once', () => {
    const { publications, published } = start();
    publications.note({ sequence: 1, changed: 3, removed: 1 }, false);
    expect(published()).toEqual([expect.objectContaining({ sequence: 1, publications: 1, changed: 3, removed: 1 })]);
  });

  it('gathers 200 a second into one line, and leaves none out', async () => {
    const { clock, publications, published } = start();
    for (let sequence = 1; sequence <= 1_000; sequence += 1) {
      publications.note({ sequence, changed: 1, removed: 0 }, false);
      // oxlint-disable-next-line no-await-in-loop -- time passes between them
      await clock.advance(5);
    }
    await clock.advance(2_000);
    expect(published().length).toBeLessThanOrEqual(7);
    expect(published().at(-1)).toMatchObject({ sequence: 1_000 });
    expect(published().reduce((sum, { changed }) => sum + Number(changed), 0)).toBe(1_000);
  });

  it('tells of a problem at once, and of those that follow closely within a second', async () => {
    const { clock, lines, problems, publications, readings } = start();
    problems.push(problem('first'));
    publications.note(undefined, true);
    expect(lines).toHaveLength(1);
    problems.push(problem('second'));
    for (let change = 0; change < 100; change += 1) publications.note(undefined, true);
    expect(lines).toHaveLength(1);
    await clock.advance(1_000);
    expect(lines.map(({ msg }) => msg)).toEqual(['there is something about first', 'there is something about second']);
    expect(readings()).toBe(2);
  });

  it('tells at the end what it has gathered', () => {
    const { publications, published } = start();
    publications.note({ sequence: 1, changed: 1, removed: 0 }, false);
    publications.note({ sequence: 2, changed: 1, removed: 0 }, false);
    publications.stop();
    expect(published()).toHaveLength(2);
  });
});
