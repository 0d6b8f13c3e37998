import { expect, it } from '@jest/globals';
import { endpointSlice, service } from '../../support/objects.ts';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

describeWithEnvoy('allow and deny lists', () => {
  const stage = scene();
  const host = (name: string) => ({ [`${name}.test`]: { '/': 'web:80' } });

  it('answer 403 to whom they shut out, and deny before they allow', async () => {
    await stage.apply({
      allowed: { hosts: host('allowed'), annotations: { 'whitelist-source-range': '10.0.0.0/8, 127.0.0.0/8,' } },
      others: { hosts: host('others'), annotations: { 'allowlist-source-range': '10.0.0.0/8,2001:db8::/32' } },
      denied: { hosts: host('denied'), annotations: { 'denylist-source-range': '127.0.0.1' } },
      both: {
        hosts: host('both'),
        annotations: { 'whitelist-source-range': '127.0.0.0/8', 'denylist-source-range': '127.0.0.1/32' },
      },
      single: { hosts: host('single'), annotations: { 'denylist-source-range': '127.0.0.2' } },
    });
    expect(await stage.outcome('allowed.test/')).toBe('web /');
    expect(await stage.outcome('others.test/')).toBe('403');
    expect(await stage.outcome('denied.test/')).toBe('403');
    expect(await stage.outcome('both.test/')).toBe('403');
    expect(await stage.outcome('single.test/')).toBe('web /');
  });

  it('come after 503 for a Service without endpoints, and after redirects', async () => {
    const annotations = { 'denylist-source-range': '127.0.0.1' };
    const slice = endpointSlice('scaled-1', 'scaled', { http: stage.backend('web').port }, ['127.0.0.1']);
    await stage.apply(
      {
        empty: { hosts: { 'empty.test': { '/': 'scaled:80' } }, annotations },
        moved: {
          hosts: { 'moved.test': { '/': 'scaled:80' } },
          annotations: { ...annotations, 'permanent-redirect': 'https://elsewhere.test/' },
        },
      },
      service('scaled', { http: 80 }),
    );
    expect(await stage.outcome('empty.test/')).toBe('503');
    expect(await stage.outcome('moved.test/')).toBe('301 https://elsewhere.test/');
    await stage.apply({}, slice);
    expect(await stage.outcome('empty.test/')).toBe('403');
    await stage.apply({}, { ...slice, endpoints: [] });
    expect(await stage.outcome('empty.test/')).toBe('503');
    await stage.apply({}, slice);
  });

  it('go for what no path of the host matches, too', async () => {
    await stage.apply({
      partly: { hosts: { 'partly.test': { '/x': 'web:80' } }, annotations: { 'denylist-source-range': '127.0.0.1' } },
    });
    expect(await stage.outcome('partly.test/other')).toBe('403');
  });

  it('close the paths of their Ingress, and no others, while they cannot be read', async () => {
    await stage.apply({
      bad: { hosts: { 'shared.test': { '/bad': 'web:80' } }, annotations: { 'whitelist-source-range': '10.0.0.0/33' } },
      good: { hosts: { 'shared.test': { '/': 'api:80' } } },
      unbuilt: { hosts: host('unbuilt'), annotations: { 'server-snippet': 'deny all;' } },
    });
    expect(await stage.outcome('shared.test/bad')).toBe('503');
    expect(await stage.outcome('shared.test/')).toBe('api /');
    expect(await stage.outcome('unbuilt.test/')).toBe('503');
    expect(stage.problems()).toEqual([
      'bad whitelist-source-range InvalidProtection',
      'unbuilt server-snippet UnsupportedProtection',
    ]);
  });

  it('come and go without a change of the listener', async () => {
    const updates = await stage.envoy.stat('listener_manager.listener_modified');
    await stage.apply({ allowed: { hosts: host('allowed') } });
    await stage.apply({ allowed: { hosts: host('allowed'), annotations: { 'denylist-source-range': '127.0.0.1' } } });
    expect(await stage.outcome('allowed.test/')).toBe('403');
    expect(await stage.envoy.stat('listener_manager.listener_modified')).toBe(updates);
  });
});
