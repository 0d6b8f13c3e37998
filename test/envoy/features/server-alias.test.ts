import { expect, it } from '@jest/globals';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

describeWithEnvoy('aliases of a host', () => {
  const stage = scene();
  const annotations = { 'server-alias': 'Alias.test, *.alias.test,taken.test' };

  it('serve what all Ingresses of the host serve, and lose to rules', async () => {
    await stage.apply({
      main: { hosts: { 'main.test': { '/': 'web:80' } }, annotations },
      more: { hosts: { 'main.test': { '/api': 'api:80' } } },
      taken: { hosts: { 'taken.test': { '/taken': 'api:80' } } },
    });
    expect(await stage.outcome('main.test/x')).toBe('web /x');
    expect(await stage.outcome('alias.test/x')).toBe('web /x');
    expect(await stage.outcome('alias.test/api')).toBe('api /api');
    expect(await stage.outcome('any.alias.test/api')).toBe('api /api');
    expect(await stage.outcome('taken.test/x')).toBe('404');
  });

  it('follow the host, and go with the annotation', async () => {
    await stage.apply({ more: { hosts: { 'main.test': { '/new': 'api:80' } } } });
    expect(await stage.outcome('alias.test/new')).toBe('api /new');
    await stage.apply({ main: { hosts: { 'main.test': { '/': 'web:80' } } } });
    expect(await stage.outcome('alias.test/x')).toBe('404');
    expect(await stage.outcome('main.test/x')).toBe('web /x');
  });

  it('may be expressions, which go behind names and wildcards and before all else', async () => {
    await stage.apply({
      shop: {
        hosts: { 'expression.test': { '/x': 'web:80' } },
        annotations: { 'server-alias': String.raw`~^www\d+\.many\.test$, ~(a|b)\.some` },
      },
      named: { hosts: { 'www1.many.test': { '/': 'api:80' } } },
      rest: { hosts: { '': { '/': 'api:80' } } },
      bad: { hosts: { 'bad.test': { '/': 'web:80' } }, annotations: { 'server-alias': '~(?!a)' } },
      worse: { hosts: { 'worse.test': { '/': 'web:80' } }, annotations: { 'server-alias': '~*' } },
    });
    expect(await stage.outcome('www2.many.test/x')).toBe('web /x');
    expect(await stage.outcome('WWW22.many.test:8080/x')).toBe('web /x');
    expect(await stage.outcome('www2.many.test/y')).toBe('404');
    expect(await stage.outcome('www2.many.test.more/x')).toBe('api /x');
    expect(await stage.outcome('b.some.test/x')).toBe('web /x');
    expect(await stage.outcome('www1.many.test/x')).toBe('api /x');
    expect(stage.problems()).toContain('bad server-alias InvalidAnnotation');
    expect(stage.problems()).toContain('worse server-alias InvalidAnnotation');
  });
});
