import { describe, expect, it } from '@jest/globals';
import { kinds } from '../../src/cluster/kubernetes-object.ts';
import { ApiFailure } from '../../src/source/api-failure.ts';
import type { ReflectorTarget } from '../../src/source/reflected-resource.ts';
import { SyncGate } from '../../src/source/sync-gate.ts';

function targets(...namespaces: readonly string[]): readonly ReflectorTarget[] {
  return kinds.flatMap((resource): readonly ReflectorTarget[] =>
    resource === 'IngressClass'
      ? [{ resource, namespace: '' }]
      : namespaces.map((namespace) => ({ resource, namespace })),
  );
}

function refuse(gate: SyncGate, refused: readonly ReflectorTarget[], times = 3, status = 403): void {
  for (let index = 0; index < times; index += 1) {
    for (const target of refused) {
      gate.note({ ...target, kind: 'failed', operation: 'list', failure: new ApiFailure('no', { status }) });
    }
  }
}

function list(gate: SyncGate, listed: readonly ReflectorTarget[]): void {
  for (const target of listed) gate.note({ ...target, kind: 'listed', objects: 0, pages: 1 });
}

const of =
  (namespace: string) =>
  (target: ReflectorTarget): boolean =>
    target.namespace === namespace;

describe('SyncGate', () => {
  it('opens when everything has been listed, and not before', () => {
    const all = targets('');
    const gate = new SyncGate(all);
    list(gate, all.slice(1));
    expect(gate.isOpen).toBe(false);
    list(gate, all);
    expect(gate.isOpen).toBe(true);
  });

  it('stays shut while a kind is forbidden in the whole cluster', () => {
    const all = targets('');
    const gate = new SyncGate(all);
    list(gate, all.slice(1));
    refuse(gate, all.slice(0, 1), 10);
    expect(gate.isOpen).toBe(false);
  });

  it('opens without a namespace of which everything is forbidden, and without IngressClasses, when another can be read', () => {
    const all = targets('blue', 'green');
    const gate = new SyncGate(all);
    refuse(gate, all.filter(of('green')));
    refuse(gate, all.filter(of('')));
    expect(gate.isOpen).toBe(false);
    list(gate, all.filter(of('blue')));
    expect(gate.isOpen).toBe(true);
  });

  it('stays shut while a part of a namespace is forbidden: what is missing would be taken for deleted', () => {
    const all = targets('blue', 'green');
    const gate = new SyncGate(all);
    list(gate, all.filter(of('')));
    list(gate, all.filter(of('blue')));
    list(gate, all.filter(of('green')).slice(1));
    refuse(gate, all.filter(of('green')).slice(0, 1));
    expect(gate.isOpen).toBe(false);
  });

  it.each([
    ['one refusal', 1, 403],
    ['another failure', 5, 500],
  ])('stays shut after %s', (_name, times, status) => {
    const all = targets('blue', 'green');
    const gate = new SyncGate(all);
    list(gate, all.filter(of('')));
    list(gate, all.filter(of('blue')));
    refuse(gate, all.filter(of('green')), times, status);
    expect(gate.isOpen).toBe(false);
  });
});
