/** Certificates and keys, as they stand in messages. */
import { X509Certificate } from 'node:crypto';
import { pairFault } from '../cluster/certificate-check.ts';
import { authorityFormFault } from '../model/leaf-form.ts';
import { fieldsOf, refuse, textOf } from './rule.ts';
import type { Fields } from './rule.ts';

/** `TlsCertificate`. The values are not named: one of them is a secret. */
export function ruleOfTlsCertificate({ certificate_chain: chain, private_key: key }: Fields): void {
  const fault = pairFault(inline(chain), inline(key));
  if (fault !== undefined) refuse('certificate_chain', undefined, `can be served: the pair ${fault}`);
}

function inline(source: unknown): string {
  return textOf(fieldsOf(source)['inline_string']);
}

/** Verdicts on lists of authorities, which the TLS contexts of many hosts may share. */
const known = new Map<string, string | undefined>();
const mostKnown = 1_000;

/** `CertificateValidationContext`: authorities that can be trusted, each of them once. */
export function ruleOfValidation({ trusted_ca: authorities }: Fields): void {
  if (authorities === undefined) return;
  const { filename, environment_variable: variable, inline_string: text } = fieldsOf(authorities);
  const outside = variable;
  refuse('trusted_ca', outside, outside === undefined ? undefined : 'is read from the environment of the Envoy');
  if (filename !== undefined) return;
  const pem = textOf(text);
  if (!known.has(pem)) {
    if (known.size >= mostKnown) known.clear();
    known.set(pem, authoritiesFault(pem));
  }
  const fault = known.get(pem);
  if (fault !== undefined) refuse('trusted_ca', undefined, `can be trusted: the list ${fault}`);
}

function authoritiesFault(pem: string): string | undefined {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) return 'has no PEM certificate';
  const seen = new Set<string>();
  for (const block of blocks) {
    const certificate = parsed(block);
    if (certificate === undefined) return 'has a certificate that cannot be parsed';
    if (seen.has(certificate.fingerprint256)) return 'has a certificate twice';
    seen.add(certificate.fingerprint256);
    const fault = authorityFormFault(certificate.raw);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function parsed(block: string): X509Certificate | undefined {
  try {
    return new X509Certificate(block);
  } catch {
    return undefined;
  }
}
