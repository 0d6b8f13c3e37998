/** What TLS clients get to see: no old version, no weak cipher, never the certificate of another tenant, and no way around a client certificate. */
import { X509Certificate } from 'node:crypto';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { beforeAll, expect, it } from '@jest/globals';
import { certificate, certificateAuthority } from '../support/certificates.ts';
import { secret, tlsSecret } from '../support/objects.ts';
import { describeWithEnvoy } from '../support/tools.ts';
import { scene } from './features/scene.ts';
import type { Scene } from './features/scene.ts';

/** The names of the certificate that is shown, or why there is none; with the protocol and the cipher. */
interface Handshake {
  readonly names: string;
  readonly protocol: string | null;
  readonly cipher: string;
  readonly alpn: string | false | null;
}

async function shake(s: Scene, options: ConnectionOptions): Promise<Handshake | undefined> {
  const port = await s.envoy.listenerPort('https');
  return new Promise((fulfil) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options }, () => {
      const names = new X509Certificate(socket.getPeerCertificate(true).raw).subjectAltName ?? '';
      fulfil({ names, protocol: socket.getProtocol(), cipher: socket.getCipher().name, alpn: socket.alpnProtocol });
      socket.destroy();
    });
    socket.on('error', () => fulfil(undefined));
    socket.on('close', () => fulfil(undefined));
  });
}

const weak = [
  'AES128-SHA',
  'AES256-SHA',
  'AES128-GCM-SHA256',
  'DES-CBC3-SHA',
  'ECDHE-RSA-AES128-SHA',
  'ECDHE-RSA-AES256-SHA384',
  'ECDHE-ECDSA-AES128-SHA',
  'ADH-AES128-SHA',
  'NULL-SHA256',
  'RC4-SHA',
  'DHE-RSA-AES128-SHA',
];

/** Names that nobody has a certificate for, or that are none. */
const strangeNames = [
  'unknown.test',
  'x.unknown.test',
  'a.test.evil.test',
  'xa.test',
  'a.testx',
  'b.a.test',
  'A.TEST.',
  'a.test:443',
  '*.test',
  '*',
  'localhost',
  'a_test',
  'xn--a.test',
  'a'.repeat(63),
  `${'a.'.repeat(100)}test`,
];

describeWithEnvoy('TLS clients', () => {
  const s = scene();
  const authority = certificateAuthority();
  const client = certificate({ names: ['client'], issuer: authority });
  const [ofA, ofB] = [certificate({ names: ['a.test'] }), certificate({ names: ['b.test', '*.wild.test'] })];

  beforeAll(() =>
    s.apply(
      {
        a: { namespace: 'a', hosts: { 'a.test': { '/': 'web:80' } }, tls: [{ hosts: ['a.test'], secretName: 'a' }] },
        b: {
          hosts: { 'b.test': { '/': 'web:80' }, '*.wild.test': { '/': 'web:80' } },
          tls: [{ hosts: ['b.test', '*.wild.test'], secretName: 'b' }],
        },
        guarded: {
          hosts: { 'guarded.wild.test': { '/': 'api:80' } },
          tls: [{ hosts: ['guarded.wild.test'], secretName: 'b' }],
          annotations: { 'auth-tls-secret': 'default/ca' },
        },
      },
      tlsSecret('a', ofA.cert, ofA.key, 'a'),
      tlsSecret('b', ofB.cert, ofB.key),
      secret('ca', { 'ca.crt': authority.cert }),
    ),
  );

  it.each(['TLSv1', 'TLSv1.1'] as const)('cannot speak %s', async (version) => {
    const old = {
      minVersion: version,
      maxVersion: version,
      ciphers: 'DEFAULT@SECLEVEL=0',
      servername: 'a.test',
    } as const;
    expect(await shake(s, old)).toBeUndefined();
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'can speak %s, with forward secrecy and authenticated encryption',
    async (version) => {
      const { protocol, cipher } =
        (await shake(s, { minVersion: version, maxVersion: version, servername: 'a.test' })) ?? {};
      expect(protocol).toBe(version);
      expect(cipher).toMatch(/^(?:ECDHE-.*|TLS_.*)(?:GCM|CHACHA20|POLY1305)/);
    },
  );

  it.each(weak)('cannot have the cipher %s', async (cipher) => {
    const asked = { maxVersion: 'TLSv1.2', ciphers: `${cipher}:@SECLEVEL=0`, servername: 'a.test' } as const;
    // What this client does not know itself, it cannot ask for.
    const found = await Promise.resolve()
      .then(() => shake(s, asked))
      .catch(() => undefined);
    expect(found).toBeUndefined();
  });

  it('may offer HTTP/2, HTTP/1.1 or nothing, and get what they offer', async () => {
    const offer = async (protocols: readonly string[]) =>
      (await shake(s, { servername: 'a.test', ALPNProtocols: [...protocols] }))?.alpn;
    expect(await offer(['h2', 'http/1.1'])).toBe('h2');
    expect(await offer(['http/1.1'])).toBe('http/1.1');
    expect(await offer([])).toBe(false);
    expect([false, undefined]).toContain(await offer(['spdy/3']));
  });

  it('are shown the certificate of the name that they ask for', async () => {
    const names = async (servername: string) => (await shake(s, { servername }))?.names;
    expect(await names('a.test')).toBe('DNS:a.test');
    expect(await names('A.tEsT')).toBe('DNS:a.test');
    expect(await names('b.test')).toContain('b.test');
    expect(await names('x.wild.test')).toContain('wild.test');
  });

  it.each(strangeNames)('are shown no certificate of anybody when they ask for %s', async (servername) => {
    expect(
      await Promise.resolve()
        .then(() => shake(s, { servername }))
        .catch(() => undefined),
    ).toBeUndefined();
  });

  it('are shown no certificate of anybody when they ask for none', async () => {
    expect(await shake(s, {})).toBeUndefined();
  });

  it('cannot get past a client certificate by the name of another host, over either protocol', async () => {
    const outcome = (serverName: string, shown = {}) =>
      s.outcome('https://guarded.wild.test/', { client: { serverName, ...shown } });
    expect(await outcome('guarded.wild.test', client)).toBe('api /');
    expect(await outcome('guarded.wild.test')).toBe('400');
    expect(await outcome('x.wild.test')).toBe('421');
    expect(await outcome('x.wild.test', client)).toBe('421');
    expect(await outcome('b.test')).toBe('421');
    expect(await outcome('a.test')).toBe('421');
    const port = await s.envoy.listenerPort('https');
    const session = connectHttp2(`https://127.0.0.1:${port}`, { servername: 'b.test', rejectUnauthorized: false });
    const ask = (host: string): Promise<number> =>
      new Promise((fulfil, reject) => {
        const request = session.request({ ':path': '/', ':authority': host });
        request.on('response', (headers) => fulfil(Number(headers[':status'])));
        request.on('error', reject);
        request.end();
      });
    try {
      expect(await ask('b.test')).toBe(200);
      const spellings = ['guarded.wild.test', 'GUARDED.wild.test', 'guarded.wild.test:443', 'guarded.wild.test.'];
      expect(await Promise.all(spellings.map(ask))).toEqual(spellings.map(() => 421));
    } finally {
      session.close();
    }
  });

  it('cannot get past a client certificate over plain HTTP', async () => {
    expect(await s.outcome('guarded.wild.test/')).toMatch(/^308 |^403$/);
  });

  it('cannot use a session of another host for one that asks for a certificate', async () => {
    const port = await s.envoy.listenerPort('https');
    const session = await new Promise<Buffer | undefined>((fulfil) => {
      const socket = connect({
        host: '127.0.0.1',
        port,
        servername: 'x.wild.test',
        maxVersion: 'TLSv1.2',
        rejectUnauthorized: false,
      });
      socket.once('session', (ticket) => {
        fulfil(ticket);
        socket.destroy();
      });
      socket.once('error', () => fulfil(undefined));
    });
    expect(session).toBeDefined();
    const isReused = await new Promise<boolean>((fulfil) => {
      const options = {
        host: '127.0.0.1',
        port,
        servername: 'guarded.wild.test',
        maxVersion: 'TLSv1.2',
        rejectUnauthorized: false,
      } as const;
      const socket = connect({ ...options, ...(session && { session }) }, () => {
        fulfil(socket.isSessionReused());
        socket.destroy();
      });
      socket.once('error', () => fulfil(false));
    });
    expect(isReused).toBe(false);
  });
});
