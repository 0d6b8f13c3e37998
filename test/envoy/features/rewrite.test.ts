import { expect, it } from '@jest/globals';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

describeWithEnvoy('rewriting and regular expressions', () => {
  const stage = scene();

  it('replaces the whole path by the target, and keeps the query', async () => {
    await stage.apply({
      plain: { hosts: { 'plain.test': { '~/foo': 'web:80' } }, annotations: { 'rewrite-target': '/' } },
      groups: { hosts: { 'groups.test': { '~/api(/|$)(.*)': 'api:80' } }, annotations: { 'rewrite-target': '/$2' } },
      missing: { hosts: { 'missing.test': { '~/a': 'web:80' } }, annotations: { 'rewrite-target': '/x$1/$9y' } },
      odd: { hosts: { 'odd.test': { '~/a': 'web:80' } }, annotations: { 'rewrite-target': '/x%41\\1' } },
    });
    expect(await stage.outcome('plain.test/foo/bar/baz')).toBe('web /');
    expect(await stage.outcome('plain.test/FOO?x=1')).toBe('web /?x=1');
    expect(await stage.outcome('groups.test/api/v1/x?y=/api/z')).toBe('api /v1/x?y=/api/z');
    expect(await stage.outcome('groups.test/api')).toBe('api /');
    expect(await stage.outcome('groups.test/apis')).toBe('404');
    expect(await stage.outcome('missing.test/a')).toBe('web /x/y');
    expect(await stage.outcome('odd.test/a')).toBe('web /x%41\\1');
  });

  it('redirects with 302 where the target is a URL', async () => {
    await stage.apply({
      away: {
        hosts: { 'away.test': { '~/old(/|$)(.*)': 'web:80' } },
        annotations: { 'rewrite-target': 'https://new.test:8443/x/$2' },
      },
      host: { hosts: { 'host.test': { '~/old': 'web:80' } }, annotations: { 'rewrite-target': 'http://new.test' } },
    });
    expect(await stage.outcome('away.test/old/a/b?c=d')).toBe('302 https://new.test:8443/x/a/b?c=d');
    expect(await stage.outcome('host.test/older?c=d')).toBe('302 http://new.test/?c=d');
  });

  it('does nothing where the target is the path itself', async () => {
    await stage.apply({
      same: { hosts: { 'same.test': { '/x': 'web:80' } }, annotations: { 'rewrite-target': '/x' } },
    });
    expect(await stage.outcome('same.test/x/y')).toBe('web /x/y');
    expect(await stage.outcome('same.test/X')).toBe('404');
  });

  it('makes all paths of the host regular expressions, longest text first, without regard to case', async () => {
    await stage.apply({
      regex: { hosts: { 'mixed.test': { '~/foo/bar/[A-Z0-9]{3}': 'api:80' } }, annotations: { 'use-regex': 'true' } },
      other: { hosts: { 'mixed.test': { '/foo/bar/bar': 'web:80', '=/HEAD': 'web:80', '/dot.': 'web:80' } } },
      alone: { hosts: { 'alone.test': { '=/HEAD': 'web:80' } } },
    });
    expect(await stage.outcome('mixed.test/foo/bar/bar')).toBe('api /foo/bar/bar');
    expect(await stage.outcome('mixed.test/headers')).toBe('web /headers');
    expect(await stage.outcome('mixed.test/dotted')).toBe('web /dotted');
    expect(await stage.outcome('mixed.test/else')).toBe('404');
    expect(await stage.outcome('alone.test/headers')).toBe('404');
  });

  it('anchors the first of several alternatives only, as nginx does', async () => {
    await stage.apply({
      either: { hosts: { 'either.test': { '~/a|/b': 'web:80' } }, annotations: { 'rewrite-target': '/t' } },
    });
    expect(await stage.outcome('either.test/ab')).toBe('web /t');
    expect(await stage.outcome('either.test/x/b')).toBe('web /t');
    expect(await stage.outcome('either.test/x/a')).toBe('404');
  });

  it('costs a bad path or target itself only', async () => {
    await stage.apply({
      bad: {
        hosts: { 'bad.test': { '~/ok': 'web:80', '~/(?!x)': 'api:80', '~/(a)\\1': 'api:80', '~/[': 'api:80' } },
        annotations: { 'use-regex': 'yes' },
      },
      worse: {
        hosts: { 'worse.test': { '~/ok': 'web:80', '~/(?!x)': 'api:80', '~/(a)\\1': 'api:80', '~/[': 'api:80' } },
        annotations: { 'use-regex': 'true', 'rewrite-target': '/$host' },
      },
    });
    expect(await stage.outcome('bad.test/ok')).toBe('web /ok');
    expect(await stage.outcome('worse.test/OK')).toBe('web /OK');
    expect(await stage.outcome('worse.test/yy')).toBe('404');
    expect(stage.problems().filter((each) => /^(bad|worse)/.test(each))).toEqual([
      'bad use-regex InvalidAnnotation',
      'bad spec.rules[0].http.paths[1].path InvalidPath',
      'worse rewrite-target InvalidAnnotation',
      'worse spec.rules[0].http.paths[1].path InvalidPath',
      'worse spec.rules[0].http.paths[2].path InvalidPath',
      'worse spec.rules[0].http.paths[3].path InvalidPath',
    ]);
  });
});
