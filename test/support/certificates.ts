/**
 * Certificates for tests, made with Node's own cryptography: an authority, and what it or the certificate itself signs. X.509 (RFC 5280)
 * is a small tree of DER values when one needs only names, dates and extensions, so this writes that tree instead of using a package.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import { bits, bytes, context, integer, type Der, oid, octets, sequence, set, time, truth, utf8 } from './der.ts';

export interface CertificateOptions {
  /** DNS names (wildcards too) and IP addresses the certificate is for. */
  readonly names?: readonly string[];
  /** The subject's common name; the first of `names` when left out. */
  readonly commonName?: string;
  /** An EC key on P-256 when left out. */
  readonly key?: 'ecdsa-p256' | 'ecdsa-p256-explicit' | 'ecdsa-p384' | 'rsa-1024' | 'rsa-2048' | 'ed25519';
  /** An hour ago when left out. */
  readonly notBefore?: Date;
  /** Ten years from now when left out. */
  readonly notAfter?: Date;
  /** May sign others. */
  readonly authority?: boolean;
  /** The octets of the key usage bit string: how many bits are unused, then the bits. What fits when left out. */
  readonly keyUsage?: readonly number[];
  /** As it is written in the certificate, where 2 means version 3; `none` leaves it out, which means version 1. */
  readonly version?: number | 'none';
  /** Instead of the dates: two UTCTime values as text. */
  readonly validity?: readonly [string, string];
  /** A private key in PEM, instead of a new one. */
  readonly privateKey?: string;
  /** Who signs; the certificate itself when left out. */
  readonly issuer?: Certificate;
}

/** A certificate and its private key, both in PEM (the key in PKCS #8). */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly commonName: string;
}

export function certificate(options: CertificateOptions = {}): Certificate {
  const { names = [], authority = false } = options;
  const commonName = options.commonName ?? names[0] ?? 'test';
  const privateKey =
    options.privateKey === undefined ? keys[options.key ?? 'ecdsa-p256']() : createPrivateKey(options.privateKey);
  const signer = options.issuer === undefined ? privateKey : createPrivateKey(options.issuer.key);
  const algorithm = signatureAlgorithm(signer);
  const tbs = sequence(
    ...(options.version === 'none' ? [] : [context(0, integer(Uint8Array.of(options.version ?? 2)))]),
    integer(Uint8Array.of(0x40, ...randomBytes(15))),
    algorithm,
    distinguishedName(options.issuer?.commonName ?? commonName),
    validity(options),
    distinguishedName(commonName),
    createPublicKey(privateKey).export({ type: 'spki', format: 'der' }),
    context(3, sequence(...extensions(names, authority, options.keyUsage))),
  );
  const digest = signer.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  const signed = sequence(tbs, algorithm, bits(sign(digest, tbs, signer)));
  return {
    cert: pem('CERTIFICATE', signed),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    commonName,
  };
}

/** An authority to name as `issuer`. */
export function certificateAuthority(commonName = 'test authority'): Certificate {
  return certificate({ commonName, authority: true });
}

const keys = {
  'ecdsa-p256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  'ecdsa-p256-explicit': () => generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }).privateKey,
  'ecdsa-p384': () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  'rsa-1024': () => generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey,
  'rsa-2048': () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  ed25519: () => generateKeyPairSync('ed25519').privateKey,
} as const;

/** Object identifiers of RSA and ECDSA with SHA-256 (RFC 8017, RFC 5758) and of Ed25519 (RFC 8410). */
function signatureAlgorithm(key: KeyObject): Der {
  const type = key.asymmetricKeyType;
  if (type === 'rsa') return sequence(oid('1.2.840.113549.1.1.11'), bytes(0x05));
  if (type === 'ed25519') return sequence(oid('1.3.101.112'));
  return sequence(oid('1.2.840.10045.4.3.2'));
}

function distinguishedName(commonName: string): Der {
  return sequence(set(sequence(oid('2.5.4.3'), utf8(commonName))));
}

function validity({ notBefore, notAfter, validity: written }: CertificateOptions): Der {
  if (written !== undefined) return sequence(...written.map((text) => bytes(0x17, ...Buffer.from(text))));
  const hour = 3_600_000;
  return sequence(
    time(notBefore ?? new Date(Date.now() - hour)),
    time(notAfter ?? new Date(Date.now() + 10 * 365 * 24 * hour)),
  );
}

function extensions(names: readonly string[], authority: boolean, keyUsage?: readonly number[]): readonly Der[] {
  const critical = truth(true);
  // Key usage, RFC 5280 section 4.2.1.3: keyCertSign for an authority, digitalSignature and keyEncipherment for the others.
  const usage = bytes(0x03, ...(keyUsage ?? (authority ? [0x02, 0x04] : [0x05, 0xa0])));
  const all = [
    sequence(oid('2.5.29.19'), critical, octets(sequence(...(authority ? [truth(true)] : [])))),
    sequence(oid('2.5.29.15'), critical, octets(usage)),
  ];
  if (names.length > 0) all.push(sequence(oid('2.5.29.17'), octets(sequence(...names.map(alternativeName)))));
  return all;
}

function alternativeName(name: string): Der {
  switch (isIP(name)) {
    case 0:
      return bytes(0x82, ...Buffer.from(name));
    case 4:
      return bytes(0x87, ...name.split('.').map(Number));
    default:
      throw new Error(`${name}: IPv6 addresses are not supported in test certificates`);
  }
}

function pem(label: string, der: Der): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
