/** Whether the Secret of a TLS entry holds a pair that every Envoy will take. A bad pair must never be sent, not even once. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { Secret } from '../cluster/kubernetes-object.ts';
import type { Certificate } from '../model/certificate.ts';
import type { Origin } from '../model/host.ts';
import type { Problem, ProblemReason } from '../model/problem.ts';

export interface CheckedCertificate {
  /** Undefined when there is no usable pair. */
  readonly certificate: Certificate | undefined;
  readonly problems: readonly Problem[];
}

/** Checks a Secret for those who name it; pure, so validity periods are not looked at here. */
export function checkCertificate(
  key: string,
  secret: Secret | undefined,
  origins: readonly Origin[],
): CheckedCertificate {
  const refuse = (reason: ProblemReason, message: string, fix: string): CheckedCertificate => ({
    certificate: undefined,
    problems: origins.map((origin) => ({ ...origin, severity: 'error', reason, message, fix })),
  });
  if (secret === undefined) {
    const fix = `create the Secret ${key} of type kubernetes.io/tls`;
    return refuse('CertificateNotFound', `Secret ${key} does not exist`, fix);
  }
  const pair = parsePair(secret);
  if (typeof pair !== 'string') return { certificate: pair, problems: [] };
  const fix = 'put a PEM certificate chain, leaf first, into tls.crt and its unencrypted key into tls.key';
  return refuse('InvalidCertificate', `Secret ${key} ${pair}`, fix);
}

/** The pair in one spelling, without what stands around it; or what is wrong with it, as the end of a sentence. */
function parsePair(secret: Secret): Certificate | string {
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
  return (
    keyFault(privateKey) ??
    leafFault(leaf) ?? {
      chain: chain.map((certificate) => certificate?.toString() ?? '').join(''),
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    }
  );
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
      return modulusLength >= 2048 ? undefined : `has an RSA key of ${modulusLength} bits; 2048 is the least`;
    case 'ec':
      return curves.has(namedCurve) ? undefined : `has a key on the curve ${namedCurve}; use P-256, P-384 or P-521`;
    default:
      return `has a key of the type ${key.asymmetricKeyType ?? 'unknown'}; use RSA or ECDSA`;
  }
}

function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}
