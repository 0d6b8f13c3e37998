/** Generated sets of objects, with every annotation and every kind of bad value. `SLUICE_OBJECT_SETS=100000` makes so many. */
import * as fc from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import { toJson } from '../../src/proto/message.ts';
import { objectSet } from './arbitrary-objects.ts';
import type { MadeSet } from './arbitrary-objects.ts';
import { translateSet } from './object-set.ts';

const { SLUICE_OBJECT_SETS: wanted = '400' } = process.env;
const total = Number(wanted);
const batchSize = 1_000;

describe('the translation of generated sets of objects', () => {
  it('neither fails nor makes what the rules for resources refuse, and blames objects of the set', () => {
    const faults = new Map<string, string>();
    for (let done = 0; done < total && faults.size < 20; done += batchSize) {
      const sets: readonly MadeSet[] = fc.sample(objectSet, {
        numRuns: Math.min(batchSize, total - done),
        ...seedOf(done),
      });
      for (const [index, make] of sets.entries()) {
        const objects = make(done + index);
        const shown = JSON.stringify(objects).slice(0, 4_000);
        try {
          const { translation, known, resources } = translateSet(objects);
          for (const problem of translation.problems()) {
            const { object, reason, message } = problem;
            if (reason === 'InternalError' || reason === 'ResourceRefused') {
              faults.set(`${reason} ${message.slice(0, 160)}`, shown);
            } else if (!known.has(`${object.kind} ${object.namespace} ${object.name}`)) {
              faults.set(`blames ${JSON.stringify(object)}: ${message}`, shown);
            }
          }
          for (const { name, body } of resources) toJson(name, body);
        } catch (error) {
          faults.set(error instanceof Error ? (error.stack ?? '') : String(error), shown);
        }
      }
      if (total > batchSize) process.stderr.write(`${Math.min(total, done + batchSize)} sets, ${faults.size} faults\n`);
    }
    expect([...faults]).toEqual([]);
  }, 36_000_000);
});

/** Later batches are others than the first, and the same in every run. */
function seedOf(done: number): { readonly seed?: number } {
  return done === 0 ? {} : { seed: done };
}
