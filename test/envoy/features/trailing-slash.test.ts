import { expect, it } from '@jest/globals';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

describeWithEnvoy('redirects that Sluice makes by itself', () => {
  const stage = scene({ tlsNames: ['tls.test'] });
  const tls = [{ hosts: ['tls.test'], secretName: 'tls' }];
  // An annotation that changes nothing here says that the Ingress is written for ingress-nginx.
  const annotations = { 'proxy-body-size': '1m' };

  it('add the slash with which a path ends, as nginx does, before the redirect to HTTPS', async () => {
    await stage.apply({
      prefix: { hosts: { 'slash.test': { '/foo/': 'web:80', '/': 'api:80' } }, annotations },
      exact: { hosts: { 'exact.test': { '=/foo/': 'web:80', '/': 'api:80' } }, annotations },
      secure: { hosts: { 'tls.test': { '/foo/': 'web:80' } }, tls, annotations },
      wild: { hosts: { '*.wild.test': { '/foo/': 'web:80' } }, annotations },
    });
    expect(await stage.outcome('slash.test/foo')).toBe('301 http://slash.test/foo/');
    expect(await stage.outcome('slash.test:8080/foo?a=/b')).toBe('301 http://slash.test/foo/?a=/b');
    expect(await stage.outcome('slash.test/foo/')).toBe('web /foo/');
    expect(await stage.outcome('slash.test/foo/x')).toBe('web /foo/x');
    expect(await stage.outcome('slash.test/foobar')).toBe('api /foobar');
    expect(await stage.outcome('exact.test/foo')).toBe('301 http://exact.test/foo/');
    expect(await stage.outcome('exact.test/foo/x')).toBe('api /foo/x');
    expect(await stage.outcome('tls.test/foo')).toBe('301 http://tls.test/foo/');
    expect(await stage.outcome('https://tls.test/foo')).toBe('301 https://tls.test/foo/');
    expect(await stage.outcome('a.wild.test/foo')).toBe('301 http://a.wild.test/foo/');
  });

  it('leave a path alone that a rule serves, and paths of hosts with regular expressions', async () => {
    await stage.apply({
      served: { hosts: { 'served.test': { '/foo/': 'web:80', '=/foo': 'api:80' } }, annotations },
      both: { hosts: { 'both.test': { '=/foo/': 'web:80', '/foo': 'api:80' } }, annotations },
      regex: { hosts: { 'regex.test': { '/foo/': 'web:80' } }, annotations: { 'use-regex': 'true' } },
      other: { hosts: { 'other.test': { '/foo/': 'web:80' } } },
    });
    expect(await stage.outcome('served.test/foo')).toBe('api /foo');
    expect(await stage.outcome('served.test/foo/')).toBe('web /foo/');
    expect(await stage.outcome('both.test/foo')).toBe('api /foo');
    expect(await stage.outcome('both.test/foo/')).toBe('web /foo/');
    expect(await stage.outcome('regex.test/foo')).toBe('404');
    expect(await stage.outcome('other.test/foo')).toBe('web /foo');
  });

  it('leave scheme and host out where that is asked for', async () => {
    await stage.apply({
      slash: { hosts: { 'relative.test': { '/f%20o/': 'web:80' } }, annotations: { 'relative-redirects': 'true' } },
      path: {
        hosts: { 'path.test': { '/': 'web:80' } },
        annotations: { 'relative-redirects': '1', 'permanent-redirect': '/new' },
      },
      full: { hosts: { 'full.test': { '/': 'web:80' } }, annotations: { 'permanent-redirect': '/new' } },
    });
    expect(await stage.outcome('relative.test/f%20o')).toBe('301 /f%20o/');
    expect(await stage.outcome('relative.test/f%20o?a=%41&b')).toBe('301 /f%20o/?a=%41&b');
    expect(await stage.outcome('path.test/x')).toBe('301 /new');
    expect(await stage.outcome('full.test:81/x')).toBe('301 http://full.test/new');
  });

  it('keep the slash, or name the port, in the redirect to HTTPS', async () => {
    await stage.apply({
      secure: {
        hosts: { 'tls.test': { '/': 'web:80' } },
        tls,
        annotations: { 'preserve-trailing-slash': 'true' },
      },
      port: {
        hosts: { 'port.test': { '/': 'web:80' } },
        annotations: { 'use-port-in-redirects': 'true', 'force-ssl-redirect': 'true' },
      },
      bad: {
        hosts: { 'bad.test': { '/': 'web:80' } },
        annotations: { 'use-port-in-redirects': 'on', 'preserve-trailing-slash': 'yes', 'relative-redirects': '-1' },
      },
    });
    expect(await stage.outcome('tls.test/x/?')).toBe('308 https://tls.test/x/?');
    expect(await stage.outcome('tls.test/')).toBe('308 https://tls.test/');
    expect(await stage.outcome('tls.test/x/')).toBe('308 https://tls.test/x/');
    expect(await stage.outcome('port.test/x/?a=b')).toBe('308 https://port.test:443/x/?a=b');
    expect(await stage.outcome('port.test/x/')).toBe('308 https://port.test:443/x');
    expect(await stage.outcome('port.test/')).toBe('308 https://port.test:443');
    expect(stage.problems().filter((each) => each.startsWith('bad'))).toEqual([
      'bad preserve-trailing-slash InvalidAnnotation',
      'bad relative-redirects InvalidAnnotation',
      'bad use-port-in-redirects InvalidAnnotation',
    ]);
  });
});
