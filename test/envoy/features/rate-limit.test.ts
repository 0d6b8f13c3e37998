import { expect, it } from '@jest/globals';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

describeWithEnvoy('rate limits', () => {
  const stage = scene({ tlsNames: ['tls.test'] });
  const host = (name: string) => ({ [`${name}.test`]: { '/': 'web:80' } });
  /** How many of the requests came through, one after the other, and what the last was answered. */
  const passing = async (url: string, requests: number): Promise<string> => {
    let passed = 0;
    let last = 0;
    for (let sent = 0; sent < requests; sent += 1) {
      ({ status: last } = await stage.ask(url));
      if (last === 200) passed += 1;
    }
    return `${passed}, then ${last}`;
  };

  it('let a burst of five times the limit and one request through, and answer 503 to more', async () => {
    await stage.apply({
      one: { hosts: host('one'), annotations: { 'limit-rpm': '1' } },
      ten: { hosts: host('ten'), annotations: { 'limit-rpm': '10' } },
      twice: { hosts: host('twice'), annotations: { 'limit-rpm': '3', 'limit-burst-multiplier': '2' } },
      many: { hosts: host('many'), annotations: { 'limit-rpm': '2', 'limit-burst-multiplier': '20' } },
      both: { hosts: host('both'), annotations: { 'limit-rpm': '2', 'limit-rps': '1000' } },
      none: { hosts: host('none'), annotations: { 'limit-rpm': '0', 'limit-rps': '0' } },
    });
    expect(await passing('one.test', 8)).toBe('6, then 503');
    expect(await passing('ten.test', 53)).toBe('51, then 503');
    expect(await passing('twice.test', 9)).toBe('7, then 503');
    expect(await passing('many.test', 43)).toBe('41, then 503');
    expect(await passing('both.test', 13)).toBe('11, then 503');
    expect(await passing('none.test', 8)).toBe('8, then 200');
  });

  it('count all hosts and paths of an Ingress together, and each Ingress for itself', async () => {
    await stage.apply({
      together: {
        hosts: { 'a.test': { '/': 'web:80', '/api': 'api:80' }, 'b.test': { '/': 'web:80' } },
        annotations: { 'limit-rpm': '1' },
      },
      apart: { hosts: { 'a.test': { '/apart': 'api:80' } }, annotations: { 'limit-rpm': '1' } },
      free: { hosts: { 'a.test': { '/free': 'api:80' } } },
    });
    expect(await passing('a.test/', 2)).toBe('2, then 200');
    expect(await passing('a.test/api', 2)).toBe('2, then 200');
    expect(await passing('b.test/', 4)).toBe('2, then 503');
    expect(await passing('a.test/', 1)).toBe('0, then 503');
    expect(await passing('a.test/apart', 8)).toBe('6, then 503');
    expect(await passing('a.test/free', 8)).toBe('8, then 200');
  });

  it('are not forgotten when something else changes, nor their own Ingress, nor when they change', async () => {
    await stage.apply({ kept: { hosts: host('kept'), annotations: { 'limit-rpm': '1' } } });
    expect(await passing('kept.test', 8)).toBe('6, then 503');
    const updates = await stage.envoy.stat('listener_manager.listener_modified');
    await stage.apply({ other: { hosts: host('other') } });
    expect(await passing('kept.test', 1)).toBe('0, then 503');
    await stage.apply({
      kept: { hosts: { 'kept.test': { '/': 'api:80', '/new': 'web:80' } }, annotations: { 'limit-rpm': '1' } },
    });
    expect(await passing('kept.test/new', 1)).toBe('0, then 503');
    await stage.apply({ kept: { hosts: host('kept') } });
    expect(await passing('kept.test', 8)).toBe('8, then 200');
    expect(await stage.envoy.stat('listener_manager.listener_modified')).toBe(updates);
  });

  it('do not count redirects and preflights, and are there for answers without a backend', async () => {
    const limit = { 'limit-rpm': '1' };
    await stage.apply({
      away: { hosts: host('away'), annotations: { ...limit, 'permanent-redirect': 'https://x.test/' } },
      cors: { hosts: host('cors'), annotations: { ...limit, 'enable-cors': 'true' } },
      tls: { hosts: host('tls'), tls: [{ hosts: ['tls.test'], secretName: 'tls' }], annotations: limit },
      part: { hosts: { 'part.test': { '/x': 'web:80' } }, annotations: limit },
    });
    for (let sent = 0; sent < 8; sent += 1) {
      expect(await stage.outcome('away.test/')).toBe('301 https://x.test/');
      expect(await stage.outcome('cors.test/', { method: 'OPTIONS' })).toBe('204');
      expect(await stage.outcome('tls.test/')).toBe('308 https://tls.test');
    }
    expect(await passing('https://tls.test/', 8)).toBe('6, then 503');
    expect(await passing('part.test/other', 7)).toBe('0, then 503');
    expect(await stage.outcome('part.test/x')).toBe('503');
  });

  it('are not for addresses on the list', async () => {
    const limit = { 'limit-rpm': '1' };
    await stage.apply({
      listed: { hosts: host('listed'), annotations: { ...limit, 'limit-whitelist': '10.0.0.0/8,127.0.0.0/8' } },
      named: { hosts: host('named'), annotations: { ...limit, 'limit-allowlist': '127.0.0.1' } },
      unlisted: { hosts: host('unlisted'), annotations: { ...limit, 'limit-allowlist': '10.0.0.0/8,::1' } },
      unread: { hosts: host('unread'), annotations: { ...limit, 'limit-allowlist': '127.0.0.1/99' } },
    });
    expect(await passing('listed.test', 8)).toBe('8, then 200');
    expect(await passing('named.test', 8)).toBe('8, then 200');
    expect(await passing('unlisted.test', 8)).toBe('6, then 503');
    expect(await passing('unread.test', 8)).toBe('6, then 503');
    expect(stage.problems()).toEqual(['unread limit-allowlist InvalidAnnotation']);
  });

  it('close the paths when they cannot be read', async () => {
    const values = ['ten', '-1', '1.5', '10r/s', '99999999999999999999', '%REQ(x)%'];
    await stage.apply(
      Object.fromEntries(
        values.map((value, index) => [
          `bad${index}`,
          { hosts: host(`bad${index}`), annotations: { 'limit-rps': value } },
        ]),
      ),
    );
    for (const index of values.keys()) expect(await stage.outcome(`bad${index}.test`)).toBe('503');
    expect(stage.problems().filter((each) => each.endsWith('limit-rps InvalidProtection')).length).toBe(values.length);
  });

  it('take the largest numbers', async () => {
    await stage.apply({
      large: { hosts: host('large'), annotations: { 'limit-rps': '1000000', 'limit-burst-multiplier': '100' } },
      odd: { hosts: host('odd'), annotations: { 'limit-rpm': '1', 'limit-burst-multiplier': '0' } },
    });
    expect(await passing('large.test', 8)).toBe('8, then 200');
    expect(await passing('odd.test', 8)).toBe('6, then 503');
  });
});

describeWithEnvoy('the status of what is over a rate limit', () => {
  const stage = scene({ configMap: { 'limit-req-status-code': '429' } });

  it('is that of the ConfigMap', async () => {
    await stage.apply({ i: { hosts: { 'a.test': { '/': 'web:80' } }, annotations: { 'limit-rpm': '1' } } });
    const statuses: number[] = [];
    for (let sent = 0; sent < 7; sent += 1) statuses.push((await stage.ask('a.test')).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 200, 429]);
  });
});
