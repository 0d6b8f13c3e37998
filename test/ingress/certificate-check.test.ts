import { describe, expect, it } from '@jest/globals';
import { readPair } from '../../src/cluster/certificate-check.ts';
import { certificate } from '../support/certificates.ts';
import { tlsSecret } from '../support/objects.ts';

const good = certificate({ names: ['a.test'] });
const other = certificate({ names: ['a.test'] });
const weak = certificate({ names: ['a.test'], key: 'rsa-1024' });
const edwards = certificate({ names: ['a.test'], key: 'ed25519' });
const nobody = certificate({ names: [], commonName: '' });

const renamed = other.cert.replaceAll('CERTIFICATE', 'X509 CERTIFICATE');

function check(cert: string, key: string) {
  const reading = readPair(tlsSecret('s', cert, key));
  return reading.kind === 'pair'
    ? { certificate: reading.certificate, fault: '' }
    : { certificate: undefined, ...reading };
}

describe('the check of a TLS Secret', () => {
  it.each(['ecdsa-p256', 'ecdsa-p384', 'rsa-2048'] as const)('takes a pair with an %s key', (key) => {
    const pair = certificate({ names: ['a.test'], key });
    expect(check(pair.cert, pair.key)).toMatchObject({ fault: '', certificate: { chain: pair.cert } });
  });

  it('hands on the pair alone, whatever stands around it and however its lines end', () => {
    const clean = check(good.cert, good.key).certificate;
    const chain = `\uFEFFsubject=a\r\n${good.cert.replaceAll('\n', '\r\n')}\r\ntrailing garbage`;
    expect(check(chain, `\n${good.key.replaceAll('\n', '\r\n')}`).certificate).toEqual(clean);
  });

  it('never hands on a key as part of the chain', () => {
    expect(check(good.cert + good.key, good.key).certificate?.chain ?? '').not.toContain('PRIVATE');
  });

  it.each([
    ['no certificate', '', good.key, 'has no tls.crt'],
    ['no key', good.cert, '', 'has no tls.key'],
    ['garbage for a certificate', 'garbage', good.key, 'without a PEM certificate'],
    ['a certificate that is cut', good.cert.replace(/\n.{20}/, '\n'), good.key, "can't be parsed"],
    ['garbage for a key', good.cert, 'garbage', "tls.key that can't be parsed"],
    ['the key of another certificate', good.cert, other.key, 'does not belong'],
    ['the leaf behind another certificate', other.cert + good.cert, good.key, 'does not belong'],
    ['a short RSA key', weak.cert, weak.key, '1024 bits'],
    ['an Ed25519 key', edwards.cert, edwards.key, 'ed25519'],
    ['a certificate that names nobody', nobody.cert, nobody.key, 'neither'],
    ['half a certificate behind a whole one', good.cert + other.cert.slice(0, 200), good.key, 'something else'],
    ['a certificate under another name before it', renamed + good.cert, good.key, 'something else'],
    ['an encrypted key', good.cert, good.key.replaceAll('PRIVATE', 'ENCRYPTED PRIVATE'), 'encrypted'],
  ])('refuses %s', (_what, cert, key, message) => {
    const checked = check(cert, key);
    expect(checked.certificate).toBeUndefined();
    expect(checked.fault).toContain(message);
  });

  it('knows for whom and when the pair is', () => {
    const pair = certificate({ names: ['A.test', '*.b.test'], notAfter: new Date('2031-02-03T04:05:06Z') });
    expect(readPair(tlsSecret('s', pair.cert, pair.key))).toMatchObject({
      names: ['a.test', '*.b.test'],
      notAfter: Date.parse('2031-02-03T04:05:06Z'),
    });
    const named = certificate({ commonName: 'c.test' });
    expect(readPair(tlsSecret('s', named.cert, named.key))).toMatchObject({ names: ['c.test'] });
  });
});
