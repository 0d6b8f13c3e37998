/** A set of numbers in bits is a set. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { IdSet } from '../../src/xds/id-set.ts';

const id = fc.oneof(fc.nat({ max: 70 }), fc.constantFrom(31, 32, 63, 64, 4_095, 4_096));
const step = fc.record({ kind: fc.constantFrom('add', 'add', 'delete', 'copy', 'clear'), id });

describe('a set of ids', () => {
  it('has what was added and not deleted, in ascending order', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        let ids = new IdSet();
        const model = new Set<number>();
        for (const { kind, id: each } of steps) {
          const had = model.has(each);
          let [told, expected] = [had, had];
          if (kind === 'add') {
            [told, expected] = [ids.add(each), !had];
            model.add(each);
          } else if (kind === 'delete') {
            [told, expected] = [ids.delete(each), had];
            model.delete(each);
          } else if (kind === 'copy') {
            const copy = new IdSet();
            copy.copy(ids);
            // The two must not share what is changed next.
            ids.clear();
            ids = copy;
          } else if (each > 60) {
            ids.clear();
            model.clear();
          }
          expect(told).toBe(expected);
          expect([...ids]).toEqual([...model].toSorted((a, b) => a - b));
          expect(ids.size).toBe(model.size);
          expect(ids.has(each)).toBe(model.has(each));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('may lose members while it is read', () => {
    const ids = new IdSet();
    for (const each of [1, 31, 32, 100]) ids.add(each);
    const seen: number[] = [];
    for (const each of ids) {
      seen.push(each);
      ids.delete(each);
      ids.delete(100);
    }
    expect(seen).toEqual([1, 31, 32]);
    expect(ids.size).toBe(0);
  });
});
