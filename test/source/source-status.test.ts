import { describe, expect, it } from '@jest/globals';
import { ApiFailure } from '../../src/source/api-failure.ts';
import { SourceStatus } from '../../src/source/source-status.ts';

const target = { resource: 'Ingress', namespace: 'blue' } as const;
const gone = new ApiFailure('cannot reach the server');

describe('SourceStatus', () => {
  it('tells what is followed, since when it is not, and why', () => {
    let now = 1_000;
    const status = new SourceStatus(() => now);
    status.note({ ...target, kind: 'failed', operation: 'list', failure: gone });
    expect(status.all()).toEqual([
      {
        kind: 'Ingress',
        namespace: 'blue',
        state: 'failing',
        objects: 0,
        lastContactMs: 0,
        failure: 'Reading from Kubernetes fails: cannot reach the server',
      },
    ]);
    status.note({ ...target, kind: 'listed', objects: 7, pages: 1 });
    status.note({ ...target, kind: 'watching' });
    expect(status.all()).toMatchObject([{ state: 'watching', objects: 7, lastContactMs: 1_000, failure: '' }]);
    now = 5_000;
    status.note({ ...target, kind: 'failed', operation: 'watch', failure: gone });
    expect(status.all()).toMatchObject([{ state: 'failing', objects: 7, lastContactMs: 1_000 }]);
    status.note({ ...target, kind: 'watching' });
    expect(status.all()).toMatchObject([{ state: 'watching', objects: 7, lastContactMs: 5_000, failure: '' }]);
  });

  it('leaves out Secrets that are read one by one', () => {
    const status = new SourceStatus();
    status.note({ resource: 'Secret', namespace: 'blue', name: 'web', kind: 'watching' });
    expect(status.all()).toEqual([]);
  });
});
