import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, it } from '@jest/globals';
import { configMap, secret } from '../../support/objects.ts';
import { describeWithEnvoy } from '../../support/tools.ts';
import { prefix, scene } from './scene.ts';

/** What the service was asked, newest last. */
const asked: IncomingMessage[] = [];

const basic = (login: string) => `Basic ${Buffer.from(login).toString('base64')}`;

/** Answers as the path of its own URL says: `/202`, `/401`; `/token` asks for one, `/cookie` sets two cookies. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  asked.push(request);
  const [path = ''] = (request.url ?? '').split('?');
  const status = /^\/(\d{3})$/.exec(path)?.[1];
  if (path === '/token' && request.headers.authorization !== 'Bearer good') {
    response.writeHead(401, { 'www-authenticate': 'Bearer realm="own"', 'set-cookie': ['c=401'] }).end('auth page');
    return;
  }
  if (path === '/slow') return;
  response
    .writeHead(status === undefined ? 200 : Number(status), {
      'x-user': 'alice',
      'x-groups': ['one', 'two'],
      ...(path === '/cookie' && { 'set-cookie': ['a=1; Path=/', 'b=2'] }),
    })
    .end('auth page');
}

describeWithEnvoy('external authentication', () => {
  const failing = (_request: IncomingMessage, response: ServerResponse) => void response.writeHead(418).end('own');
  const stage = scene({ backends: { web: {}, auth: { handler: answer }, failing: { handler: failing } } });
  const service = 'http://auth.default.svc.cluster.local';
  const guarded = (name: string, annotations: Readonly<Record<string, string>>, backend = 'web') => ({
    hosts: { [`${name}.test`]: { '/': `${backend}:80` } },
    annotations,
  });
  const newest = () => asked.at(-1);

  it('asks with GET, without the body, and with what nginx tells it', async () => {
    await stage.apply({ asks: guarded('asks', { 'auth-url': `${service}/verify?a=b` }) });
    const request = {
      method: 'POST',
      body: 'secret',
      headers: { 'x-own': 'own', cookie: 'session=1', 'x-real-ip': '9.9.9.9' },
    };
    const { status, echo } = await stage.ask('asks.test:8080/shop?x=y', request);
    expect([status, echo?.method, echo?.path, echo?.body]).toEqual([200, 'POST', '/shop?x=y', 'secret']);
    expect([newest()?.method, newest()?.url]).toEqual(['GET', '/verify?a=b']);
    expect(newest()?.headers).toMatchObject({
      host: 'auth.default.svc.cluster.local',
      cookie: 'session=1',
      'x-own': 'own',
      'x-original-url': 'http://asks.test:8080/shop?x=y',
      'x-original-method': 'POST',
      'x-sent-from': 'nginx-ingress-controller',
      'x-auth-request-redirect': '/shop?x=y',
      'x-real-ip': '127.0.0.1',
      'x-forwarded-for': '127.0.0.1',
    });
    expect(newest()?.headers['x-forwarded-proto']).toBeUndefined();
    expect(newest()?.headers['content-length'] ?? '0').toBe('0');
  });

  it('asks with another method, and then says the path and scheme as well', async () => {
    await stage.apply({ posts: guarded('posts', { 'auth-url': `${service}/verify`, 'auth-method': 'POST' }) });
    expect(await stage.outcome('posts.test/x')).toBe('web /x');
    expect(newest()?.method).toBe('POST');
    expect(newest()?.headers).toMatchObject({ 'x-original-uri': '/x', 'x-scheme': 'http' });
  });

  it('lets 2xx pass, answers 401 and 403 as they are, and all else with 500', async () => {
    await stage.apply(
      Object.fromEntries(
        ['200', '202', '204', '302', '403', '401', '404', '500', '503'].map((status) => [
          `s${status}`,
          guarded(`s${status}`, { 'auth-url': `${service}/${status}` }),
        ]),
      ),
    );
    expect(await stage.outcome('s200.test/')).toBe('web /');
    expect(await stage.outcome('s202.test/')).toBe('web /');
    expect(await stage.outcome('s204.test/')).toBe('web /');
    expect(await stage.outcome('s302.test/')).toBe('500');
    expect(await stage.outcome('s403.test/')).toBe('403');
    expect(await stage.outcome('s401.test/')).toBe('401');
    expect(await stage.outcome('s404.test/')).toBe('500');
    expect(await stage.outcome('s500.test/')).toBe('500');
    expect(await stage.outcome('s503.test/')).toBe('500');
  });

  it('passes the challenge on, but neither the body nor the cookies of a 401', async () => {
    await stage.apply({ token: guarded('token', { 'auth-url': `${service}/token` }) });
    const { status, headers, body } = await stage.ask('token.test/');
    expect([status, headers['www-authenticate'], headers['set-cookie'], body]).toEqual([
      401,
      'Bearer realm="own"',
      undefined,
      expect.stringContaining('<title>401 Unauthorized</title>'),
    ]);
    expect(
      (await stage.ask('token.test/', { headers: { authorization: 'Bearer good' } })).echo?.headers.authorization,
    ).toBe('Bearer good');
  });

  it('answers 500 while the service is gone or too slow, and for a Service that does not exist', async () => {
    await stage.apply({
      gone: guarded('gone', { 'auth-url': 'http://gone.default.svc.cluster.local/' }),
      slow: guarded('slow', { 'auth-url': `${service}/slow`, 'proxy-read-timeout': '1' }),
      outside: guarded('outside', { 'auth-url': 'http://127.0.0.1:1/' }),
    });
    expect(await stage.outcome('gone.test/')).toBe('500');
    expect(await stage.outcome('slow.test/')).toBe('500');
    expect(await stage.outcome('outside.test/')).toBe('500');
    expect(stage.problems()).toContain('gone spec.rules[0].http.paths[0] ServiceNotFound');
  });

  it('asks a host outside of the cluster by its name', async () => {
    const { port } = stage.backend('auth');
    await stage.apply({
      byname: guarded('byname', { 'auth-url': `http://127.0.0.1:${port}/202?h=$host&u=$escaped_request_uri` }),
    });
    expect(await stage.outcome('byname.test/a?b=c')).toBe('web /a?b=c');
    expect(newest()?.url).toBe('/202?h=byname.test&u=%2Fa%3Fb%3Dc');
    expect(newest()?.headers.host).toBe('127.0.0.1');
  });

  it('gives the backend headers of the answer, and never those that the client made up', async () => {
    await stage.apply({
      headers: guarded('headers', {
        'auth-url': `${service}/verify`,
        'auth-response-headers': 'X-User, x-groups,X-Absent',
      }),
    });
    const { echo } = await stage.ask('headers.test/', { headers: { 'x-user': 'mallory', 'x-absent': 'mallory' } });
    expect(echo?.headers['x-user']).toBe('alice');
    expect(echo?.headers['x-groups']).toBe('one, two');
    expect(echo?.headers['x-absent']).toBeUndefined();
    expect(newest()?.headers['x-user']).toBe('mallory');
  });

  it('drops headers that the client made up also where another check was enough', async () => {
    const either = { 'auth-url': `${service}/verify`, 'auth-response-headers': 'X-User', satisfy: 'any' };
    const password = { 'auth-type': 'basic', 'auth-secret': 'users' };
    await stage.apply(
      {
        near: guarded('near', { ...either, 'whitelist-source-range': '127.0.0.0/8' }),
        secret: guarded('secret', { ...either, ...password }),
        far: guarded('far', { ...either, ...password, 'whitelist-source-range': '192.0.2.0/24' }),
      },
      secret('users', { auth: 'bob:{PLAIN}builder' }),
    );
    const forged = { 'x-user': 'mallory' };
    const before = asked.length;
    const near = await stage.ask('near.test/', { headers: forged });
    expect([near.echo?.path, near.echo?.headers['x-user']]).toEqual(['/', undefined]);
    const known = await stage.ask('secret.test/', { headers: { ...forged, authorization: basic('bob:builder') } });
    expect([known.echo?.path, known.echo?.headers['x-user']]).toEqual(['/', undefined]);
    expect(asked.length).toBe(before);
    expect((await stage.ask('far.test/', { headers: forged })).echo?.headers['x-user']).toBe('alice');
    expect(newest()?.headers['x-user']).toBe('mallory');
  });

  it('takes a user name with control characters for none', async () => {
    const url = `${service}/401?u=$remote_user`;
    await stage.apply({
      named: guarded('named', { 'auth-url': url, 'auth-signin': 'http://login.test/?rd=$remote_user' }),
    });
    const ask = (login: string) => stage.ask('named.test/', { headers: { authorization: basic(login) } });
    expect((await ask('bob:x')).headers.location).toBe('http://login.test/?rd=bob');
    for (const name of ['bob\r\nset-cookie: a=b', 'bob\nx', 'bob\rx', 'bob\0', '\u007F']) {
      const { status, headers } = await ask(`${name}:x`);
      expect([status, headers.location, headers['set-cookie']]).toEqual([302, 'http://login.test/?rd=', undefined]);
      expect(newest()?.url).toBe('/401?u=');
    }
  });

  it('reads cookies and arguments, as long as they may be, in no time', async () => {
    const signIn = (to: string) => ({
      'auth-type': 'basic',
      'auth-secret': 'users',
      'auth-url': `${service}/verify`,
      'auth-signin': `http://login.test/?rd=${to}`,
    });
    await stage.apply(
      { cookies: guarded('cookies', signIn('$cookie_known')), args: guarded('args', signIn('$arg_known')) },
      secret('users', { auth: 'bob:{PLAIN}builder' }),
    );
    const cookie = (text: string) => stage.outcome('cookies.test/', { headers: { cookie: text } });
    const arg = (text: string) => stage.outcome(`args.test/?${text}`);
    expect(await cookie('unknown=0; known; Known=1=2; known=3')).toBe('302 http://login.test/?rd=1=2');
    expect(await cookie('=; other=1')).toBe('302 http://login.test/?rd=');
    expect(await arg('unknown=0&known&Known=1=2&known=3')).toBe('302 http://login.test/?rd=1=2');
    const start = performance.now();
    for (const long of ['a', ' a', ';', ' ;', 'a;', '='].map((each) => each.repeat(58_000 / each.length))) {
      expect(await cookie(`x${long};known=1`)).toBe('302 http://login.test/?rd=1');
    }
    for (const long of ['a', '&', 'a&', '=', '?'].map((each) => each.repeat(58_000 / each.length))) {
      expect(await arg(`x${long}&known=1`)).toBe('302 http://login.test/?rd=1');
    }
    expect(performance.now() - start).toBeLessThan(2000);
  });

  it('sends who must sign in to the page for that, with where they wanted to go', async () => {
    const url = { 'auth-url': `${service}/token` };
    await stage.apply({
      plain: guarded('plain', { ...url, 'auth-signin': 'https://$host/start' }),
      query: guarded('query', { ...url, 'auth-signin': 'http://login.test/?a=b', 'auth-signin-redirect-param': 'to' }),
      own: guarded('own', { ...url, 'auth-signin': 'http://login.test/?rd=$escaped_request_uri' }),
      forbidden: guarded('forbidden', { 'auth-url': `${service}/403`, 'auth-signin': 'http://login.test/' }),
    });
    expect(await stage.outcome('plain.test:81/?a=b&c=d')).toBe(
      '302 https://plain.test/start?rd=http://plain.test:81%2F%3Fa%3Db%26c%3Dd',
    );
    expect(await stage.outcome('query.test/x')).toBe('302 http://login.test/?a=b&to=http://query.test%2Fx');
    expect(await stage.outcome('own.test/x')).toBe('302 http://login.test/?rd=%2Fx');
    expect(await stage.outcome('forbidden.test/')).toBe('403');
    expect((await stage.ask('plain.test/')).headers['set-cookie']).toEqual(['c=401']);
  });

  it('gives the client the cookies of the service, with errors only if that is asked for', async () => {
    const url = { 'auth-url': `${service}/cookie` };
    await stage.apply({
      cookie: guarded('cookie', url),
      error: guarded('error', url, 'failing'),
      always: guarded('always', { ...url, 'auth-always-set-cookie': 'true' }, 'failing'),
    });
    expect((await stage.ask('cookie.test/')).headers['set-cookie']).toEqual(['a=1; Path=/', 'b=2']);
    expect((await stage.ask('error.test/')).headers['set-cookie']).toBeUndefined();
    expect((await stage.ask('always.test/')).headers['set-cookie']).toEqual(['a=1; Path=/', 'b=2']);
  });

  it('tells the service another place to come back to', async () => {
    await stage.apply({
      back: guarded('back', { 'auth-url': `${service}/verify`, 'auth-request-redirect': '$scheme://$http_host/back' }),
    });
    await stage.ask('back.test/x');
    expect(newest()?.headers['x-auth-request-redirect']).toBe('http://back.test/back');
  });

  it('is told what a snippet sets, and nothing else can be in one', async () => {
    const url = { 'auth-url': `${service}/verify` };
    await stage.apply({
      told: guarded('told', {
        ...url,
        'auth-snippet': 'proxy_set_header X-Plain one;\n  proxy_set_header\tX-Path "at $request_uri";\r\n',
        'auth-keepalive': '10',
        'auth-keepalive-requests': '10',
        'auth-keepalive-timeout': '10',
        'auth-keepalive-share-vars': 'true',
      }),
      closed: guarded('closed', { ...url, 'auth-snippet': 'proxy_set_header X-Plain one; deny all;' }),
      broken: guarded('broken', { ...url, 'auth-snippet': 'proxy_set_header Host evil;' }),
    });
    expect(await stage.outcome('told.test/x')).toBe('web /x');
    expect(newest()?.headers).toMatchObject({ 'x-plain': 'one', 'x-path': 'at /x' });
    expect(await stage.outcome('closed.test/')).toBe('503');
    expect(await stage.outcome('broken.test/')).toBe('503');
  });

  it('is told the headers of a ConfigMap, and is closed without it', async () => {
    const told = (from: string) => ({ 'auth-url': `${service}/verify`, 'auth-proxy-set-headers': from });
    await stage.apply(
      {
        named: guarded('named', told('default/told')),
        absent: guarded('absent', told('absent')),
        elsewhere: guarded('elsewhere', told('other/told')),
        badname: guarded('badname', told('badname')),
      },
      configMap('told', { 'X-One': 'one', 'X-Host': '$host' }),
      configMap('told', { 'X-One': 'one' }, 'other'),
      configMap('badname', { 'X One': 'one' }),
    );
    expect(await stage.outcome('named.test/')).toBe('web /');
    expect(newest()?.headers).toMatchObject({ 'x-one': 'one', 'x-host': 'named.test' });
    for (const name of ['absent', 'elsewhere', 'badname']) expect(await stage.outcome(`${name}.test/`)).toBe('503');
  });

  it('keeps answers for requests with the same key, of the same host', async () => {
    const cached = {
      'auth-url': `${service}/verify`,
      'auth-cache-key': '$http_x_key',
      'auth-cache-duration': '200 10m, 401 1s',
      'auth-response-headers': 'x-user',
    };
    await stage.apply({ cached: guarded('cached', cached), other: guarded('other', cached) });
    const ask = (host: string, key: string) => stage.ask(`${host}.test/`, { headers: { 'x-key': key } });
    const before = asked.length;
    // Each of the Envoy's threads asks once.
    for (let count = 0; count < 20; count++) expect((await ask('cached', 'k')).echo?.headers['x-user']).toBe('alice');
    expect(asked.length - before).toBeLessThan(20);
    const known = asked.length;
    await ask('cached', 'another');
    await ask('other', 'k');
    expect(asked.length - known).toBe(2);
  });

  it('leaves the paths of certificate challenges alone', async () => {
    await stage.apply({
      acme: {
        hosts: { 'acme.test': { '/.well-known/acme-challenge': 'web:80', '/': 'web:80' } },
        annotations: { 'auth-url': `${service}/403` },
      },
    });
    expect(await stage.outcome('acme.test/.well-known/acme-challenge/x')).toBe('web /.well-known/acme-challenge/x');
    expect(await stage.outcome('acme.test/')).toBe('403');
  });

  it('closes the paths whose values cannot be read', async () => {
    const bad: Readonly<Record<string, Readonly<Record<string, string>>>> = {
      scheme: { 'auth-url': 'ftp://auth.test/' },
      nourl: { 'auth-url': 'auth' },
      variable: { 'auth-url': `${service}/$unheard_of` },
      breaks: { 'auth-url': `${service}/\nx` },
      port: { 'auth-url': 'http://auth.test:99999/' },
      credentials: { 'auth-url': 'http://a:b@auth.test/' },
      header: { 'auth-url': `${service}/200`, 'auth-response-headers': 'x-good, content-length' },
      method: { 'auth-url': `${service}/200`, 'auth-method': 'BREW' },
    };
    await stage.apply(Object.fromEntries(Object.entries(bad).map(([name, values]) => [name, guarded(name, values)])));
    for (const name of Object.keys(bad)) expect([name, await stage.outcome(`${name}.test/`)]).toEqual([name, '503']);
    const closed = stage.problems().filter((each) => each.endsWith('InvalidProtection'));
    expect(closed.filter((each) => Object.hasOwn(bad, each.split(' ')[0] ?? '')).length).toBe(Object.keys(bad).length);
  });

  it('leaves out what protects nothing, when it cannot be read', async () => {
    await stage.apply({
      signin: guarded('signin', { 'auth-url': `${service}/401`, 'auth-signin': 'javascript:alert(1)' }),
      rest: guarded('rest', {
        'auth-url': `${service}/200`,
        'auth-cache-duration': 'for ever',
        'auth-cache-key': '%REQ(x)%',
        'enable-global-auth': 'perhaps',
      }),
    });
    expect(await stage.outcome('signin.test/')).toBe('401');
    expect(await stage.outcome('rest.test/')).toBe('web /');
    expect(prefix).toBe('nginx.ingress.kubernetes.io');
  });

  it('works without a change of the listener, and Envoy takes all of it', async () => {
    expect(await stage.envoy.stat('listener_manager.listener_modified')).toBe(0);
    expect(stage.serving.events.filter(({ kind }) => kind === 'nack')).toEqual([]);
  });
});

describeWithEnvoy('external authentication for all', () => {
  const service = 'http://auth.default.svc.cluster.local';
  const stage = scene({
    backends: { web: {}, auth: { handler: answer } },
    configMap: { 'global-auth-url': `${service}/token`, 'global-auth-signin': 'http://login.test/start' },
  });

  it('goes for Ingresses without one of their own that do not opt out', async () => {
    const hosts = (name: string) => ({ [`${name}.test`]: { '/': 'web:80' } });
    await stage.apply({
      plain: { hosts: hosts('plain') },
      out: { hosts: hosts('out'), annotations: { 'enable-global-auth': 'false' } },
      own: { hosts: hosts('own'), annotations: { 'auth-url': `${service}/403` } },
      asks: { hosts: hosts('asks'), annotations: { 'auth-url': `${service}/401`, 'enable-global-auth': 'false' } },
    });
    expect(await stage.outcome('plain.test/')).toBe('302 http://login.test/start?rd=http://plain.test%2F');
    expect(await stage.outcome('plain.test/', { headers: { authorization: 'Bearer good' } })).toBe('web /');
    expect(await stage.outcome('out.test/')).toBe('web /');
    expect(await stage.outcome('own.test/')).toBe('403');
    expect(await stage.outcome('asks.test/')).toBe('401');
  });
});
