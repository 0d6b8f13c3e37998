import { expect, it } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { configMap } from '../../support/objects.ts';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

describeWithEnvoy('the redirect to HTTPS behind a proxy that is believed', () => {
  const stage = scene({ tlsNames: ['a.test'], configMapNamed: 'settings' });

  it('goes by the scheme that the proxy names', async () => {
    await stage.apply(
      {
        a: { hosts: { 'a.test': { '/': 'web:80' } }, tls: [{ hosts: ['a.test'], secretName: 'tls' }] },
        forced: { hosts: { 'forced.test': { '/': 'web:80' } }, annotations: { 'force-ssl-redirect': 'true' } },
      },
      configMap('settings', {}),
    );
    const secure = { headers: { 'x-forwarded-proto': 'https' } };
    const plain = { headers: { 'x-forwarded-proto': 'http' } };
    expect(await stage.outcome('a.test/x', secure)).toBe('308 https://a.test/x');
    expect(await stage.outcome('https://a.test/x', plain)).toBe('web /x');
    await stage.apply({}, configMap('settings', { 'use-forwarded-headers': 'true' }));
    await eventually(async () => expect(await stage.outcome('a.test/x', secure)).toBe('web /x'));
    expect(await stage.outcome('forced.test/', secure)).toBe('web /');
    expect(await stage.outcome('forced.test/', plain)).toBe('308 https://forced.test');
    expect(await stage.outcome('a.test/x/', plain)).toBe('308 https://a.test/x');
    expect(await stage.outcome('a.test/x')).toBe('308 https://a.test/x');
    await eventually(async () => expect(await stage.outcome('https://a.test/x', plain)).toBe('308 https://a.test/x'));
    expect(await stage.outcome('https://a.test/x')).toBe('web /x');
  });
});

describeWithEnvoy('the redirect to HTTPS', () => {
  const stage = scene({ tlsNames: ['a.test', '*.wild.test'] });
  const tls = (...hosts: readonly string[]) => [{ hosts, secretName: 'tls' }];

  it('is made with 308 where the host has TLS, and drops a slash at the end and the port', async () => {
    await stage.apply({ a: { hosts: { 'a.test': { '/': 'web:80' } }, tls: tls('a.test') } });
    expect(await stage.outcome('a.test/x?y=1')).toBe('308 https://a.test/x?y=1');
    expect(await stage.outcome('a.test/x/')).toBe('308 https://a.test/x');
    expect(await stage.outcome('a.test/x/?y=1')).toBe('308 https://a.test/x/?y=1');
    expect(await stage.outcome('a.test')).toBe('308 https://a.test');
    expect(await stage.outcome('a.test/?y=1')).toBe('308 https://a.test/?y=1');
    expect(await stage.outcome('a.test:8080/x')).toBe('308 https://a.test/x');
    expect(await stage.outcome('https://a.test/x')).toBe('web /x');
  });

  it('is not made where the host has no TLS, nor for paths of ACME challenges', async () => {
    await stage.apply({
      plain: { hosts: { 'plain.test': { '/': 'web:80' } } },
      solver: { hosts: { 'a.test': { '/.well-known/acme-challenge/x': 'api:80' } } },
    });
    expect(await stage.outcome('plain.test/x')).toBe('web /x');
    expect(await stage.outcome('a.test/.well-known/acme-challenge/x')).toBe('api /.well-known/acme-challenge/x');
  });

  it('is made for a host whose wildcard has TLS, and for one whose Secret is missing or not named', async () => {
    await stage.apply({
      wild: { hosts: { '*.wild.test': { '/': 'web:80' } }, tls: tls('*.wild.test') },
      covered: { hosts: { 'covered.wild.test': { '/': 'web:80' } } },
      missing: { hosts: { 'missing.test': { '/': 'web:80' } }, tls: [{ hosts: ['missing.test'], secretName: 'no' }] },
      unnamed: { hosts: { 'unnamed.test': { '/': 'web:80' } }, tls: [{ hosts: ['unnamed.test'], secretName: '' }] },
    });
    expect(await stage.outcome('x.wild.test/x/')).toBe('308 https://x.wild.test/x');
    expect(await stage.outcome('x.wild.test')).toBe('308 https://x.wild.test');
    expect(await stage.outcome('covered.wild.test/x')).toBe('308 https://covered.wild.test/x');
    expect(await stage.outcome('missing.test/x')).toBe('308 https://missing.test/x');
    expect(await stage.outcome('unnamed.test/x')).toBe('308 https://unnamed.test/x');
  });

  it('can be turned off, and forced where there is no TLS', async () => {
    await stage.apply({
      a: { hosts: { 'a.test': { '/': 'web:80' } }, tls: tls('a.test'), annotations: { 'ssl-redirect': 'false' } },
      forced: { hosts: { 'forced.test': { '/x': 'web:80' } }, annotations: { 'force-ssl-redirect': 'true' } },
    });
    expect(await stage.outcome('a.test/x')).toBe('web /x');
    expect(await stage.outcome('forced.test/x')).toBe('308 https://forced.test/x');
    expect(await stage.outcome('forced.test/other')).toBe('308 https://forced.test/other');
  });

  it('comes with HSTS on every answer over HTTPS, and on none over HTTP', async () => {
    await stage.apply({ a: { hosts: { 'a.test': { '/x': 'web:80' } }, tls: tls('a.test') } });
    const header = 'max-age=31536000; includeSubDomains';
    expect((await stage.ask('https://a.test/x')).headers['strict-transport-security']).toBe(header);
    const missing = await stage.ask('https://a.test/none');
    expect([missing.status, missing.headers['strict-transport-security']]).toEqual([404, header]);
    expect((await stage.ask('a.test/x')).headers['strict-transport-security']).toBeUndefined();
  });
});
