import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Graph } from '../../src/cluster/table.ts';
import { KeyIndex } from '../../src/cluster/key-index.ts';

describe('a table whose computation throws', () => {
  function graphOf() {
    const graph = new Graph();
    const numbers = graph.input<number>('numbers');
    const limits = graph.input<number>('limits');
    const checked = graph.derive('checked', numbers, (key, number, look) => {
      if (number > (look(limits, 'max') ?? 10)) throw new Error(`${key} is too large`);
      return number;
    });
    const bySign = graph.group('by sign', checked, (number) => {
      if (number === 5) throw new Error('five');
      return [number < 0 ? 'negative' : 'positive'];
    });
    const sums = graph.derive('sums', bySign, (_group, keys, look) =>
      keys.reduce((sum, key) => sum + (look(checked, key) ?? 0), 0),
    );
    const set = (values: Readonly<Record<string, number>>): void => {
      for (const [key, number] of Object.entries(values)) numbers.set(key, number);
      graph.commit();
    };
    const failures = () =>
      graph.failures().map(({ table, key, inputs }) => ({
        at: `${table.name} ${key}`,
        from: inputs.map((input) => `${input.table.name} ${input.key}`),
      }));
    return { graph, limits, checked, sums, set, failures };
  }

  it('keeps the last good value, computes everything else, and says what it was computed from', () => {
    const { checked, sums, set, failures } = graphOf();
    set({ a: 1, b: 2 });
    set({ a: 3, b: 11, c: 12 });
    expect([...checked.entries()]).toEqual([
      ['a', 3],
      ['b', 2],
    ]);
    expect(sums.get('positive')).toBe(5);
    expect(failures()).toEqual([
      { at: 'checked b', from: ['numbers b'] },
      { at: 'checked c', from: ['numbers c'] },
    ]);
  });

  it('tries again when something changes that the computation looked at', () => {
    const { graph, limits, checked, set, failures } = graphOf();
    set({ a: 11 });
    limits.set('max', 20);
    graph.commit();
    expect({ value: checked.get('a'), failures: failures() }).toEqual({ value: 11, failures: [] });
  });

  it('forgets the failure of a key that is gone', () => {
    const { graph, set, failures } = graphOf();
    set({ a: 11 });
    expect(failures()).toHaveLength(1);
    set({ a: 1 });
    expect(failures()).toEqual([]);
    expect(graph.commit().size).toBe(0);
  });

  it('leaves a key in its last groups when its groups cannot be told', () => {
    const { sums, set, failures } = graphOf();
    set({ a: 1 });
    set({ a: 5 });
    expect({ sum: sums.get('positive'), failures: failures() }).toEqual({
      sum: 5,
      failures: [{ at: 'checked a', from: ['numbers a'] }],
    });
  });
});

describe('KeyIndex', () => {
  it('holds what a map of sets holds', () => {
    const anyStep = fc.record({
      act: fc.constantFrom('add', 'delete', 'set'),
      at: fc.constantFrom('x', 'y'),
      members: fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 30 }), (steps) => {
        const index = new KeyIndex();
        const model = new Map<string, Set<string>>();
        for (const { act, at, members } of steps) {
          const [member = ''] = members;
          const known = model.get(at) ?? new Set();
          if (act === 'add') index.add(at, member);
          else if (act === 'delete') index.delete(at, member);
          else index.set(at, new Set(members.slice(1)));
          if (act === 'add') known.add(member);
          else if (act === 'delete') known.delete(member);
          model.set(at, act === 'set' ? new Set(members.slice(1)) : known);
          for (const each of ['x', 'y']) {
            const expected = [...(model.get(each) ?? [])].toSorted();
            expect([...index.get(each)].toSorted()).toEqual(expected);
            expect(index.has(each)).toBe(expected.length > 0);
          }
        }
      }),
    );
  });
});
