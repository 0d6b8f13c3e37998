/** Makes the certificates with which the control plane and its Envoys prove themselves to each other. PKI.js writes the X.509. */
import { createECDH, createHmac, createPrivateKey, randomBytes, sign, webcrypto, X509Certificate } from 'node:crypto';
import { BitString, Integer, OctetString, PrintableString } from 'asn1js';
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  CryptoEngine,
  ExtKeyUsage,
  Extension,
  GeneralName,
  GeneralNames,
} from 'pkijs';

/** A certificate and its private key, in PEM; the key in PKCS #8. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** When a certificate is good, in milliseconds since 1970. */
export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface LeafRequest extends Validity {
  /** Decides what the certificate is accepted for: a server's is refused from a client, and the other way round. */
  readonly use: 'server' | 'client';
  /** DNS names; the first is the subject as well. */
  readonly names: readonly string[];
  readonly issuer: Pair;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const engine = new CryptoEngine({ crypto: webcrypto, name: 'node' });

/** An authority of its own, that may sign leaves but no other authority. */
export async function makeAuthority(validity: Validity): Promise<Pair> {
  const serial = newSerial();
  // A name of its own for each generation: where two overlap, who verifies picks the issuer by its name.
  const subject = `sluice xds ${Buffer.from(serial).toString('hex').slice(0, 12)}`;
  const keys = await newKeys();
  const certificate = template(subject, subject, serial, validity);
  await certificate.subjectPublicKeyInfo.importKey(keys.publicKey, engine);
  const identifier = await keyIdentifier(certificate);
  certificate.extensions = [
    extension(oids.basicConstraints, true, new BasicConstraints({ cA: true, pathLenConstraint: 0 }).toSchema()),
    // Key usage (RFC 5280, section 4.2.1.3): keyCertSign.
    extension(oids.keyUsage, true, new BitString({ valueHex: Uint8Array.of(0x04).buffer, unusedBits: 2 })),
    extension(oids.subjectKeyIdentifier, false, new OctetString({ valueHex: identifier })),
  ];
  await certificate.sign(keys.privateKey, 'SHA-256', engine);
  return { cert: pem('CERTIFICATE', certificate.toSchema().toBER()), key: await exportKey(keys.privateKey) };
}

/** What an authority signs for one side of a connection. It never outlives its issuer. */
export async function makeLeaf({ use, names, issuer, notBefore, notAfter }: LeafRequest): Promise<Pair> {
  const authority = Certificate.fromBER(new X509Certificate(issuer.cert).raw);
  const until = Math.min(notAfter, validityOf(issuer.cert).notAfter);
  const keys = await newKeys();
  const certificate = template(names[0] ?? '', '', newSerial(), { notBefore, notAfter: until });
  certificate.issuer = authority.subject;
  await certificate.subjectPublicKeyInfo.importKey(keys.publicKey, engine);
  const issuerIdentifier = new OctetString({ valueHex: await keyIdentifier(authority) });
  certificate.extensions = [
    ...leafExtensions(use, names),
    extension(
      oids.authorityKeyIdentifier,
      false,
      new AuthorityKeyIdentifier({ keyIdentifier: issuerIdentifier }).toSchema(),
    ),
  ];
  await certificate.sign(await importKey(issuer.key), 'SHA-256', engine);
  return { cert: pem('CERTIFICATE', certificate.toSchema().toBER()), key: await exportKey(keys.privateKey) };
}

/** A server's certificate that nobody vouches for. */
export async function makeSelfSigned({
  subject,
  names,
  ...validity
}: Validity & { readonly subject: string; readonly names: readonly string[] }): Promise<Pair> {
  const keys = await newKeys();
  const certificate = template(subject, subject, newSerial(), validity);
  await certificate.subjectPublicKeyInfo.importKey(keys.publicKey, engine);
  certificate.extensions = [...leafExtensions('server', names)];
  await certificate.sign(keys.privateKey, 'SHA-256', engine);
  return { cert: pem('CERTIFICATE', certificate.toSchema().toBER()), key: await exportKey(keys.privateKey) };
}

/**
 * A server's certificate that is the same wherever it is made, for one that proves nothing anyway: whoever knows the seed has its key.
 * It is signed with Ed25519, whose signatures have nothing random in them, unlike those of ECDSA.
 */
export async function deriveCertificate({
  subject,
  names,
  seed,
  ...validity
}: Validity & { readonly subject: string; readonly names: readonly string[]; readonly seed: string }): Promise<Pair> {
  const derive = (what: string): Buffer => createHmac('sha256', seed).update(what).digest();
  const { publicKey, key } = await keysOf(derive('key'));
  const certificate = template(subject, `${subject} authority`, serialOf(derive('serial')), validity);
  await certificate.subjectPublicKeyInfo.importKey(publicKey, engine);
  certificate.extensions = [...leafExtensions('server', names)];
  certificate.signature = new AlgorithmIdentifier({ algorithmId: oids.ed25519 });
  certificate.signatureAlgorithm = certificate.signature;
  const authority = createPrivateKey({
    key: Buffer.concat([ed25519Prefix, derive('authority')]),
    format: 'der',
    type: 'pkcs8',
  });
  const signature = new Uint8Array(sign(null, new Uint8Array(certificate.encodeTBS().toBER()), authority));
  certificate.signatureValue = new BitString({ valueHex: signature.buffer });
  return { cert: pem('CERTIFICATE', certificate.toSchema(true).toBER()), key };
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64url');
}

/** What comes before the 32 bytes of a private key in PKCS #8 (RFC 8410, section 7). */
const ed25519Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The pair on P-256 with that number as private key. */
async function keysOf(scalar: Buffer): Promise<{ readonly publicKey: webcrypto.CryptoKey; readonly key: string }> {
  const curve = createECDH('prime256v1');
  curve.setPrivateKey(scalar);
  const point = curve.getPublicKey();
  const own = { kty: 'EC', crv: 'P-256', x: base64(point.subarray(1, 33)), y: base64(point.subarray(33)) };
  const privateKey = createPrivateKey({ key: { ...own, d: base64(scalar) }, format: 'jwk' });
  const publicKey = await webcrypto.subtle.importKey('raw', new Uint8Array(point), algorithm, true, ['verify']);
  return { publicKey, key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })) };
}

/** @throws Error when the text is no certificate. */
export function validityOf(cert: string): Validity {
  const { validFrom, validTo } = new X509Certificate(cert);
  return { notBefore: Date.parse(validFrom), notAfter: Date.parse(validTo) };
}

/** Whether the second certificate was signed by the first; false too when one of them is none. */
export function hasSigned(authority: string, cert: string): boolean {
  try {
    return new X509Certificate(cert).verify(new X509Certificate(authority).publicKey);
  } catch {
    return false;
  }
}

const oids = {
  commonName: '2.5.4.3',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  ed25519: '1.3.101.112',
} as const;

const purposes = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const;
/** The tag of a DNS name among the general names of RFC 5280, section 4.2.1.6. */
const dnsName = 2;

function template(subject: string, issuer: string, serial: Uint8Array<ArrayBuffer>, validity: Validity): Certificate {
  const certificate = new Certificate();
  // Version 3, counted from 0.
  certificate.version = 2;
  certificate.serialNumber = new Integer({ valueHex: serial.buffer });
  certificate.subject.typesAndValues.push(commonName(subject));
  if (issuer !== '') certificate.issuer.typesAndValues.push(commonName(issuer));
  certificate.notBefore.value = new Date(validity.notBefore);
  certificate.notAfter.value = new Date(validity.notAfter);
  return certificate;
}

function leafExtensions(use: LeafRequest['use'], names: readonly string[]): readonly Extension[] {
  const alternatives = names.map((value) => new GeneralName({ type: dnsName, value }));
  return [
    extension(oids.basicConstraints, true, new BasicConstraints({ cA: false }).toSchema()),
    // digitalSignature
    extension(oids.keyUsage, true, new BitString({ valueHex: Uint8Array.of(0x80).buffer, unusedBits: 7 })),
    extension(oids.extendedKeyUsage, false, new ExtKeyUsage({ keyPurposes: [purposes[use]] }).toSchema()),
    extension(oids.subjectAltName, false, new GeneralNames({ names: alternatives }).toSchema()),
  ];
}

function commonName(value: string): AttributeTypeAndValue {
  return new AttributeTypeAndValue({ type: oids.commonName, value: new PrintableString({ value }) });
}

function extension(extnID: string, critical: boolean, value: { toBER: () => ArrayBuffer }): Extension {
  return new Extension({ extnID, critical, extnValue: value.toBER() });
}

/** 16 octets that are a positive integer without a leading zero. */
function newSerial(): Uint8Array<ArrayBuffer> {
  return serialOf(randomBytes(16));
}

/** A positive number of 16 bytes. */
function serialOf(bytes: Buffer): Uint8Array<ArrayBuffer> {
  const serial = new Uint8Array(bytes.subarray(0, 16));
  serial[0] = 0x40 | ((serial[0] ?? 0) & 0x3f);
  return serial;
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

/** The first way of RFC 5280, section 4.2.1.2. */
async function keyIdentifier(certificate: Certificate): Promise<ArrayBuffer> {
  const key = certificate.subjectPublicKeyInfo.subjectPublicKey.valueBlock.valueHexView;
  return webcrypto.subtle.digest('SHA-1', new Uint8Array(key));
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return pem('PRIVATE KEY', await webcrypto.subtle.exportKey('pkcs8', key));
}

function importKey(text: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(text.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  return webcrypto.subtle.importKey('pkcs8', new Uint8Array(der), algorithm, false, ['sign']);
}

function pem(label: string, der: ArrayBuffer): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
