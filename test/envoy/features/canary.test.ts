import { expect, it } from '@jest/globals';
import { endpointSlice, service } from '../../support/objects.ts';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';
import type { SceneIngress, SceneRequest } from './scene.ts';

describeWithEnvoy('canaries', () => {
  const stage = scene({ backends: { web: {}, next: {}, third: {} }, tlsNames: ['tls.test'] });

  /** An Ingress for a host, and its canary. */
  const pair = (
    name: string,
    canary: Readonly<Record<string, string>>,
    main: Readonly<Record<string, string>> = {},
  ) => ({
    [name]: on(name, 'web', main),
    [`${name}-canary`]: on(name, 'next', { canary: 'true', ...canary }),
  });
  const on = (name: string, backend: string, annotations: Readonly<Record<string, string>>): SceneIngress => ({
    hosts: { [`${name}.test`]: { '/': `${backend}:80` } },
    annotations,
  });
  const served = async (name: string, request: SceneRequest = {}) =>
    (await stage.outcome(`${name}.test/`, request)).replace(' /', '');
  const header = (name: string, value: string): SceneRequest => ({ headers: { [name]: value } });
  const shares = async (name: string, requests = 200) => {
    let next = 0;
    for (let index = 0; index < requests; index++) next += (await served(name)) === 'next' ? 1 : 0;
    return next / requests;
  };

  it('get requests by header: always and never decide, others do not', async () => {
    await stage.apply(pair('plain', { 'canary-by-header': 'X-Canary' }));
    await stage.apply(pair('hundred', { 'canary-by-header': 'x-canary', 'canary-weight': '100' }));
    expect(await served('plain')).toBe('web');
    expect(await served('plain', header('x-canary', 'always'))).toBe('next');
    expect(await served('plain', header('X-CANARY', 'never'))).toBe('web');
    expect(await served('plain', header('x-canary', 'Always'))).toBe('web');
    expect(await served('hundred', header('x-canary', 'never'))).toBe('web');
    expect(await served('hundred', header('x-canary', 'maybe'))).toBe('next');
  });

  it('get requests by the value of a header, and then always and never mean nothing', async () => {
    await stage.apply({
      ...pair('value', { 'canary-by-header': 'X-Canary', 'canary-by-header-value': 'DoCanary' }),
      ...pair('pattern', { 'canary-by-header': 'X-Canary', 'canary-by-header-pattern': '^v[2-9]$|beta' }),
      ...pair('both', {
        'canary-by-header': 'X-Canary',
        'canary-by-header-value': 'DoCanary',
        'canary-by-header-pattern': '^Do[A-Z][a-z]+N',
      }),
      ...pair('broken', {
        'canary-by-header': 'X-Canary',
        'canary-by-header-pattern': '[[][**al',
        'canary-weight': '100',
      }),
      ...pair('alone', { 'canary-by-header-value': 'x', 'canary-weight': '0' }),
    });
    expect(await served('value', header('x-canary', 'DoCanary'))).toBe('next');
    expect(await served('value', header('x-canary', 'docanary'))).toBe('web');
    expect(await served('value', header('x-canary', 'always'))).toBe('web');
    expect(await served('pattern', header('x-canary', 'v3'))).toBe('next');
    expect(await served('pattern', header('x-canary', 'a beta b'))).toBe('next');
    expect(await served('pattern', header('x-canary', 'v33'))).toBe('web');
    expect(await served('both', header('x-canary', 'DoCanary'))).toBe('next');
    expect(await served('both', header('x-canary', 'DoCanarN'))).toBe('web');
    expect(await served('broken', header('x-canary', 'always'))).toBe('web');
    expect(await served('broken')).toBe('next');
    expect(await served('alone', header('x', 'x'))).toBe('web');
    expect(stage.problems()).toContain('broken-canary canary-by-header-pattern InvalidAnnotation');
  });

  it('get requests by a cookie, after the header and before the weight', async () => {
    await stage.apply({
      ...pair('cookie', { 'canary-by-cookie': 'Canary.By' }),
      ...pair('all', { 'canary-by-header': 'x-canary', 'canary-by-cookie': 'canary', 'canary-weight': '100' }),
      ...pair('value-first', {
        'canary-by-header': 'x-canary',
        'canary-by-header-value': 'mine',
        'canary-by-cookie': 'canary',
      }),
    });
    expect(await served('cookie', header('cookie', 'a=b; Canary.By=always; c=d'))).toBe('next');
    expect(await served('cookie', header('cookie', 'CanaryxBy=always'))).toBe('web');
    expect(await served('cookie', header('cookie', 'Canary.By=never'))).toBe('web');
    expect(await served('all', header('cookie', 'canary=never'))).toBe('web');
    expect(await served('all', header('cookie', 'canary=no'))).toBe('next');
    expect(await served('all', { headers: { 'x-canary': 'always', cookie: 'canary=never' } })).toBe('next');
    expect(await served('all', { headers: { 'x-canary': 'never', cookie: 'canary=always' } })).toBe('web');
    expect(await served('value-first', { headers: { 'x-canary': 'never', cookie: 'canary=always' } })).toBe('next');
  });

  it('get the share of their weight', async () => {
    await stage.apply({
      ...pair('zero', { 'canary-weight': '0' }),
      ...pair('unset', {}),
      ...pair('half', { 'canary-weight': '50' }),
      ...pair('total', { 'canary-weight': '500', 'canary-weight-total': '1000' }),
      ...pair(
        'subset',
        { 'canary-weight': '50' },
        { 'upstream-hash-by': '$request_uri', 'upstream-hash-by-subset': 'true' },
      ),
      ...pair('retried', { 'canary-weight': '50' }, { 'proxy-next-upstream': 'http_503' }),
      ...pair('small-total', { 'canary-weight': '10', 'canary-weight-total': '10' }),
      ...pair('full', { 'canary-weight': '200', 'canary-weight-total': '200' }),
      ...pair('over', { 'canary-weight': '101' }),
      ...pair('negative', { 'canary-weight': '-5' }),
      ...pair('words', { 'canary-weight': '50%' }),
    });
    for (const never of ['zero', 'unset', 'negative', 'words'])
      expect([never, await shares(never, 25)]).toEqual([never, 0]);
    for (const always of ['full', 'over']) expect([always, await shares(always, 25)]).toEqual([always, 1]);
    for (const half of ['half', 'total', 'subset', 'retried'])
      expect(Math.abs((await shares(half)) - 0.5)).toBeLessThan(0.2);
    expect(await shares('small-total')).toBeLessThan(0.3);
    expect(stage.problems()).toContain('words-canary canary-weight InvalidAnnotation');
  });

  it('serve nothing where no other Ingress has the same host, path and type', async () => {
    const always = { canary: 'true', 'canary-weight': '100' };
    await stage.apply({
      lonely: { hosts: { 'lonely.test': { '/': 'next:80' } }, annotations: always },
      main: { hosts: { 'paths.test': { '/a': 'web:80', '=/b': 'web:80', '/c': 'web:80' } } },
      canary: {
        hosts: { 'paths.test': { '/a': 'next:80', '/b': 'next:80', '/c/': 'next:80', '/d': 'next:80' } },
        annotations: always,
      },
      everything: { defaultBackend: 'next:80', annotations: always },
    });
    expect(await stage.outcome('lonely.test/')).toBe('404');
    expect(await stage.outcome('elsewhere.test/')).toBe('404');
    expect(await stage.outcome('paths.test/a/x')).toBe('next /a/x');
    expect(await stage.outcome('paths.test/b')).toBe('web /b');
    expect(await stage.outcome('paths.test/c')).toBe('web /c');
    expect(await stage.outcome('paths.test/d')).toBe('404');
    expect(
      stage
        .problems()
        .filter((problem) => problem.endsWith('CanaryWithoutMain'))
        .toSorted(),
    ).toEqual([
      'canary spec.rules[0].http.paths[1] CanaryWithoutMain',
      'canary spec.rules[0].http.paths[2] CanaryWithoutMain',
      'canary spec.rules[0].http.paths[3] CanaryWithoutMain',
      'everything spec.defaultBackend CanaryWithoutMain',
      'lonely spec.rules[0].http.paths[0] CanaryWithoutMain',
    ]);
  });

  it('come and go with their annotation, before and after their main Ingress', async () => {
    const canary = { canary: 'true', 'canary-weight': '100' };
    await stage.apply({ 'edit-canary': on('edit', 'next', canary) });
    expect(await served('edit')).toBe('404');
    await stage.apply({ edit: on('edit', 'web', {}) });
    expect(await served('edit')).toBe('next');
    await stage.apply({ 'edit-canary': on('edit', 'next', { ...canary, 'canary-weight': '0' }) });
    expect(await served('edit')).toBe('web');
    await stage.apply({ 'edit-canary': on('edit', 'next', { canary: 'false', 'canary-weight': '0' }) });
    expect(await served('edit')).toBe('web');
    expect(stage.problems().filter((problem) => problem.startsWith('edit'))).toEqual([
      'edit-canary spec.rules[0].http.paths[0] PathConflict',
    ]);
    await stage.apply({ 'edit-canary': on('edit', 'next', { 'canary-weight': '10' }) });
    expect(stage.problems()).toContain('edit-canary canary-weight InvalidAnnotation');
  });

  it('have the annotations of the main Ingress, and not their own', async () => {
    await stage.apply({
      ...pair(
        'inherit',
        {
          'canary-weight': '100',
          'whitelist-source-range': 'nonsense',
          'rewrite-target': '/mine',
          'enable-cors': 'true',
        },
        { 'app-root': '/start', 'permanent-redirect': '' },
      ),
      ...pair('shut', { 'canary-weight': '100' }, { 'denylist-source-range': '127.0.0.0/8' }),
      regex: {
        hosts: { 'regex.test': { '~/api(/|$)(.*)': 'web:80' } },
        annotations: { 'rewrite-target': '/$2' },
      },
      'regex-canary': {
        hosts: { 'regex.test': { '~/api(/|$)(.*)': 'next:80' } },
        annotations: { canary: 'true', 'canary-weight': '100' },
      },
    });
    expect(await stage.outcome('inherit.test/x')).toBe('next /x');
    expect((await stage.ask('inherit.test/x')).headers['access-control-allow-origin']).toBeUndefined();
    expect(await stage.outcome('inherit.test/')).toBe('302 http://inherit.test/start');
    expect(await served('shut')).toBe('403');
    expect(await stage.outcome('regex.test/api/items')).toBe('next /items');
    expect(stage.problems().filter((problem) => problem.startsWith('inherit'))).toEqual([]);
  });

  it('get nothing while they have no endpoints, and nothing for a main backend without', async () => {
    const all = { 'canary-weight': '100' };
    await stage.apply(
      {
        ...pair('idle', {}),
        'idle-canary': on('idle', 'empty', { canary: 'true', ...all }),
        'gone-main': on('gone', 'empty', {}),
        'gone-canary': on('gone', 'next', { canary: 'true', ...all }),
      },
      service('empty', { http: 80 }),
    );
    expect(await served('idle')).toBe('web');
    expect(await served('gone')).toBe('503');
    const slice = endpointSlice('empty-1', 'empty', { http: stage.backend('third').port }, ['127.0.0.1']);
    await stage.apply({}, slice);
    expect([await served('idle'), await served('gone')]).toEqual(['third', 'next']);
    await stage.apply({}, { ...slice, endpoints: [] });
    expect([await served('idle'), await served('gone')]).toEqual(['web', '503']);
  });

  it('are one for each path, the oldest', async () => {
    const canary = { canary: 'true', 'canary-weight': '100' };
    await stage.apply({
      several: { ...on('several', 'web', {}), created: '2026-01-03T00:00:00Z' },
      younger: { ...on('several', 'third', canary), created: '2026-01-02T00:00:00Z' },
      older: { ...on('several', 'next', canary), created: '2026-01-01T00:00:00Z' },
      self: on('self', 'web', {}),
      'self-canary': on('self', 'web', canary),
    });
    expect(await served('several')).toBe('next');
    expect(await served('self')).toBe('web');
    expect(
      stage
        .problems()
        .filter((problem) => problem.endsWith('CanaryConflict'))
        .toSorted(),
    ).toEqual([
      'self-canary spec.rules[0].http.paths[0] CanaryConflict',
      'younger spec.rules[0].http.paths[0] CanaryConflict',
    ]);
  });

  it('keep who has a session with them, and leave those of the main backend there', async () => {
    const affinity = { affinity: 'cookie' };
    const forced = { 'canary-by-header': 'x-canary' };
    await stage.apply({
      ...pair('sticky', { ...forced, 'canary-weight': '0' }, affinity),
      ...pair('lasting', { ...forced, 'canary-weight': '0' }, { ...affinity, 'affinity-mode': 'persistent' }),
      ...pair('legacy', { ...forced, 'affinity-canary-behavior': 'legacy' }, affinity),
      ...pair('main-legacy', forced, { ...affinity, 'affinity-canary-behavior': 'legacy' }),
    });
    const session = async (name: string, request: SceneRequest) => {
      const { echo, headers } = await stage.ask(`${name}.test/`, request);
      return { by: echo?.backend, cookie: String(headers['set-cookie']).replace(/;.*/, '') };
    };
    const next = await session('sticky', header('x-canary', 'always'));
    const main = await session('sticky', {});
    expect([next.by, main.by]).toEqual(['next', 'web']);
    expect(await session('sticky', header('cookie', next.cookie))).toEqual({ by: 'next', cookie: 'undefined' });
    expect((await session('sticky', { headers: { cookie: next.cookie, 'x-canary': 'never' } })).by).toBe('next');
    expect((await session('sticky', { headers: { cookie: main.cookie, 'x-canary': 'always' } })).by).toBe('web');
    const lasting = await session('lasting', header('x-canary', 'always'));
    expect(await session('lasting', header('cookie', lasting.cookie))).toEqual({ by: 'next', cookie: 'undefined' });
    for (const legacy of ['legacy', 'main-legacy']) {
      const { cookie } = await session(legacy, header('x-canary', 'always'));
      expect((await session(legacy, header('cookie', cookie))).by).toBe('web');
    }
  });

  it('are for both listeners and for aliases', async () => {
    await stage.apply({
      tls: {
        ...on('tls', 'web', { 'ssl-redirect': 'false', 'server-alias': 'alias.test' }),
        tls: [{ hosts: ['tls.test'], secretName: 'tls' }],
      },
      'tls-canary': on('tls', 'next', { canary: 'true', 'canary-weight': '100' }),
    });
    expect(await stage.outcome('https://tls.test/x')).toBe('next /x');
    expect(await stage.outcome('alias.test/x')).toBe('next /x');
  });
});
