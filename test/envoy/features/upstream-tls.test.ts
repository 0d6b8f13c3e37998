import { createServer } from 'node:https';
import { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { certificate, certificateAuthority } from '../../support/certificates.ts';
import { endpointSlice, secret, service } from '../../support/objects.ts';
import { portOf } from '../../support/ports.ts';
import { describeWithEnvoy } from '../../support/tools.ts';
import { scene } from './scene.ts';

describeWithEnvoy('TLS towards backends', () => {
  const stage = scene({ backends: { web: {} } });
  const [authority, otherAuthority] = [certificateAuthority('own authority'), certificateAuthority('other authority')];
  const pair = certificate({ names: ['backend.test'], issuer: authority });
  const own = certificate({ commonName: 'envoy', issuer: authority });
  const seen: { serverName: string; client: string; cipher: string; protocol: string }[] = [];
  const secure = createServer(
    { cert: pair.cert, key: pair.key, ca: authority.cert, requestCert: true, rejectUnauthorized: false },
    ({ socket }, response) => {
      if (!(socket instanceof TLSSocket)) return;
      const { servername } = socket as TLSSocket & { readonly servername?: unknown };
      const { CN } = socket.getPeerCertificate().subject ?? { CN: '' };
      seen.push({
        serverName: typeof servername === 'string' ? servername : '',
        client: socket.authorized ? String(CN) : '',
        cipher: socket.getCipher().name,
        protocol: socket.getProtocol() ?? '',
      });
      response.end('over TLS');
    },
  );

  beforeAll(() => new Promise<void>((fulfil) => secure.listen(0, '127.0.0.1', fulfil)));
  afterAll(
    () =>
      new Promise<unknown>((fulfil) => {
        secure.close(fulfil);
        secure.closeAllConnections();
      }),
  );

  const objects = () => [
    service('secure', { http: 80 }),
    endpointSlice('secure-1', 'secure', { http: portOf(secure) }, ['127.0.0.1']),
    { ...secret('tls', { 'ca.crt': authority.cert }), certificate: own.cert, privateKey: own.key },
    secret('ca', { 'ca.crt': authority.cert }),
    secret('other', { 'ca.crt': otherAuthority.cert }),
    secret('empty', { x: 'y' }),
    { ...secret('broken', { 'ca.crt': authority.cert }), certificate: own.cert, privateKey: pair.key },
  ];
  const towards = (name: string, annotations: Readonly<Record<string, string>>) => ({
    hosts: { [`${name}.test`]: { '/': 'secure:80' } },
    annotations: { 'backend-protocol': 'HTTPS', ...annotations },
  });
  const body = async (name: string) => {
    const answer = await stage.ask(`${name}.test/`);
    return answer.status === 200 ? answer.body : answer.status;
  };

  it('shows a certificate, and says a name only if that is asked for', async () => {
    await stage.apply(
      {
        shown: towards('shown', { 'proxy-ssl-secret': 'default/tls', 'proxy-ssl-name': 'backend.test' }),
        named: towards('named', {
          'proxy-ssl-secret': 'tls',
          'proxy-ssl-name': 'backend.test',
          'proxy-ssl-server-name': 'on',
        }),
        without: towards('without', { 'proxy-ssl-name': 'backend.test', 'proxy-ssl-server-name': 'on' }),
      },
      ...objects(),
    );
    expect(await body('shown')).toBe('over TLS');
    expect(seen.at(-1)).toMatchObject({ serverName: '', client: 'envoy' });
    expect(await body('named')).toBe('over TLS');
    expect(seen.at(-1)).toMatchObject({ serverName: 'backend.test', client: 'envoy' });
    expect(await body('without')).toBe('over TLS');
    expect(seen.at(-1)).toMatchObject({ serverName: '', client: '' });
  });

  it('takes only backends that prove who they are, where that is asked for', async () => {
    const verify = { 'proxy-ssl-verify': 'on', 'proxy-ssl-verify-depth': '2' };
    await stage.apply({
      good: towards('good', { ...verify, 'proxy-ssl-secret': 'ca', 'proxy-ssl-name': 'backend.test' }),
      wrongname: towards('wrongname', { ...verify, 'proxy-ssl-secret': 'ca', 'proxy-ssl-name': 'other.test' }),
      wrongca: towards('wrongca', { ...verify, 'proxy-ssl-secret': 'other', 'proxy-ssl-name': 'backend.test' }),
      unverified: towards('unverified', { 'proxy-ssl-secret': 'other', 'proxy-ssl-verify': 'off' }),
      nameless: towards('nameless', { ...verify, 'proxy-ssl-secret': 'ca' }),
    });
    expect(await body('good')).toBe('over TLS');
    expect(await body('wrongname')).toBe(503);
    expect(await body('wrongca')).toBe(503);
    expect(await body('unverified')).toBe('over TLS');
    expect(await body('nameless')).toBe('over TLS');
  });

  it('uses the ciphers and versions that are asked for, as far as Envoy knows them', async () => {
    const base = { 'proxy-ssl-secret': 'ca' };
    await stage.apply({
      cipher: towards('cipher', {
        ...base,
        'proxy-ssl-ciphers': 'NO-SUCH:ECDHE-ECDSA-AES256-GCM-SHA384:!MD5',
        'proxy-ssl-protocols': 'SSLv3 TLSv1.2',
      }),
      newest: towards('newest', { ...base, 'proxy-ssl-ciphers': 'HIGH:!aNULL', 'proxy-ssl-protocols': 'TLSv1.3' }),
      odd: towards('odd', {
        ...base,
        'proxy-ssl-ciphers': '"; x',
        'proxy-ssl-protocols': 'TLSv9',
        'proxy-ssl-verify-depth': 'x',
      }),
    });
    expect(await body('cipher')).toBe('over TLS');
    expect(seen.at(-1)).toMatchObject({ cipher: 'ECDHE-ECDSA-AES256-GCM-SHA384', protocol: 'TLSv1.2' });
    expect(await body('newest')).toBe('over TLS');
    expect(seen.at(-1)?.protocol).toBe('TLSv1.3');
    expect(await body('odd')).toBe('over TLS');
  });

  it('closes the paths where a proof is asked for that cannot be had', async () => {
    const bad: Readonly<Record<string, Readonly<Record<string, string>>>> = {
      missing: { 'proxy-ssl-secret': 'absent' },
      foreign: { 'proxy-ssl-secret': 'kube-system/tls' },
      authorities: { 'proxy-ssl-secret': 'empty', 'proxy-ssl-verify': 'on' },
      broken: { 'proxy-ssl-secret': 'broken' },
      maybe: { 'proxy-ssl-secret': 'ca', 'proxy-ssl-verify': 'maybe' },
      name: { 'proxy-ssl-secret': 'ca', 'proxy-ssl-name': 'a b' },
    };
    await stage.apply(Object.fromEntries(Object.entries(bad).map(([name, values]) => [name, towards(name, values)])));
    const before = seen.length;
    for (const name of Object.keys(bad)) expect([name, await body(name)]).toEqual([name, 503]);
    expect(seen.length).toBe(before);
    expect(stage.problems().filter((each) => each.endsWith('InvalidProtection')).length).toBe(Object.keys(bad).length);
    expect(stage.serving.events.filter(({ kind }) => kind === 'nack')).toEqual([]);
  });
});
