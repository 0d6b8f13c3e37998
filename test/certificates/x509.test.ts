/** The certificates as OpenSSL sees them; what they are worth on a connection is in rotation.test.ts. */
import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { hasSigned, makeAuthority, makeLeaf, validityOf } from '../../src/certificates/x509.ts';

const now = Date.UTC(2026, 0, 1);
const validity = { notBefore: now, notAfter: now + 3_600_000 };

describe('certificates', () => {
  it('are signed by an authority that signs leaves only', async () => {
    const authority = await makeAuthority(validity);
    const leaf = await makeLeaf({ ...validity, use: 'server', names: ['a.svc', 'a'], issuer: authority });
    const parsed = new X509Certificate(leaf.cert);

    expect(new X509Certificate(authority.cert).ca).toBe(true);
    expect(parsed.ca).toBe(false);
    expect(parsed.checkIssued(new X509Certificate(authority.cert))).toBe(true);
    expect(hasSigned(authority.cert, leaf.cert)).toBe(true);
    expect(parsed.subjectAltName).toBe('DNS:a.svc, DNS:a');
    expect(parsed.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(validityOf(leaf.cert)).toEqual(validity);
  });

  it('never outlive their authority', async () => {
    const authority = await makeAuthority(validity);
    const leaf = await makeLeaf({
      use: 'client',
      names: ['envoy'],
      issuer: authority,
      notBefore: now,
      notAfter: now + 7_200_000,
    });
    expect(validityOf(leaf.cert).notAfter).toBe(validity.notAfter);
  });

  it('of two authorities have different issuers, and each knows its own', async () => {
    const [one, two] = await Promise.all([makeAuthority(validity), makeAuthority(validity)]);
    const leaf = await makeLeaf({ ...validity, use: 'client', names: ['envoy'], issuer: one });
    expect(new X509Certificate(one.cert).subject).not.toBe(new X509Certificate(two.cert).subject);
    expect(hasSigned(two.cert, leaf.cert)).toBe(false);
    expect(hasSigned('garbage', leaf.cert)).toBe(false);
  });
});
