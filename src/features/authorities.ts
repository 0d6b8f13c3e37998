/** The certificates of authorities in a Secret, checked: one that an Envoy does not take would cost others their listener. */
import { X509Certificate } from 'node:crypto';
import type { Secret } from '../cluster/kubernetes-object.ts';
import { authorityFormFault } from '../model/leaf-form.ts';

export type AuthorityReading =
  | { readonly kind: 'authorities'; readonly pem: string }
  /** The end of a sentence that begins with the Secret. */
  | { readonly kind: 'fault'; readonly why: string };

const fault = (why: string): AuthorityReading => ({ kind: 'fault', why });

/** `ca.crt`, in one spelling. With `ca.crl`, nobody is believed: a list that is not looked at would let in whom it names. */
export function readAuthorities({ entries = {} }: Secret): AuthorityReading {
  const text = entries['ca.crt'] ?? '';
  if (text.trim() === '') return fault('has no ca.crt');
  if ((entries['ca.crl'] ?? '').trim() !== '')
    return fault('has a ca.crl, and lists of revoked certificates are not supported');
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) return fault('has a ca.crt without a PEM certificate');
  const found = new Set<string>();
  for (const [index, block] of blocks.entries()) {
    const certificate = parse(block);
    if (certificate === undefined) return fault(`has a ca.crt whose certificate no. ${index + 1} can't be parsed`);
    const why = authorityFormFault(certificate.raw);
    if (why !== undefined) return fault(why);
    found.add(certificate.toString());
  }
  return { kind: 'authorities', pem: [...found].join('') };
}

function parse(block: string): X509Certificate | undefined {
  try {
    return new X509Certificate(block);
  } catch {
    return undefined;
  }
}
