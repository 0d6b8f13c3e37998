/** Names kept as bits say the same as names kept with an entry each. */
import { expect, it, describe } from '@jest/globals';
import fc from 'fast-check';
import { DirtyNames } from '../../src/xds/dirty-names.ts';
import type { Dirty, Held } from '../../src/xds/dirty-names.ts';
import { NameSet } from '../../src/xds/name-set.ts';
import { ResourceTable } from '../../src/xds/resource-table.ts';
import type { Subscriber } from '../../src/xds/view.ts';
import { cluster } from '../support/resources.ts';

const names = ['a', 'b', 'c', 'd'];

type Step =
  | { readonly kind: 'publish'; readonly name: string; readonly edition: number | undefined }
  | { readonly kind: 'mark'; readonly name: string; readonly forced: boolean; readonly atStart: boolean }
  | { readonly kind: 'mark all' }
  | { readonly kind: 'delete'; readonly name: string };

const name = fc.constantFrom(...names);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('publish' as const),
    name,
    edition: fc.option(fc.nat({ max: 3 }), { nil: undefined }),
  }),
  fc.record({ kind: fc.constant('mark' as const), name, forced: fc.boolean(), atStart: fc.boolean() }),
  fc.constant<Step>({ kind: 'mark all' }),
  fc.record({ kind: fc.constant('delete' as const), name }),
);

/** An entry for each name, as simply as can be. */
class Entries {
  readonly all = new Map<string, Dirty>();

  mark(each: string, held: Held | undefined, sequence: number, forced: boolean): void {
    const earlier = this.all.get(each);
    this.all.set(each, {
      first: earlier?.first ?? sequence,
      last: Math.max(earlier?.last ?? 0, sequence),
      held: earlier === undefined ? held : earlier.held,
      forced: forced || earlier?.forced === true,
    });
  }
}

describe.each([
  ['in order', true],
  ['in no order', false],
])('dirty names of a type that changes %s', (_title, isOrdered) => {
  it('are what they would be with an entry each', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const table = new ResourceTable('type');
        const dirty = new DirtyNames(table, isOrdered);
        const entries = new Entries();
        let sequence = 1;
        const both = (each: string, held: Held | undefined, at: number, forced: boolean): void => {
          dirty.mark(each, held, at, forced);
          entries.mark(each, held, at, forced);
        };
        table.watch({ subscriber: {}, coversId: () => true, changed: (each, held, at) => both(each, held, at, false) });
        for (const each of steps) {
          if (each.kind === 'publish') {
            sequence += 1;
            const resource = each.edition === undefined ? undefined : cluster(each.name, each.edition);
            table.replace(each.name, resource, sequence, new Set<Subscriber>());
          } else if (each.kind === 'mark') both(each.name, undefined, each.atStart ? 0 : sequence, each.forced);
          else if (each.kind === 'mark all') {
            dirty.markAll(new NameSet(table), sequence);
            for (const known of table.names()) entries.mark(known, undefined, sequence, false);
          } else {
            dirty.delete(each.name);
            entries.all.delete(each.name);
          }
          // Of what the client does not hold and may have at any time, it does not matter when it changed last.
          const told = (all: Iterable<readonly [string, Dirty]>): ReadonlyMap<string, unknown> =>
            new Map(
              Array.from(all, ([of, { last, ...rest }]) => [
                of,
                isOrdered || rest.held !== undefined ? { last, ...rest } : rest,
              ]),
            );
          expect(told(dirty)).toEqual(told(entries.all));
          expect([...dirty.keys()].toSorted()).toEqual([...entries.all.keys()].toSorted());
          expect(names.filter((known) => dirty.has(known))).toEqual(names.filter((known) => entries.all.has(known)));
          expect(dirty.size).toBe(entries.all.size);
          expect(dirty.oldest()).toBe(Math.min(Infinity, ...[...entries.all.values()].map(({ first }) => first)));
        }
      }),
      { numRuns: 500 },
    );
  });
});
