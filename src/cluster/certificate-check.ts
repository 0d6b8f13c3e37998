/** Whether a Secret holds a pair that every Envoy will take. A bad pair must never be sent, not even once. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { Secret } from './kubernetes-object.ts';
import type { Certificate } from '../model/certificate.ts';
import { inside } from '../model/der-value.ts';
import { formFault } from '../model/leaf-form.ts';

/** What a Secret holds, whatever the time is: this is the costly part, and depends on nothing else. */
export type PairReading =
  | {
      readonly kind: 'pair';
      readonly certificate: Certificate;
      /** The DNS names that it is for, in lower case. */
      readonly names: readonly string[];
      /** Milliseconds since 1970. */
      readonly notBefore: number;
      readonly notAfter: number;
    }
  /** What is wrong, as the end of a sentence. */
  | { readonly kind: 'fault'; readonly fault: string };

export function readPair(secret: PairText): PairReading {
  const pair = parsePair(secret);
  if (typeof pair === 'string') return { kind: 'fault', fault: pair };
  if (pair.kind === 'pair') remember(pair.certificate);
  return pair;
}

/** A certificate chain and a private key in PEM. */
type PairText = Pick<Secret, 'certificate' | 'privateKey' | 'isHeld'>;

/** Private keys by chain, of pairs in the spelling of `readPair`: what is about to be sent has mostly just been read. */
const good = new Map<string, string>();
const mostGood = 20_000;

function remember({ chain, privateKey }: Certificate): void {
  if (good.size >= mostGood) good.clear();
  good.set(chain, privateKey);
}

/**
 * What is wrong with a pair that is about to be sent, as the end of a sentence that begins with it. It has to be in the spelling of
 * `readPair`, because not all that Node reads is read by Envoys.
 */
export function pairFault(chain: string, privateKey: string): string | undefined {
  if (good.get(chain) === privateKey) return undefined;
  const reading = readPair({ certificate: chain, privateKey });
  if (reading.kind === 'fault') return reading.fault;
  const { certificate } = reading;
  const isSame = certificate.chain === chain && certificate.privateKey === privateKey;
  return isSame ? undefined : 'is not in the spelling in which pairs are sent';
}

/** The pair in one spelling, without what stands around it; or what is wrong with it, as the end of a sentence. */
function parsePair(secret: PairText): PairReading | string {
  if (secret.isHeld === true) return 'holds a pair that an Envoy has refused';
  if (secret.certificate === '') return 'has no tls.crt';
  if (secret.privateKey === '') return 'has no tls.key';
  const blocks = secret.certificate.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) return 'has a tls.crt without a PEM certificate';
  if (secret.certificate.split('-----BEGIN ').length - 1 !== blocks.length) {
    return 'has a tls.crt with something else in it than whole certificates';
  }
  const chain = blocks.map((block) => attempt(() => new X509Certificate(block)));
  const bad = chain.findIndex((certificate) => certificate === undefined);
  if (bad >= 0) return `has a tls.crt whose certificate no. ${bad + 1} can't be parsed`;
  if (secret.privateKey.includes('ENCRYPTED')) return 'has an encrypted tls.key';
  const privateKey = attempt(() => createPrivateKey(secret.privateKey));
  if (privateKey === undefined) return "has a tls.key that can't be parsed";
  const [leaf] = chain;
  if (leaf?.checkPrivateKey(privateKey) !== true) {
    return 'has a tls.key that does not belong to the first certificate of tls.crt';
  }
  const fault = keyFault(privateKey) ?? leafFault(leaf) ?? chain.flatMap((each) => formOf(each, each === leaf))[0];
  if (fault !== undefined) return fault;
  return {
    kind: 'pair',
    certificate: {
      chain: chain.map((certificate) => certificate?.toString() ?? '').join(''),
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    },
    names: namesOf(leaf),
    notBefore: Date.parse(leaf.validFrom),
    notAfter: Date.parse(leaf.validTo),
  };
}

function formOf(certificate: X509Certificate | undefined, isLeaf: boolean): readonly string[] {
  const fault = certificate && formFault(certificate.raw, isLeaf);
  return fault === undefined ? [] : [fault];
}

/** The common name counts only where there are no alternative names (RFC 6125, section 6.4.4). */
function namesOf({ subject, subjectAltName }: X509Certificate): readonly string[] {
  const alternatives = [...(subjectAltName ?? '').matchAll(/\bDNS:([^,"\s]+)/g)].map(([, name = '']) => name);
  const common = /^CN=(.+)$/m.exec(subject ?? '')?.[1];
  const names = alternatives.length > 0 || common === undefined ? alternatives : [common];
  return names.map((name) => name.toLowerCase());
}

/** The object identifier of the TLS feature extension (RFC 7633) in DER: Envoy wants an OCSP response for such a certificate. */
const tlsFeature = Buffer.from('06082b06010505070118', 'hex');

/** Envoy refuses a certificate that names nobody, and one that must be stapled. */
function leafFault({ subject, subjectAltName, raw }: X509Certificate): string | undefined {
  if (raw.includes(tlsFeature)) return 'has a certificate that demands OCSP stapling, which is not supported';
  const isNamed = /^CN=./m.test(subject ?? '') || /\b(DNS|IP Address|URI):/.test(subjectAltName ?? '');
  return isNamed ? undefined : 'has a certificate with neither a subject alternative name nor a common name';
}

const curves = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

/** Envoy takes RSA keys of 2,048 bits and more and ECDSA keys on P-256, P-384 and P-521. */
function keyFault(key: KeyObject): string | undefined {
  const { modulusLength = 0, namedCurve = '', publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
      if (publicExponent >= 2n ** 33n) return 'has an RSA key with a public exponent of more than 33 bits';
      if (isMultiPrime(key)) return 'has an RSA key of more than two primes';
      return modulusLength >= 2048 ? undefined : `has an RSA key of ${modulusLength} bits; 2048 is the least`;
    case 'ec':
      return curves.has(namedCurve) ? undefined : `has a key on the curve ${namedCurve}; use P-256, P-384 or P-521`;
    default:
      return `has a key of the type ${key.asymmetricKeyType ?? 'unknown'}; use RSA or ECDSA`;
  }
}

/** RFC 8017, appendix A.1.2: the version of such a key is 1. */
function isMultiPrime(key: KeyObject): boolean {
  const [version] = inside(inside({ tag: 0, content: key.export({ type: 'pkcs1', format: 'der' }) })[0]);
  return version?.content[0] === 1;
}

function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}
