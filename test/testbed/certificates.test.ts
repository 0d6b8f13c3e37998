/** The home-made certificates against Node's own TLS, which is OpenSSL and forgives no wrong byte. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:tls';
import { describe, expect, it } from '@jest/globals';
import { certificate, certificateAuthority, type CertificateOptions } from '../support/certificates.ts';
import { portOf } from '../support/ports.ts';

describe('certificate', () => {
  const kinds: readonly CertificateOptions['key'][] = ['ecdsa-p256', 'ecdsa-p384', 'rsa-2048', 'ed25519'];
  it.each(kinds)('of a %s key proves a server to a client that trusts the authority', async (key) => {
    const authority = certificateAuthority();
    const { cert, key: privateKey } = certificate({
      names: ['*.shop.test', '127.0.0.1'],
      issuer: authority,
      ...(key && { key }),
    });
    const server = createServer({ cert, key: privateKey }).listen(0, '127.0.0.1');
    await once(server, 'listening');

    const client = connect({ port: portOf(server), host: '127.0.0.1', servername: 'a.shop.test', ca: authority.cert });
    await once(client, 'secureConnect');
    const { authorized } = client;
    client.destroy();
    server.close();

    expect(authorized).toBe(true);
  });

  it('carries the names, the dates and the role it was asked for', () => {
    const notBefore = new Date('2020-01-02T03:04:05Z');
    const notAfter = new Date('2051-06-07T08:09:10Z');
    const { cert } = certificate({ names: ['shop.test', '10.1.2.3'], commonName: 'Shop', notBefore, notAfter });
    const read = new X509Certificate(cert);

    expect(read.subject).toBe('CN=Shop');
    expect(read.subjectAltName).toBe('DNS:shop.test, IP Address:10.1.2.3');
    expect([new Date(read.validFrom), new Date(read.validTo)]).toEqual([notBefore, notAfter]);
    expect(read.ca).toBe(false);
    expect(read.verify(read.publicKey)).toBe(true);
    expect(new X509Certificate(certificateAuthority().cert).ca).toBe(true);
  });
});
