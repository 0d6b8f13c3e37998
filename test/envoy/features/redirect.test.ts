import { expect, it } from '@jest/globals';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

describeWithEnvoy('redirects', () => {
  const stage = scene({ tlsNames: ['first.test'] });

  it('answer every path with the Location as it is written, and temporal goes before permanent', async () => {
    await stage.apply({
      permanent: {
        hosts: { 'p.test': { '/': 'web:80' } },
        annotations: { 'permanent-redirect': 'https://new.test/%20a' },
      },
      coded: {
        hosts: { 'c.test': { '/': 'web:80' } },
        annotations: { 'permanent-redirect': 'https://new.test', 'permanent-redirect-code': '308' },
      },
      odd: {
        hosts: { 'o.test': { '/': 'web:80' } },
        annotations: { 'permanent-redirect': 'https://new.test', 'permanent-redirect-code': '200' },
      },
      both: {
        hosts: { 'b.test': { '/': 'web:80' } },
        annotations: {
          'permanent-redirect': 'https://new.test',
          'temporal-redirect': 'https://now.test/$1',
          'temporal-redirect-code': '307',
        },
      },
    });
    expect(await stage.outcome('p.test/x?y')).toBe('301 https://new.test/%20a');
    expect(await stage.outcome('c.test/x')).toBe('308 https://new.test');
    expect(await stage.outcome('o.test/x')).toBe('301 https://new.test');
    expect(await stage.outcome('b.test/x')).toBe('307 https://now.test/$1');
  });

  it('fill in what nginx knows of the request', async () => {
    await stage.apply({
      moved: {
        hosts: { 'moved.test': { '/': 'web:80' } },
        annotations: { 'permanent-redirect': 'https://new.test$request_uri' },
      },
      scheme: {
        hosts: { 'scheme.test': { '/': 'web:80' } },
        annotations: { 'temporal-redirect': '$scheme://new.test${uri}?from=$host' },
      },
      unknown: {
        hosts: { 'unknown.test': { '/': 'web:80' } },
        annotations: { 'permanent-redirect': 'https://new.test/$geoip_city' },
      },
      path: { hosts: { 'path.test': { '/': 'web:80' } }, annotations: { 'temporal-redirect': '/new' } },
    });
    expect(await stage.outcome('moved.test/x%20?y=%25')).toBe('301 https://new.test/x%20?y=%25');
    expect(await stage.outcome('scheme.test/x?y')).toBe('302 http://new.test/x?from=scheme.test');
    expect(await stage.outcome('unknown.test/x')).toBe('web /x');
    expect(await stage.outcome('path.test/x')).toBe('web /x');
    expect(stage.problems()).toEqual(
      expect.arrayContaining([
        'unknown permanent-redirect InvalidAnnotation',
        'path temporal-redirect InvalidAnnotation',
      ]),
    );
  });

  it('go before the redirect to HTTPS and the deny list', async () => {
    await stage.apply({
      first: {
        hosts: { 'first.test': { '/': 'web:80' } },
        tls: [{ hosts: ['first.test'], secretName: 'tls' }],
        annotations: { 'permanent-redirect': 'https://new.test', 'denylist-source-range': '127.0.0.1' },
      },
    });
    expect(await stage.outcome('first.test/')).toBe('301 https://new.test');
  });

  it('are left out when they are no URL', async () => {
    await stage.apply({
      bad: { hosts: { 'bad.test': { '/': 'web:80' } }, annotations: { 'permanent-redirect': 'a"b\r\nx: y' } },
    });
    expect(await stage.outcome('bad.test/')).toBe('web /');
    expect(stage.problems()).toContain('bad permanent-redirect InvalidAnnotation');
  });

  it('send the root of a host to its application, for all Ingresses of the host', async () => {
    await stage.apply({
      old: {
        created: '2026-01-01T00:00:00Z',
        hosts: { 'app.test': { '/x': 'web:80' } },
        annotations: { 'app-root': '/a%20b' },
      },
      young: {
        created: '2026-02-01T00:00:00Z',
        hosts: { 'app.test': { '/': 'api:80' } },
        annotations: { 'app-root': '/c' },
      },
    });
    expect(await stage.outcome('app.test/')).toBe('302 http://app.test/a%20b');
    expect(await stage.outcome('app.test/y')).toBe('api /y');
    expect(stage.problems()).toContain('young metadata.annotations HostPolicyConflict');
  });
});
