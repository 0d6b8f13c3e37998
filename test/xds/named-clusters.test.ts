import { describe, expect, it } from '@jest/globals';
import { any, encode } from '../../src/proto/message.ts';
import { typeUrl } from '../../src/proto/type-url.ts';
import { clustersNamedIn } from '../../src/xds/named-clusters.ts';
import { createResource } from '../../src/xds/resource.ts';

describe('a virtual host names', () => {
  it('the clusters of its routes, of shares, of mirrors, and those that filters ask', () => {
    const lua = any('envoy.extensions.filters.http.lua.v3.LuaPerRoute', {
      name: 'access',
      filter_context: { external: { cluster: 'shop/auth/80', path: '/check' } },
    });
    const body = encode('envoy.config.route.v3.VirtualHost', {
      name: 'http/a.test',
      domains: ['a.test'],
      routes: [
        { match: { path: '/one' }, route: { cluster: 'shop/web/80' }, typed_per_filter_config: { access: lua } },
        {
          match: { prefix: '/' },
          route: {
            weighted_clusters: { clusters: [{ name: 'shop/next/80', weight: 1 }] },
            request_mirror_policies: [{ cluster: 'mirror.test:443' }],
          },
        },
      ],
    });
    const named = clustersNamedIn(createResource(typeUrl.virtualHost, 'http/a.test', body));
    for (const name of ['shop/web/80', 'shop/next/80', 'mirror.test:443', 'shop/auth/80']) {
      expect(named).toContain(name);
    }
    expect(named).not.toContain('shop/other/80');
  });
});
