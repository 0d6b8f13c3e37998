import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, it } from '@jest/globals';
import { hashSync } from 'bcryptjs';
import { secret } from '../../support/objects.ts';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

const login = (user: string, password: string) => ({
  headers: { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` },
});

/** An authentication service that lets whoever has a cookie pass. */
function knowsCookie({ headers }: IncomingMessage, response: ServerResponse): void {
  response.writeHead(headers.cookie === 'known=1' ? 200 : 401).end();
}

describeWithEnvoy('basic authentication', () => {
  const stage = scene({ backends: { web: {}, auth: { handler: knowsCookie } } });
  const file = [
    '# made with htpasswd',
    `bcrypt:${hashSync('one', 4)}`,
    'apr:$apr1$abcdefgh$9uADvW/wLfUZAWmzeQ3Nh/',
    'sha:{SHA}MXmmXv8lI7veU8mbKZtxnBCjUjU=',
    'plain:{PLAIN}with space: rest',
    '',
    'junk:no-hash-at-all',
    'bcrypt:{PLAIN}second line',
    'empty:',
  ].join('\r\n');
  const users = secret('users', { auth: file });
  const basic = { 'auth-type': 'basic', 'auth-secret': 'users' };
  const guarded = (name: string, annotations: Readonly<Record<string, string>>) => ({
    hosts: { [`${name}.test`]: { '/': 'web:80' } },
    annotations,
  });

  it('asks for a name and a password, with the realm', async () => {
    await stage.apply(
      { asks: guarded('asks', basic), realm: guarded('realm', { ...basic, 'auth-realm': 'Members, 100% only' }) },
      users,
    );
    const { status, headers } = await stage.ask('asks.test/');
    expect([status, headers['www-authenticate']]).toEqual([401, 'Basic realm=""']);
    expect((await stage.ask('realm.test/')).headers['www-authenticate']).toBe('Basic realm="Members, 100% only"');
  });

  it('lets in who has the password, whatever its hash, and keeps it from the backend', async () => {
    const { echo } = await stage.ask('asks.test/x', login('bcrypt', 'one'));
    expect([echo?.path, echo?.headers.authorization]).toEqual(['/x', undefined]);
    expect(await stage.outcome('asks.test/', login('plain', 'with space'))).toBe('web /');
    expect(await stage.outcome('asks.test/', login('sha', 'correct'))).toBe('web /');
    const wrong = [
      login('bcrypt', 'two'),
      login('bcrypt', 'second line'),
      login('bcrypt', ''),
      login('Bcrypt', 'one'),
      login('nobody', 'one'),
      login('junk', 'no-hash-at-all'),
      login('empty', ''),
      login('', ''),
      { headers: { authorization: 'Basic !!!' } },
      { headers: { authorization: 'Basic' } },
      { headers: { authorization: 'Bearer one' } },
      { headers: { authorization: `Basic ${Buffer.from('bcrypt').toString('base64')}` } },
    ];
    for (const request of wrong) expect(await stage.outcome('asks.test/', request)).toBe('401');
  });

  it('takes each key of a Secret for a user, if that is asked for', async () => {
    await stage.apply(
      { map: guarded('map', { ...basic, 'auth-secret': 'default/map', 'auth-secret-type': 'auth-map' }) },
      secret('map', { bob: `${hashSync('builder', 4)}\n`, __proto__x: '{PLAIN}y' }),
    );
    expect(await stage.outcome('map.test/', login('bob', 'builder'))).toBe('web /');
    expect(await stage.outcome('map.test/', login('bob', 'other'))).toBe('401');
    expect(await stage.outcome('map.test/', login('__proto__x', 'y'))).toBe('web /');
  });

  it('follows the Secret, and is closed while it is missing or of no use', async () => {
    await stage.apply(
      {
        missing: guarded('missing', { ...basic, 'auth-secret': 'absent' }),
        keyless: guarded('keyless', { ...basic, 'auth-secret': 'map' }),
        unnamed: guarded('unnamed', { 'auth-type': 'basic' }),
        foreign: guarded('foreign', { ...basic, 'auth-secret': 'other/users' }),
        digest: guarded('digest', { ...basic, 'auth-type': 'digest' }),
        kind: guarded('kind', { ...basic, 'auth-secret-type': 'auth-list' }),
        off: guarded('off', { 'auth-secret': 'users' }),
      },
      secret('users', { auth: file }, 'other'),
    );
    for (const name of ['missing', 'keyless', 'unnamed', 'foreign', 'digest', 'kind']) {
      expect([name, await stage.outcome(`${name}.test/`, login('bcrypt', 'one'))]).toEqual([name, '503']);
    }
    expect(await stage.outcome('off.test/')).toBe('web /');
    expect(stage.problems().filter((each) => each.endsWith('InvalidProtection'))).toEqual([
      'digest auth-type InvalidProtection',
      'foreign auth-secret InvalidProtection',
      'keyless auth-secret InvalidProtection',
      'kind auth-secret-type InvalidProtection',
      'missing auth-secret InvalidProtection',
      'unnamed auth-type InvalidProtection',
    ]);
    await stage.apply({}, secret('absent', { auth: 'late:{PLAIN}comer' }));
    expect(await stage.outcome('missing.test/', login('late', 'comer'))).toBe('web /');
  });

  it("asks for all that there is, or for one of it where 'satisfy' says so", async () => {
    const external = { 'auth-url': 'http://auth.default.svc.cluster.local/', 'auth-signin': 'http://login.test/' };
    const nobody = { 'whitelist-source-range': '10.0.0.0/8' };
    const here = { 'whitelist-source-range': '127.0.0.0/8' };
    await stage.apply({
      both: guarded('both', { ...basic, ...external }),
      either: guarded('either', { ...basic, ...external, satisfy: 'any' }),
      away: guarded('away', { ...basic, ...nobody, satisfy: 'any' }),
      near: guarded('near', { ...basic, ...here, satisfy: 'any' }),
      strict: guarded('strict', { ...basic, ...nobody, satisfy: 'all' }),
      alone: guarded('alone', { ...nobody, satisfy: 'any' }),
    });
    const known = { cookie: 'known=1' };
    const entry = login('bcrypt', 'one');
    const back = '302 http://login.test/?rd=http://';
    expect(await stage.outcome('both.test/', entry)).toBe(`${back}both.test%2F`);
    expect(await stage.outcome('both.test/', { headers: known })).toBe(`${back}both.test%2F`);
    expect(await stage.outcome('both.test/', { headers: { ...known, ...entry.headers } })).toBe('web /');
    expect(await stage.outcome('either.test/', entry)).toBe('web /');
    expect(await stage.outcome('either.test/', { headers: known })).toBe('web /');
    expect(await stage.outcome('either.test/')).toBe(`${back}either.test%2F`);
    expect(await stage.outcome('away.test/')).toBe('401');
    expect(await stage.outcome('away.test/', entry)).toBe('web /');
    expect(await stage.outcome('near.test/')).toBe('web /');
    expect(await stage.outcome('strict.test/', entry)).toBe('403');
    expect(await stage.outcome('alone.test/')).toBe('403');
  });

  it('is answered while the control plane is gone, and closed while the verifier is', async () => {
    await stage.serving.stop();
    expect(await stage.outcome('map.test/', login('bob', 'builder'))).toBe('web /');
    expect(await stage.outcome('asks.test/', login('bcrypt', 'new'))).toBe('401');
    await stage.stopVerifier();
    expect(await stage.outcome('asks.test/', login('bcrypt', 'one'))).toBe('503');
    expect(await stage.outcome('asks.test/')).toBe('401');
  });
});
