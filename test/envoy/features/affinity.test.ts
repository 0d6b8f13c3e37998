import { expect, it } from '@jest/globals';
import { endpointSlice, service } from '../../support/objects.ts';
import { freePort } from '../../support/ports.ts';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';
import type { SceneIngress, SceneRequest } from './scene.ts';

describeWithEnvoy('sessions by cookie', () => {
  const names = ['one', 'two', 'three', 'four'];
  const stage = scene({ backends: Object.fromEntries(names.map((name) => [name, {}])), tlsNames: ['secure.test'] });
  const annotation = 'affinity';
  const cookie = { [annotation]: 'cookie' };

  const on = (host: string, annotations: Readonly<Record<string, string>>, path = '/'): SceneIngress => ({
    hosts: { [`${host}.test`]: { [path]: 'pool:80' } },
    annotations: { ...cookie, ...annotations },
  });
  /** The endpoints of the Service `pool`; only the first `count` backends. */
  const pool = (count: number) =>
    names.map((name, index) =>
      endpointSlice(`pool-${name}`, 'pool', { http: stage.backend(name).port }, index < count ? ['127.0.0.1'] : []),
    );
  const ask = async (url: string, request: SceneRequest = {}) => {
    const { status, echo, headers } = await stage.ask(url, request);
    const set = headers['set-cookie'];
    return { status, by: echo?.backend ?? '', setCookie: (Array.isArray(set) ? set : [set ?? '']).join('\n') };
  };
  const withCookie = (value: string): SceneRequest => ({
    headers: { cookie: `x=y; ${value.replace(/;.*/s, '')}; z=1` },
  });
  const attributes = async (url: string, request: SceneRequest = {}) =>
    (await ask(url, request)).setCookie.replace(/=[^;]*/, '');

  it('go to one endpoint each, which the first answer has chosen, and to all of them together', async () => {
    await stage.apply(
      { plain: on('plain', {}), none: on('none', { affinity: '' }) },
      service('pool', { http: 80 }),
      ...pool(4),
    );
    const seen = new Set<string>();
    for (let index = 0; index < 24; index++) {
      const first = await ask('plain.test/');
      expect(first.setCookie).toMatch(/^INGRESSCOOKIE=[0-9a-f-]{36}\|[0-9a-f]{32}; Path=\/; HttpOnly$/);
      const again = [
        await ask('plain.test/a', withCookie(first.setCookie)),
        await ask('plain.test/b', withCookie(first.setCookie)),
      ];
      expect(again).toEqual([0, 1].map(() => ({ status: 200, by: first.by, setCookie: '' })));
      seen.add(first.by);
    }
    expect(seen.size).toBeGreaterThan(2);
    expect((await ask('none.test/')).setCookie).toBe('');
  });

  it('give each browser its own', async () => {
    const cookies = new Set<string>();
    for (let index = 0; index < 5; index++) cookies.add((await ask('plain.test/')).setCookie);
    expect(cookies.size).toBe(5);
  });

  it('have cookies as the annotations say', async () => {
    await stage.apply({
      named: on('named', {
        'session-cookie-name': 'SERVERID',
        'session-cookie-path': '/shop',
        'session-cookie-domain': 'named.test',
      }),
      aged: on('aged', { 'session-cookie-max-age': '3600', 'session-cookie-expires': '60' }),
      expiring: on('expiring', { 'session-cookie-expires': '172800' }),
      lax: on('lax', { 'session-cookie-samesite': 'lax' }),
      secured: on('secured', { 'session-cookie-secure': 'true' }),
      secure: {
        ...on('secure', { 'session-cookie-secure': 'false' }),
        tls: [{ hosts: ['secure.test'], secretName: 'tls' }],
      },
      path: on('path', {}, '/shop'),
      exact: on('path', {}, '=/exact'),
      regex: on('regex', { 'use-regex': 'true' }, '~/shop(/|$)(.*)'),
      'regex-inner': on('regex', { 'use-regex': 'true' }, '~/v[0-9]+/x'),
    });
    expect(await attributes('named.test/')).toBe('SERVERID; Path=/shop; Domain=named.test; HttpOnly');
    expect(await attributes('aged.test/')).toMatch(/^INGRESSCOOKIE; Path=\/; Max-Age=3600; HttpOnly; Expires=.* GMT$/);
    const [kept, date] = (await attributes('expiring.test/')).split('; Expires=');
    expect(kept).toBe('INGRESSCOOKIE; Path=/; HttpOnly');
    expect(Math.abs(Date.parse(date ?? '') - Date.now() - 172_800_000)).toBeLessThan(120_000);
    expect(await attributes('lax.test/')).toBe('INGRESSCOOKIE; Path=/; HttpOnly; SameSite=Lax');
    expect(await attributes('secured.test/')).toBe('INGRESSCOOKIE; Path=/; Secure; HttpOnly');
    expect(await attributes('https://secure.test/')).toBe('INGRESSCOOKIE; Path=/; Secure; HttpOnly');
    expect(await attributes('path.test/shop/x')).toBe('INGRESSCOOKIE; Path=/shop; HttpOnly');
    expect(await attributes('path.test/exact')).toBe('INGRESSCOOKIE; Path=/exact; HttpOnly');
    expect(await attributes('regex.test/shop/x')).toBe('INGRESSCOOKIE; Path=/shop; HttpOnly');
    expect(await attributes('regex.test/v1/x')).toBe('INGRESSCOOKIE; Path=/; HttpOnly');
  });

  it('tell old browsers nothing of SameSite=None, where that is asked for', async () => {
    await stage.apply({
      always: on('always', { 'session-cookie-samesite': 'None' }),
      known: on('known', { 'session-cookie-samesite': 'None', 'session-cookie-conditional-samesite-none': 'true' }),
    });
    const agent = (text: string): SceneRequest => ({ headers: { 'user-agent': text } });
    const sameSite = async (host: string, text: string) =>
      (await attributes(`${host}.test/`, agent(text))).replace(/^.*HttpOnly/, '');
    const old =
      'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/61.0.3163.100 Safari/537.36';
    const safari =
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_6) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1 Safari/605.1.15';
    const chrome =
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_6) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36';
    expect(await sameSite('always', old)).toBe('; SameSite=None');
    expect(await sameSite('known', old)).toBe('');
    expect(await sameSite('known', safari)).toBe('');
    expect(await sameSite('known', chrome)).toBe('; SameSite=None');
    expect(await sameSite('known', 'Mozilla/5.0 (iPhone; CPU iPhone OS 12_4 like Mac OS X) Safari/604.1')).toBe('');
  });

  it('survive what others are: foreign values are hashed, empty ones are none', async () => {
    const foreign = withCookie('INGRESSCOOKIE=1700000000.123.45.678901|0123456789abcdef');
    const first = await ask('plain.test/', foreign);
    expect(first.setCookie).toBe('');
    expect((await ask('plain.test/', foreign)).by).toBe(first.by);
    expect((await ask('plain.test/', withCookie('INGRESSCOOKIE='))).setCookie).toContain('INGRESSCOOKIE=');
    expect((await ask('plain.test/', withCookie('OTHERINGRESSCOOKIE=1'))).setCookie).toContain('INGRESSCOOKIE=');
  });

  it('stay where they are when others lose their endpoint, and move when they lose theirs', async () => {
    await stage.apply({}, ...pool(4));
    const sessions = [];
    for (let index = 0; index < 12; index++) sessions.push(await ask('plain.test/'));
    await stage.apply({}, ...pool(3));
    let moved = 0;
    for (const { by, setCookie } of sessions) {
      const now = await ask('plain.test/', withCookie(setCookie));
      expect(now.status).toBe(200);
      if (now.by !== by && by !== 'four') moved += 1;
    }
    expect(moved).toBeLessThan(4);
    await stage.apply({}, ...pool(0));
    expect((await ask('plain.test/', withCookie(sessions[0]?.setCookie ?? ''))).status).toBe(503);
    await stage.apply({}, ...pool(4));
  });

  it('stay on their endpoint whatever comes beside it, when they are persistent', async () => {
    await stage.apply(
      {
        lasting: on('lasting', { 'affinity-mode': 'persistent', 'session-cookie-max-age': '60' }),
        late: on('late', {}),
      },
      ...pool(1),
    );
    const first = await ask('lasting.test/');
    expect(first.setCookie).toMatch(/^INGRESSCOOKIE=[0-9a-f]{32}\|[0-9a-f]{32}; Path=\/; Max-Age=60; HttpOnly$/);
    const session = withCookie(first.setCookie);
    for (const count of [2, 4, 3, 4]) {
      await stage.apply({}, ...pool(count));
      for (let index = 0; index < 6; index++) {
        expect(await ask('lasting.test/', session)).toEqual({ status: 200, by: 'one', setCookie: '' });
      }
    }
    const others = new Set<string>();
    for (let index = 0; index < 12; index++) others.add((await ask('lasting.test/')).by);
    expect(others.size).toBeGreaterThan(2);
    await stage.apply({}, ...pool(0));
    expect(await ask('lasting.test/', session)).toMatchObject({ status: 503, setCookie: '' });
    const [, ...rest] = pool(4);
    await stage.apply({}, ...rest);
    const moved = await ask('lasting.test/', session);
    expect(moved.by).not.toBe('one');
    expect(moved.setCookie).toContain('INGRESSCOOKIE=');
    expect(await ask('lasting.test/', withCookie(moved.setCookie))).toEqual({
      status: 200,
      by: moved.by,
      setCookie: '',
    });
    for (const foreign of ['INGRESSCOOKIE=MTI3LjAuMC4xOjgw|x', 'INGRESSCOOKIE=']) {
      expect((await ask('lasting.test/', withCookie(foreign))).setCookie).toContain('INGRESSCOOKIE=');
    }
    await stage.apply({}, ...pool(4));
  });

  it('go on elsewhere for the one request that cannot reach its endpoint', async () => {
    const closed = await freePort();
    const change = { 'session-cookie-change-on-failure': 'true' };
    const pair = { hosts: { 'failing.test': { '/': 'pair:80' } }, annotations: { ...cookie, ...change } };
    await stage.apply(
      { failing: pair },
      service('pair', { http: 80 }),
      endpointSlice('pair-1', 'pair', { http: closed }, ['127.0.0.1']),
      endpointSlice('pair-2', 'pair', { http: stage.backend('one').port }, ['127.0.0.1']),
    );
    for (let index = 0; index < 8; index++) expect((await ask('failing.test/')).status).toBe(200);
  });

  it('lose what has a bad value, and nothing else', async () => {
    await stage.apply({
      evil: on('evil', {
        'session-cookie-name': 'a;b',
        'session-cookie-path': '/x; Domain=evil.test',
        'session-cookie-domain': '%REQ(host)%',
        'session-cookie-samesite': 'sometimes',
        'session-cookie-max-age': '1h',
        'session-cookie-secure': 'yes',
      }),
      percent: on('percent', { 'session-cookie-name': '%REQ', 'session-cookie-path': '/%REQ(host)%' }),
      type: on('type', { affinity: 'ip' }),
    });
    expect(await attributes('evil.test/')).toBe('INGRESSCOOKIE; Path=/; HttpOnly');
    expect(await attributes('percent.test/')).toBe('%REQ; Path=/%REQ(host)%; HttpOnly');
    expect((await ask('type.test/')).setCookie).toBe('');
    expect(stage.problems().filter((problem) => /^(evil|type|percent)/.test(problem))).toEqual([
      'evil session-cookie-domain InvalidAnnotation',
      'evil session-cookie-max-age InvalidAnnotation',
      'evil session-cookie-name InvalidAnnotation',
      'evil session-cookie-path InvalidAnnotation',
      'evil session-cookie-samesite InvalidAnnotation',
      'evil session-cookie-secure InvalidAnnotation',
      'type affinity InvalidAnnotation',
    ]);
  });

  it('are of more weight than a hash of something else', async () => {
    await stage.apply({ both: on('both', { 'upstream-hash-by': '$request_uri' }) });
    const first = await ask('both.test/0');
    for (let index = 1; index < 8; index++) {
      expect((await ask(`both.test/${index}`, withCookie(first.setCookie))).by).toBe(first.by);
    }
  });
});
