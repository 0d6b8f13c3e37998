/**
 * Requests for a protected path in more than 500 spellings each, by clients who may not pass, to a backend that decodes whatever can be
 * decoded and has both the protected path and an open one: none comes to what is protected. What is not meant to get past anybody
 * arrives as it was sent.
 */
import { connect } from 'node:http2';
import { expect, it } from '@jest/globals';
import { decodedPath } from '../support/decoding-backend.ts';
import { secret } from '../support/objects.ts';
import { rawExchange, statusOf } from '../support/raw-http.ts';
import { describeWithEnvoy } from '../support/tools.ts';
import { scene } from './features/scene.ts';

const begins = [
  ['/', '//', '///', '/./', '/%2e/', '/.;/', '/;/', '/;a=b/', '/%2f', '/%2F', '/%5c', '/%5C', '\\', '/\\', '/x/../'],
  ['/x/%2e%2e/', '/x/.%2e/', '/x/..;/', '/x/..;a/', '/x/..%2f', '/x%2f..%2f', '/x%2f%2e%2e%2f', '/x%5c..%5c'],
  ['/x/%252e%252e/', '/%252f', '/x/..%252f', '/%00/../', '/%c0%af', '/x/%c0%ae%c0%ae/', '/x/..%00/', '/%2f%2f'],
  ['/;%2f..%2f', '/;%20/', '/x%2f..;/', '/%2f;a/', '/%5c%2f'],
].flat();
const names = [
  'admin',
  '%61dmin',
  '%61%64%6d%69%6e',
  'adm%69n',
  '%2561dmin',
  'admin;a=b',
  'admin;',
  'admin;%20',
  'admin%00',
];
const ends = ['', '/', '/x', '//x', '/./x', '/../admin/x', '%2f', '%2Fx', '%5cx', '%252fx', '/%2e%2e/admin/x', ';/x'];
const more = [
  ';a=b/x',
  '%00/x',
  '/x%00',
  '/..;/admin/x',
  '\\x',
  '%2f..%2fadmin%2fx',
  '/.%2fx',
  '%c0%afx',
  '?/../x',
  '#/x',
];

const spellings = begins.flatMap((begin) =>
  names.flatMap((name) => [...ends, ...more].map((end) => `${begin}${name}${end}`)),
);
/** All of them with `SLUICE_PATH_SPELLINGS=all`; what matters is that each part is there with each other once. */
const { SLUICE_PATH_SPELLINGS: wanted = 'some' } = process.env;
const time = wanted === 'all' ? 200_000 : 20_000;
const tried = spellings.filter((_, index) => wanted === 'all' || index % 7 === 0);

describeWithEnvoy('paths in other spellings', () => {
  const s = scene({
    backends: {
      web: {
        handler: (request, response) => {
          const isSecret = /^\/(?:deep\/)?admin(\/|$)/.test(decodedPath(request.url ?? ''));
          response.end(isSecret ? `SECRET ${request.url}` : `open ${request.url}`);
        },
      },
      nobody: { handler: (_, response) => response.writeHead(401).end() },
    },
  });

  const users = secret('users', { auth: 'ann:$apr1$x$y' });
  const nobodyPasses: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    password: { 'auth-type': 'basic', 'auth-secret': 'users' },
    'an address list': { 'whitelist-source-range': '192.0.2.0/24' },
    'an authentication service': { 'auth-url': 'http://nobody.default.svc.cluster.local/' },
    'a list that cannot be read': { 'whitelist-source-range': 'nowhere' },
  };

  const get = async (host: string, path: string): Promise<string> => {
    const port = await s.envoy.listenerPort('http');
    const bytes = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    return rawExchange({ port, bytes });
  };
  const getAll = async (host: string, paths: readonly string[]): Promise<ReadonlyMap<string, string>> => {
    const answers = new Map<string, string>();
    const left = [...paths];
    const worker = async (): Promise<void> => {
      for (let path = left.pop(); path !== undefined; path = left.pop()) {
        // oxlint-disable-next-line no-await-in-loop -- a few at a time
        answers.set(path, await get(host, path));
      }
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    return answers;
  };
  const leaks = (answers: ReadonlyMap<string, string>): readonly string[] =>
    [...answers].flatMap(([path, answer]) => (answer.includes('SECRET') ? [path] : []));

  it('are at least 500, of which most come to the protected path when they are decoded', () => {
    expect(tried.length).toBeGreaterThanOrEqual(500);
    const secrets = tried.filter((path) => /^\/admin(\/|$)/.test(decodedPath(path)));
    expect(secrets.length).toBeGreaterThan(tried.length * 0.8);
  });

  it.each(Object.keys(nobodyPasses))(
    'do not get past %s',
    async (kind) => {
      const host = `${kind.replaceAll(' ', '-')}.test`;
      await s.apply(
        {
          open: { hosts: { [host]: { '/': 'web:80' } } },
          closed: { hosts: { [host]: { '/admin': 'web:80' } }, annotations: nobodyPasses[kind] ?? {} },
        },
        users,
      );
      expect(await get(host, '/open')).toContain('open /open');
      const answers = await getAll(host, tried);
      expect(leaks(answers)).toEqual([]);
      // Whoever is refused gets an answer, and not a broken connection.
      expect([...answers].filter(([, answer]) => statusOf(answer) === 0)).toEqual([]);
    },
    time,
  );

  it.each([
    ['an exact path', '=/admin', {}],
    ['a path with several elements', '/deep/admin', {}],
    ['an expression', '/admin(/|$)(.*)', { 'use-regex': 'true' }],
    ['an expression with a class of characters', '/admin[/x]?', { 'use-regex': 'true' }],
    ['a rewritten path', '/admin(/|$)(.*)', { 'rewrite-target': '/admin/$2' }],
  ])(
    'do not get past the password of %s',
    async (title, path, annotations) => {
      const host = `${title.replaceAll(/\W/g, '-')}.test`;
      await s.apply(
        {
          open: { hosts: { [host]: { '/': 'web:80' } } },
          closed: {
            hosts: { [host]: { [path]: 'web:80' } },
            annotations: { ...nobodyPasses['password'], ...annotations },
          },
        },
        users,
      );
      const answers = await getAll(
        host,
        path.startsWith('/deep') ? tried.map((each) => each.replace('/', '/deep/')) : tried,
      );
      // What is below an exact path is not meant by it.
      const isMeant = (answer: string): boolean => {
        const arrived = /SECRET (\S*)/.exec(answer)?.[1] ?? '';
        return decodedPath(arrived) === '/admin' && !/(?:\/|%(?:25)*2f|%(?:25)*5c)(?:;[^/]*)?(?:\?.*)?$/i.test(arrived);
      };
      const found = leaks(answers);
      expect(path.startsWith('=') ? found.filter((each) => isMeant(answers.get(each) ?? '')) : found).toEqual([]);
    },
    time,
  );

  it('of a path that is refused in whole are 400 where nobody can tell what they mean', async () => {
    await s.apply(
      {
        open: { hosts: { 'long.test': { '/': 'web:80' } } },
        closed: {
          hosts: { 'long.test': { [`/admin/${'a/'.repeat(400)}`]: 'web:80', '/admin{1}': 'web:80' } },
          annotations: { ...nobodyPasses['password'] },
        },
      },
      users,
    );
    expect(statusOf(await get('long.test', `/admin%2F${'a/'.repeat(400)}`))).toBe(400);
    expect(statusOf(await get('long.test', '/x'))).toBe(200);
    expect(s.serving.events.filter(({ kind }) => kind === 'nack')).toEqual([]);
  });

  it('arrive as they were sent where nobody is passed by', async () => {
    await s.apply(
      {
        git: { hosts: { 'git.test': { '/': 'web:80' } } },
        admin: { hosts: { 'git.test': { '/admin': 'web:80' } }, annotations: { ...nobodyPasses['password'] } },
        plain: { hosts: { 'plain.test': { '/a': 'web:80', '/': 'web:80' } } },
      },
      users,
    );
    const sent = [
      '/api/v4/projects/a%2Fb',
      '/api/v4/projects/group%2Fsub%2Fproject/repository/files/src%2Fmain.c?ref=a%2Fb',
      '/redirect/https%3A%2F%2Fother.test%2F',
      '/twice/https%253A%252F%252Fother.test',
      '/car;color=red/wheel',
      '/100%25',
      '/administration%2Fx',
      '/a%20b%3Fc',
      '/.well-known/acme-challenge/x..y',
    ];
    const arrived = async (host: string) =>
      [...(await getAll(host, sent))].map(([path, answer]) => [
        path,
        answer.split('\r\n\r\n')[1]?.match(/open [^\r\n]*/)?.[0],
      ]);
    expect(Object.fromEntries(await arrived('git.test'))).toEqual(
      Object.fromEntries(sent.map((path) => [path, `open ${path}`])),
    );
    const odd = [...sent, '/a%2Fb', '/x/..%2Fa', '/a;%20'];
    const plain = await getAll('plain.test', odd);
    expect([...plain].filter(([path, answer]) => !answer.includes(`open ${path}`))).toEqual([]);
  });

  it('of the host do not lead to another host, or past its checks', async () => {
    await s.apply(
      {
        guarded: { hosts: { 'guarded.test': { '/': 'web:80' } }, annotations: { ...nobodyPasses['password'] } },
        other: { hosts: { 'other.test': { '/': 'web:80' } } },
      },
      users,
    );
    const port = await s.envoy.listenerPort('http');
    const send = async (lines: readonly string[]): Promise<number> =>
      statusOf(await rawExchange({ port, bytes: `${lines.join('\r\n')}\r\nConnection: close\r\n\r\n` }));
    const hosts = [
      'GUARDED.test',
      'guarded.test:80',
      'guarded.test:8080',
      'guarded.test.',
      'Guarded.Test.:1',
      'guarded.test:',
    ];
    const statuses = await Promise.all(hosts.map((host) => send([`GET /admin HTTP/1.1`, `Host: ${host}`])));
    expect(statuses.filter((status) => ![400, 401, 404].includes(status))).toEqual([]);
    expect(statuses.slice(0, 5)).toEqual([401, 401, 401, 401, 401]);
    // The target decides, and it is that host which the backend is told.
    expect(await send(['GET http://guarded.test/admin HTTP/1.1', 'Host: other.test'])).toBe(401);
    expect(await send(['GET http://GUARDED.test:80/admin HTTP/1.1', 'Host: other.test'])).toBe(401);
    expect(await send(['GET /admin HTTP/1.1', 'Host: other.test', 'Host: guarded.test'])).toBe(404);
    expect(await send(['GET /admin HTTP/1.1', 'Host: guarded.test', 'Host: other.test'])).toBe(404);
    expect(await send(['GET /admin HTTP/1.1', 'Host: other.test, guarded.test'])).toBeGreaterThanOrEqual(400);
    expect(await send(['GET /admin HTTP/1.1', 'Host: other.test@guarded.test'])).toBeGreaterThanOrEqual(400);
    expect(await send(['GET /admin HTTP/1.1', 'Host:'])).toBeGreaterThanOrEqual(400);
    expect(await send(['GET /admin HTTP/1.1'])).toBe(400);
    expect(await send(['OPTIONS * HTTP/1.1', 'Host: guarded.test'])).toBeGreaterThanOrEqual(400);
    expect(await send(['CONNECT guarded.test:80 HTTP/1.1', 'Host: other.test'])).not.toBe(200);
    expect(await send(['GET /admin HTTP/1.1', 'Host: other.test', 'X-Forwarded-Host: guarded.test'])).toBe(200);
  });

  it('of the authority of HTTP/2 decide over a Host header', async () => {
    const port = await s.envoy.listenerPort('http');
    const session = connect(`http://127.0.0.1:${port}`);
    const ask = (headers: Readonly<Record<string, string>>): Promise<number> =>
      new Promise((fulfil) => {
        const request = session.request({ ':method': 'GET', ':path': '/admin', ...headers });
        request.on('response', (answer) => fulfil(Number(answer[':status'])));
        request.on('error', () => fulfil(0));
        request.end();
      });
    try {
      expect(await ask({ ':authority': 'guarded.test', host: 'other.test' })).not.toBe(200);
      expect(await ask({ ':authority': 'other.test', host: 'guarded.test' })).not.toBe(401);
      expect(await ask({ ':authority': 'guarded.test' })).toBe(401);
      expect(await ask({ ':authority': 'other.test' })).toBe(200);
    } finally {
      session.close();
    }
  });
});
