/** The flags of `sluice drain`, and what it counts; test/envoy/drain.test.ts drains an Envoy. */
import { describe, expect, it } from '@jest/globals';
import { activeConnections, readDrain } from '../../src/cli/drain.ts';

describe('drain', () => {
  it('finds the admin interface where `sluice bootstrap` puts it unless told otherwise', () => {
    const times = { minMs: 10_000, maxMs: 60_000, keepReady: false };
    expect(readDrain({})).toEqual({ admin: { socketPath: '/tmp/sluice-envoy-admin.sock' }, ...times });
    expect(readDrain({ adminAddress: '127.0.0.1' })).toEqual({ admin: { host: '127.0.0.1', port: 9901 }, ...times });
    expect(readDrain({ adminSocket: '/run/admin.sock', keepReady: true })).toEqual({
      admin: { socketPath: '/run/admin.sock' },
      ...times,
      keepReady: true,
    });
  });

  it('refuses what contradicts itself', () => {
    expect(() => readDrain({ adminSocket: '/run/admin.sock', adminPort: '1' })).toThrow('exclude each other');
    expect(() => readDrain({ min: '2s', max: '1s' })).toThrow('--min is 2000ms and --max is 1000ms');
  });

  it("counts the connections of clients, without those to Envoy's own pages", () => {
    const stats = [
      'http.admin.downstream_cx_active: 1',
      'http.http.downstream_cx_active: 2',
      'http.https.downstream_cx_active: 3',
      'http.status.downstream_cx_active: 4',
    ];
    expect(activeConnections(stats.join('\n'))).toBe(5);
  });
});
