/** Which pair the hosts of a Secret are served with, and what those who name the Secret are told. */
import { anyHost, wildcardOf } from '../model/host.ts';
import type { Certificate } from '../model/certificate.ts';
import type { Origin } from '../model/host.ts';
import type { Problem, ProblemReason } from '../model/problem.ts';
import type { PairReading } from '../cluster/certificate-check.ts';

export interface CheckedCertificate {
  /** Undefined when there is no usable pair. */
  readonly certificate: Certificate | undefined;
  readonly problems: readonly Problem[];
}

/** Who names a Secret, and the hosts that they name it for. */
export interface Claimant {
  readonly origin: Origin;
  readonly hosts: readonly string[];
}

export interface CertificateCase {
  /** `namespace/name` of the Secret. */
  readonly key: string;
  /** Undefined when the Secret does not exist. */
  readonly reading: PairReading | undefined;
  /** What its hosts have been served with until now: a bad pair takes nothing from anybody who had a good one. */
  readonly lastGood: () => Certificate | undefined;
  /** When the validity period was last looked at, in milliseconds since 1970; undefined when nobody has a clock. */
  readonly checkedAt: number | undefined;
  readonly claimants: readonly Claimant[];
}

/** Clocks differ a little, and certificates are often used the moment they are made. */
const toleranceMs = 300_000;

export function chooseCertificate(wanted: CertificateCase): CheckedCertificate {
  const { key, reading } = wanted;
  if (reading === undefined) {
    const fix = `create the Secret ${key} of type kubernetes.io/tls`;
    return keepLastGood(wanted, 'CertificateNotFound', `Secret ${key} does not exist`, fix);
  }
  if (reading.kind === 'fault') {
    const fix = 'put a PEM certificate chain, leaf first, into tls.crt and its unencrypted key into tls.key';
    return keepLastGood(wanted, 'InvalidCertificate', `Secret ${key} ${reading.fault}`, fix);
  }
  const { certificate, notBefore, notAfter } = reading;
  if (isExpired(reading, wanted.checkedAt)) {
    const message = `Secret ${key} has a certificate that expired at ${new Date(notAfter).toISOString()}`;
    return keepLastGood(wanted, 'CertificateExpired', message, 'renew it');
  }
  if (isEarly(reading, wanted.checkedAt)) {
    const message = `Secret ${key} has a certificate that is valid only from ${new Date(notBefore).toISOString()} on`;
    return keepLastGood(
      wanted,
      'CertificateNotYetValid',
      message,
      'check the clocks, or put the one back that is valid now',
    );
  }
  return { certificate, problems: wanted.claimants.flatMap((claimant) => mismatch(key, reading.names, claimant)) };
}

/** Whether the verdict on a pair is another one at another time. */
export function changesVerdict(reading: PairReading, before: number | undefined, now: number): boolean {
  return isExpired(reading, before) !== isExpired(reading, now) || isEarly(reading, before) !== isEarly(reading, now);
}

function isExpired(reading: PairReading, at: number | undefined): boolean {
  return reading.kind === 'pair' && at !== undefined && reading.notAfter < at;
}

function isEarly(reading: PairReading, at: number | undefined): boolean {
  return reading.kind === 'pair' && at !== undefined && reading.notBefore > at + toleranceMs;
}

function keepLastGood(wanted: CertificateCase, reason: ProblemReason, what: string, fix: string): CheckedCertificate {
  const { claimants } = wanted;
  const lastGood = wanted.lastGood();
  const message = lastGood === undefined ? what : `${what}; what was served before stays`;
  return {
    certificate: lastGood,
    problems: claimants.map(({ origin }) => ({ ...origin, severity: 'error', reason, message, fix })),
  };
}

function mismatch(key: string, names: readonly string[], { origin, hosts }: Claimant): readonly Problem[] {
  const others = hosts.filter(
    (host) => host !== anyHost && !names.includes(host) && !names.includes(wildcardOf(host) ?? ''),
  );
  if (others.length === 0) return [];
  const message = `the certificate in Secret ${key} is not for ${others.map((host) => `"${host}"`).join(', ')}, so clients will refuse it there`;
  const fix = `use a certificate for the host; this one is for ${names.join(', ') || 'no host'}`;
  return [{ ...origin, severity: 'warning', reason: 'CertificateHostMismatch', message, fix }];
}
