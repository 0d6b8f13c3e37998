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
});
