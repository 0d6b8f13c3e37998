import { expect, it } from '@jest/globals';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

describeWithEnvoy('snippets', () => {
  const stage = scene({ configMap: { 'allow-snippet-annotations': 'true' } });
  const location = (text: string, host: string, path = '/') => ({
    hosts: { [host]: { [path]: 'web:80' } },
    annotations: { 'configuration-snippet': text },
  });
  const server = (text: string, host: string) => ({
    hosts: { [host]: { '/': 'web:80' } },
    annotations: { 'server-snippet': text },
  });
  const ofIngress = (name: string) => stage.problems().filter((each) => each.startsWith(`${name} `));

  it('set, add and take away headers in both directions', async () => {
    await stage.apply({
      headers: location(
        `
        # headers of answers
        more_set_headers "X-Frame-Options: DENY" 'X-Host: $host 100%';
        add_header X-Added "a;b {c}" always;
        proxy_hide_header Content-Type;
        proxy_set_header X-Method $request_method;
        proxy_set_header Accept "";
        proxy_set_header Upgrade $http_upgrade;
        more_set_input_headers "X-Input: one";
      `,
        'headers.test',
      ),
    });
    const { headers, echo } = await stage.ask('headers.test/', { headers: { accept: 'x', 'x-input': 'two' } });
    expect(headers).toMatchObject({ 'x-frame-options': 'DENY', 'x-host': 'headers.test 100%', 'x-added': 'a;b {c}' });
    expect(headers['content-type']).toBeUndefined();
    expect(echo?.headers).toMatchObject({ 'x-method': 'GET', 'x-input': 'one' });
    expect(echo?.headers.accept).toBeUndefined();
    expect(ofIngress('headers')).toEqual([]);
  });

  it('answer and redirect, in the order of their lines, within the location', async () => {
    await stage.apply({
      returns: location(
        `if ($request_method = POST) { return 405; }
         if ($http_user_agent ~* "(bad bot|curl)") { return 403 "no"; }
         if ($http_x_key != secret) { return 401; }
         rewrite ^/a/old/(.*)$ /a/new/$1 permanent;
         rewrite ^/a/away/(.*) https://new.test/$1? redirect;
         if ($uri ~ ^/a/uri$) { return 302 /b; }`,
        'returns.test',
        '/a',
      ),
      moved: location('return 301 https://new.test$request_uri;', 'moved.test'),
      host: location('if ($host = host.test) { rewrite ^(.*)$ https://www.test$request_uri? permanent; }', 'host.test'),
      text: location('return 200 "ok {}";', 'text.test'),
      inside: location('rewrite ^/v1/(.*)$ /v2/$1 break;', 'inside.test'),
    });
    const key = { 'x-key': 'secret' };
    const ask = (path: string, request = {}) => stage.outcome(`returns.test${path}`, { headers: key, ...request });
    expect(await ask('/a', { method: 'POST' })).toBe('405');
    expect(await ask('/a', { headers: { ...key, 'user-agent': 'a Bad Bot 1' } })).toBe('403');
    expect(await ask('/a', { headers: {} })).toBe('401');
    expect(await ask('/a/old/x?y=1')).toBe('301 http://returns.test/a/new/x?y=1');
    expect(await ask('/a/away/x?y=1')).toBe('302 https://new.test/x');
    expect(await ask('/a/uri?z')).toBe('302 http://returns.test/b');
    expect(await ask('/a/x?/a/old/')).toBe('web /a/x?/a/old/');
    expect(await stage.outcome('moved.test/x?y=1')).toBe('301 https://new.test/x?y=1');
    expect(await stage.outcome('host.test:81/x?y=1')).toBe('301 https://www.test/x?y=1');
    expect(await stage.ask('text.test/')).toMatchObject({
      status: 200,
      body: 'ok {}',
      headers: { 'content-type': 'text/html' },
    });
    expect(await stage.outcome('inside.test/v1/x?y')).toBe('web /v2/x?y');
    expect(await stage.outcome('inside.test/v3/x')).toBe('web /v3/x');
  });

  it('let addresses and methods pass, the first rule that fits', async () => {
    await stage.apply({
      inner: location('deny 127.0.0.1; allow all;', 'inner.test'),
      outer: location('allow 127.0.0.0/8; deny all;', 'outer.test'),
      nobody: location('deny all;', 'nobody.test'),
      methods: location('limit_except GET { deny all; }', 'methods.test'),
    });
    expect(await stage.outcome('inner.test/')).toBe('403');
    expect(await stage.outcome('outer.test/')).toBe('web /');
    expect(await stage.outcome('nobody.test/')).toBe('403');
    expect(await stage.outcome('methods.test/')).toBe('web /');
    expect(await stage.outcome('methods.test/', { method: 'PUT' })).toBe('403');
  });

  it('of a server go for all Ingresses of the host, and what a location says takes the place of some of it', async () => {
    await stage.apply({
      first: {
        ...server(
          `more_set_headers "X-Both: server";
           add_header X-Once server;
           location = /exact { deny all; }
           location /private { return 404; }
           location ~* \\.(php|cgi)$ { return 403; }
           location /odd { proxy_pass http://127.0.0.1:1; auth_basic on; }
           proxy_set_header X-Nothing here;`,
          'server.test',
        ),
        created: '2026-01-01T00:00:00Z',
      },
      second: {
        hosts: { 'server.test': { '/own': 'api:80' } },
        annotations: { 'configuration-snippet': 'add_header X-Own location;' },
        created: '2026-02-01T00:00:00Z',
      },
    });
    expect((await stage.ask('server.test/')).headers).toMatchObject({ 'x-both': 'server', 'x-once': 'server' });
    const own = (await stage.ask('server.test/own')).headers;
    expect([own['x-both'], own['x-own'], own['x-once']]).toEqual(['server', 'location', undefined]);
    expect(await stage.outcome('server.test/exact')).toBe('403');
    expect(await stage.outcome('server.test/exact/not')).toBe('web /exact/not');
    expect(await stage.outcome('server.test/private/x')).toBe('404');
    expect(await stage.outcome('server.test/own/x.PHP?y')).toBe('403');
    expect(await stage.outcome('server.test/odd/x')).toBe('503');
    expect(ofIngress('first')).toEqual(Array(3).fill('first server-snippet InvalidAnnotation'));
  });

  it('that protect and are not understood close what they stand for; others cost themselves only', async () => {
    await stage.apply({
      lua: location('access_by_lua_block { if a then ngx.exit(403) } end }', 'lua.test'),
      limit: location('limit_req zone=a;', 'limit.test'),
      unknown: location('if ($geoip_country = CH) { return 403; }', 'unknown.test'),
      torn: location('deny all', 'torn.test'),
      regex: location('if ($uri ~ "*") { return 403; }', 'regex.test'),
      any: location('satisfy any;', 'any.test'),
      harmless: location('sub_filter a b; proxy_buffering on; gzip on; more_set_headers "X-A: 1";', 'harmless.test'),
      host: { ...server('auth_basic "x";', 'host.test'), created: '2026-01-01T00:00:00Z' },
      neighbour: { hosts: { 'host.test': { '/own': 'api:80' } }, created: '2026-02-01T00:00:00Z' },
      empty: location('if ($arg_x) { return 403; } return 200 "";', 'empty.test'),
      often: location('allow 10.0.0.1; deny 10.0.0.2; '.repeat(60), 'often.test'),
      many: location('deny 10.0.0.2; '.repeat(2000), 'many.test'),
      hostile: location(
        'more_set_headers "X-A: %REQ(x)% %" "A\tB: c"; add_header ":status" 1; return 999;',
        'hostile.test',
      ),
    });
    expect(await stage.outcome('empty.test/')).toBe('503');
    expect(await stage.outcome('many.test/')).toBe('web /');
    for (const host of ['often', 'regex', 'lua', 'limit', 'unknown', 'torn', 'any', 'hostile']) {
      expect([host, await stage.outcome(`${host}.test/`)]).toEqual([host, '503']);
      expect(ofIngress(host)).toContain(`${host} configuration-snippet InvalidProtection`);
    }
    expect((await stage.ask('harmless.test/')).headers['x-a']).toBe('1');
    expect(ofIngress('harmless')).toEqual(Array(2).fill('harmless configuration-snippet InvalidAnnotation'));
    expect(await stage.outcome('host.test/')).toBe('503');
    expect(await stage.outcome('host.test/own')).toBe('503');
  });
});

describeWithEnvoy('snippets that are not allowed', () => {
  const stage = scene();

  it('are left out, and close the paths that they may have protected', async () => {
    await stage.apply({
      header: {
        hosts: { 'header.test': { '/': 'web:80' } },
        annotations: { 'configuration-snippet': 'more_set_headers "X-A: 1";' },
      },
      deny: { hosts: { 'deny.test': { '/': 'web:80' } }, annotations: { 'configuration-snippet': 'deny all;' } },
      server: { hosts: { 'server.test': { '/': 'web:80' } }, annotations: { 'server-snippet': 'deny all;' } },
      other: { hosts: { 'server.test': { '/other': 'api:80' } } },
    });
    const { status, headers } = await stage.ask('header.test/');
    expect([status, headers['x-a']]).toEqual([200, undefined]);
    expect(await stage.outcome('deny.test/')).toBe('503');
    expect(await stage.outcome('server.test/')).toBe('503');
    expect(await stage.outcome('server.test/other')).toBe('api /other');
    expect(stage.problems()).toEqual([
      'deny configuration-snippet InvalidProtection',
      'header configuration-snippet InvalidAnnotation',
      'server server-snippet InvalidProtection',
    ]);
  });
});
