import { expect, it } from '@jest/globals';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

describeWithEnvoy('the redirect between a host and its www name', () => {
  const stage = scene({ tlsNames: ['tls.test', 'www.tls.test'] });
  const annotations = { 'from-to-www-redirect': 'true' };

  it('sends the name without rules to the one with, writes the port, and drops a slash at the end', async () => {
    await stage.apply({
      bare: { hosts: { 'bare.test': { '/': 'web:80' } }, annotations },
      www: { hosts: { 'www.long.test': { '/x': 'web:80' } }, annotations },
      other: { hosts: { 'bare.test': { '/other': 'api:80' } } },
    });
    expect(await stage.outcome('www.bare.test/foo?a=/b')).toBe('308 http://bare.test:80/foo?a=/b');
    expect(await stage.outcome('www.bare.test:8080/foo/')).toBe('308 http://bare.test:80/foo');
    expect(await stage.outcome('www.bare.test/')).toBe('308 http://bare.test:80');
    expect(await stage.outcome('www.bare.test/other')).toBe('308 http://bare.test:80/other');
    expect(await stage.outcome('bare.test/foo')).toBe('web /foo');
    expect(await stage.outcome('long.test/nothing')).toBe('308 http://www.long.test:80/nothing');
    expect(await stage.outcome('www.www.long.test/')).toBe('404');
  });

  it('goes before the redirect to HTTPS, and to HTTPS from HTTPS', async () => {
    await stage.apply({
      secure: {
        hosts: { 'tls.test': { '/': 'web:80' } },
        tls: [{ hosts: ['tls.test', 'www.tls.test'], secretName: 'tls' }],
        annotations,
      },
    });
    expect(await stage.outcome('https://www.tls.test/foo')).toBe('308 https://tls.test:443/foo');
    expect(await stage.outcome('www.tls.test/foo')).toBe('308 http://tls.test:80/foo');
    expect(await stage.outcome('https://tls.test/foo')).toBe('web /foo');
  });

  it('is not made where both names have rules, for wildcards, and for bad values', async () => {
    await stage.apply({
      both: { hosts: { 'both.test': { '/': 'web:80' }, 'www.both.test': { '/': 'api:80' } }, annotations },
      wild: { hosts: { '*.wild.test': { '/': 'web:80' } }, annotations },
      bad: { hosts: { 'bad.test': { '/': 'web:80' } }, annotations: { 'from-to-www-redirect': 'www' } },
    });
    expect(await stage.outcome('both.test/x')).toBe('web /x');
    expect(await stage.outcome('www.both.test/x')).toBe('api /x');
    expect(await stage.outcome('www.wild.test/x')).toBe('web /x');
    expect(await stage.outcome('www.bad.test/x')).toBe('404');
    expect(stage.problems()).toContain('bad from-to-www-redirect InvalidAnnotation');
  });
});
