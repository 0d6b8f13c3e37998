import { expect, it } from '@jest/globals';
import { certificate, certificateAuthority } from '../../support/certificates.ts';
import { secret } from '../../support/objects.ts';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

describeWithEnvoy('client certificates', () => {
  const stage = scene({ tlsNames: ['*.test'] });
  const [authority, otherAuthority] = [certificateAuthority('own authority'), certificateAuthority('other authority')];
  const alice = certificate({ commonName: 'alice', issuer: authority });
  const bob = certificate({ commonName: 'bob', issuer: authority });
  const stranger = certificate({ commonName: 'alice', issuer: otherAuthority });
  const late = certificate({ commonName: 'alice', issuer: authority, notAfter: new Date(Date.now() - 60_000) });
  const secrets = [
    secret('ca', { 'ca.crt': authority.cert }),
    secret('other-ca', { 'ca.crt': otherAuthority.cert }),
    secret('both', { 'ca.crt': `${authority.cert}${otherAuthority.cert}${authority.cert}` }),
    secret('empty', { other: 'x' }),
    secret('junk', { 'ca.crt': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' }),
    secret('revoking', { 'ca.crt': authority.cert, 'ca.crl': 'x' }),
  ];
  const guarded = (name: string, annotations: Readonly<Record<string, string>>) => ({
    hosts: { [`${name}.test`]: { '/': 'web:80' } },
    tls: [{ hosts: [`${name}.test`], secretName: 'tls' }],
    annotations,
  });
  const ca = { 'auth-tls-secret': 'default/ca' };

  it('are needed for every path of the host, and must be signed by the authority', async () => {
    await stage.apply(
      {
        strict: { ...guarded('strict', ca), created: '2020-01-01T00:00:00Z' },
        sibling: { hosts: { 'strict.test': { '/sibling': 'api:80' } }, created: '2021-01-01T00:00:00Z' },
        open: guarded('open', {}),
      },
      ...secrets,
    );
    expect(await stage.outcome('https://strict.test/', { client: alice })).toBe('web /');
    expect(await stage.outcome('https://strict.test/sibling', { client: bob })).toBe('api /sibling');
    expect(await stage.outcome('https://strict.test/')).toBe('400');
    expect(await stage.outcome('https://strict.test/sibling')).toBe('400');
    expect(await stage.outcome('https://strict.test/', { client: stranger })).toBe('400');
    expect(await stage.outcome('https://strict.test/', { client: late })).toBe('400');
    expect(await stage.outcome('https://open.test/')).toBe('web /');
    expect(await stage.outcome('https://open.test/', { client: stranger })).toBe('web /');
  });

  it('are not passed by over the name of another host, a forged header, or plain text', async () => {
    await stage.apply({
      other: guarded('other', { 'auth-tls-secret': 'other-ca' }),
      plain: { ...guarded('plain', { ...ca, 'ssl-redirect': 'false' }) },
    });
    const over = (serverName: string, own = alice) => ({ client: { ...own, serverName } });
    expect(await stage.outcome('https://strict.test/', over('open.test'))).toBe('421');
    expect(await stage.outcome('https://strict.test/', over('other.test', stranger))).toBe('421');
    expect(await stage.outcome('https://other.test/', over('strict.test'))).toBe('421');
    expect(await stage.outcome('https://open.test/', over('strict.test'))).toBe('web /');
    const forged = { headers: { 'x-sluice-client-authentication': 'x', 'x-sluice-client-subject': 'CN=alice' } };
    expect(await stage.outcome('https://strict.test/', { ...over('open.test'), ...forged })).toBe('421');
    expect(await stage.outcome('https://STRICT.test:443/', over('open.test'))).toBe('421');
    expect(await stage.outcome('strict.test/')).toBe('308 https://strict.test');
    expect(await stage.outcome('plain.test/')).toBe('403');
  });

  it('are described to the backend, which is not told by the client', async () => {
    await stage.apply({
      told: guarded('told', { ...ca, 'auth-tls-pass-certificate-to-upstream': 'true' }),
      optional: guarded('optional', { ...ca, 'auth-tls-verify-client': 'optional' }),
      any: guarded('any', { ...ca, 'auth-tls-verify-client': 'optional_no_ca' }),
      off: guarded('off', { ...ca, 'auth-tls-verify-client': 'off' }),
      odd: guarded('odd', { ...ca, 'auth-tls-verify-client': 'perhaps', 'auth-tls-verify-depth': '-1' }),
    });
    const forged = { 'ssl-client-verify': 'SUCCESS', 'ssl-client-subject-dn': 'CN=root', 'ssl-client-cert': 'x' };
    const seen = async (host: string, client?: typeof alice) => {
      const { status, echo } = await stage.ask(`https://${host}.test/`, { headers: forged, ...(client && { client }) });
      const {
        'ssl-client-verify': verify,
        'ssl-client-subject-dn': subject,
        'ssl-client-issuer-dn': issuer,
      } = echo?.headers ?? {};
      expect(echo?.headers['x-sluice-client-subject']).toBeUndefined();
      return [status, verify, subject, issuer];
    };
    expect(await seen('told', alice)).toEqual([200, 'SUCCESS', 'CN=alice', 'CN=own authority']);
    expect(await seen('optional')).toEqual([200, 'NONE', undefined, undefined]);
    expect(await seen('optional', alice)).toEqual([200, 'SUCCESS', 'CN=alice', 'CN=own authority']);
    expect((await seen('optional', stranger))[0]).toBe(400);
    expect(await seen('any')).toEqual([200, 'NONE', undefined, undefined]);
    expect((await seen('any', stranger)).slice(0, 3)).toEqual([200, 'FAILED:certificate verify failed', 'CN=alice']);
    expect((await seen('off'))[0]).toBe(200);
    expect((await seen('odd'))[0]).toBe(400);
    const { echo } = await stage.ask('https://told.test/', { client: alice });
    expect(decodeURIComponent(String(echo?.headers['ssl-client-cert'])).trim()).toBe(alice.cert.trim());
    expect(
      (await stage.ask('https://optional.test/', { client: alice, headers: forged })).echo?.headers['ssl-client-cert'],
    ).toBeUndefined();
  });

  it('send who has none to another page, and let only some subjects pass', async () => {
    await stage.apply({
      page: guarded('page', { ...ca, 'auth-tls-error-page': 'http://help.test/cert%20?a=b' }),
      some: guarded('some', { ...ca, 'auth-tls-match-cn': 'CN=(alice|carol)' }),
      end: guarded('end', { ...ca, 'auth-tls-match-cn': 'CN=ali$' }),
      several: guarded('several', { 'auth-tls-secret': 'both' }),
    });
    expect(await stage.outcome('https://page.test/')).toBe('302 http://help.test/cert%20?a=b');
    expect(await stage.outcome('https://page.test/', { client: stranger })).toBe('302 http://help.test/cert%20?a=b');
    expect(await stage.outcome('https://page.test/', { client: alice })).toBe('web /');
    expect(await stage.outcome('https://some.test/', { client: alice })).toBe('web /');
    expect(await stage.outcome('https://some.test/', { client: bob })).toBe('403');
    expect(await stage.outcome('https://end.test/', { client: alice })).toBe('403');
    expect(await stage.outcome('https://several.test/', { client: stranger })).toBe('web /');
  });

  it('go for wildcard hosts and their own certificates alike', async () => {
    await stage.apply({
      wild: {
        hosts: { '*.wild.test': { '/': 'web:80' }, 'exact.wild.test': { '/': 'api:80' } },
        tls: [{ hosts: ['*.wild.test'], secretName: 'tls' }],
        annotations: { ...ca },
      },
      free: guarded('free.wild', {}),
    });
    expect(await stage.outcome('https://a.wild.test/', { client: alice })).toBe('web /');
    expect(await stage.outcome('https://a.wild.test/')).toBe('400');
    expect(await stage.outcome('https://exact.wild.test/')).toBe('400');
    expect(await stage.outcome('https://exact.wild.test/', { client: alice })).toBe('api /');
    expect(await stage.outcome('https://a.wild.test/', { client: { ...alice, serverName: 'free.wild.test' } })).toBe(
      '421',
    );
  });

  it('close the whole host while the authorities cannot be read', async () => {
    const bad: Readonly<Record<string, Readonly<Record<string, string>>>> = {
      missing: { 'auth-tls-secret': 'default/missing' },
      foreign: { 'auth-tls-secret': 'kube-system/ca' },
      empty: { 'auth-tls-secret': 'empty' },
      junk: { 'auth-tls-secret': 'junk' },
      revoking: { 'auth-tls-secret': 'revoking' },
      regex: { ...ca, 'auth-tls-match-cn': 'CN=(?!x)' },
      nocn: { ...ca, 'auth-tls-match-cn': 'alice' },
    };
    await stage.apply({
      ...Object.fromEntries(Object.entries(bad).map(([name, values]) => [name, guarded(name, values)])),
      beside: { hosts: { 'missing.test': { '/beside': 'web:80' } }, created: '2030-01-01T00:00:00Z' },
    });
    for (const name of Object.keys(bad)) {
      expect([name, await stage.outcome(`https://${name}.test/`, { client: alice })]).toEqual([name, '403']);
    }
    expect(await stage.outcome('https://missing.test/beside')).toBe('403');
    expect(stage.problems().filter((each) => each.endsWith('InvalidProtection')).length).toBe(Object.keys(bad).length);
  });

  it('come and go without a connection of others being closed, and Envoy takes all of it', async () => {
    const drained = await stage.envoy.stat('listener_manager.total_filter_chains_draining');
    await stage.apply({ open: guarded('open', {}), page: guarded('page', ca) });
    expect(drained).toBe(0);
    expect(stage.serving.events.filter(({ kind }) => kind === 'nack')).toEqual([]);
  });
});
