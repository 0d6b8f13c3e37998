import { expect, it } from '@jest/globals';
import { endpointSlice, service } from '../../support/objects.ts';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

describeWithEnvoy('the choice of endpoints and what they are told', () => {
  const names = ['one', 'two', 'three', 'four', 'five', 'six'];
  const stage = scene({ backends: Object.fromEntries(names.map((name) => [name, {}])) });
  const to = (host: string, annotations: Readonly<Record<string, string>>, backend = 'pool') => ({
    [host]: { hosts: { [`${host}.test`]: { '/': `${backend}:80` } }, annotations },
  });
  const pool = () => [
    service('pool', { http: 80 }),
    ...names.map((name) => endpointSlice(`pool-${name}`, 'pool', { http: stage.backend(name).port }, ['127.0.0.1'])),
  ];
  /** Who answers `requests` requests, with how many each. */
  const answers = async (url: string, requests: number) => {
    const counts = new Map<string, number>();
    for (let index = 0; index < requests; index++) {
      const by = (await stage.ask(url)).echo?.backend ?? 'none';
      counts.set(by, (counts.get(by) ?? 0) + 1);
    }
    return counts;
  };

  it('is in turns, or as load-balance says', async () => {
    await stage.apply(
      {
        ...to('turns', { 'load-balance': 'round_robin' }),
        ...to('ewma', { 'load-balance': 'ewma' }),
        ...to('least', { 'load-balance': 'least_conn' }),
        ...to('client', { 'load-balance': 'ip_hash' }),
        ...to('bad', { 'load-balance': 'random' }),
      },
      ...pool(),
    );
    const turns = await answers('turns.test/', 60);
    expect([...turns.values()].every((count) => count >= 5)).toBe(true);
    expect((await answers('ewma.test/', 30)).size).toBeGreaterThan(2);
    expect((await answers('least.test/', 30)).size).toBeGreaterThan(2);
    expect((await answers('client.test/', 12)).size).toBe(1);
    expect((await answers('bad.test/', 30)).size).toBe(6);
    expect(stage.problems()).toEqual(['bad load-balance InvalidAnnotation']);
  });

  it('is among a few endpoints for each key, with a subset', async () => {
    await stage.apply({
      ...to('subset', { 'upstream-hash-by': '$request_uri', 'upstream-hash-by-subset': 'true' }),
      ...to('sized', {
        'upstream-hash-by': '$request_uri',
        'upstream-hash-by-subset': 'true',
        'upstream-hash-by-subset-size': '2',
      }),
      ...to('off', { 'upstream-hash-by': '$request_uri', 'upstream-hash-by-subset-size': '2' }),
    });
    const spread = async (host: string) => {
      const sizes = [];
      for (let key = 0; key < 6; key++) sizes.push((await answers(`${host}.test/${key}`, 20)).size);
      return { most: Math.max(...sizes), all: sizes.reduce((sum, size) => sum + size, 0) };
    };
    const subset = await spread('subset');
    expect(subset.most).toBeLessThanOrEqual(3);
    expect(subset.all).toBeGreaterThan(9);
    expect((await spread('sized')).most).toBe(2);
    expect((await spread('off')).most).toBe(1);
  });

  it('is left to the Service, whose address is used', async () => {
    const { port } = stage.backend('two');
    const withAddress = (name: string, clusterIp?: string) => {
      const plain = service(name, { http: port });
      return { ...plain, spec: { ...plain.spec, ...(clusterIp !== undefined && { clusterIp }) } };
    };
    const own = (name: string) =>
      endpointSlice(`${name}-1`, name, { http: stage.backend('three').port }, ['127.0.0.1']);
    const on = (host: string, backend: string, text: string) => ({
      [host]: { hosts: { [`${host}.test`]: { '/': `${backend}:${port}` } }, annotations: { 'service-upstream': text } },
    });
    await stage.apply(
      {
        ...on('address', 'addressed', 'true'),
        ...on('endpoints', 'addressed', 'false'),
        ...on('headless', 'headless', 'true'),
      },
      withAddress('addressed', '127.0.0.1'),
      withAddress('headless'),
      own('addressed'),
      own('headless'),
    );
    expect(await stage.outcome('address.test/')).toBe('two /');
    expect(await stage.outcome('endpoints.test/')).toBe('three /');
    expect(await stage.outcome('headless.test/')).toBe('three /');
  });

  it('tells them the host that upstream-vhost says', async () => {
    await stage.apply({
      ...to('fixed', { 'upstream-vhost': 'internal.example:8080' }),
      ...to('named', { 'upstream-vhost': '${service_name}.$namespace.svc' }),
      ...to('same', { 'upstream-vhost': '$host' }),
      ...to('around', { 'upstream-vhost': '$ingress_name.$host' }),
      ...to('injected', { 'upstream-vhost': '%REQ(x)%' }),
      ...to('unknown', { 'upstream-vhost': '$upstream_addr' }),
    });
    const seen = async (host: string) => (await stage.ask(`${host}.test/`)).echo?.headers['host'];
    expect(await seen('fixed')).toBe('internal.example:8080');
    expect(await seen('named')).toBe('pool.default.svc');
    expect(await seen('same')).toBe('same.test');
    expect(await seen('around')).toBe('around.around.test');
    expect(await seen('injected')).toBe('injected.test');
    expect(await seen('unknown')).toBe('unknown.test');
    expect((await stage.ask('fixed.test/')).echo?.headers['x-forwarded-host']).toBe('fixed.test');
  });
});
