import { expect, it } from '@jest/globals';
import { redact } from '../../src/admin/redaction.ts';

it('shows neither private keys nor hashes of passwords, wherever they stand', () => {
  const shown = redact({
    routes: [{ typed_per_filter_config: { access: { filter_context: { basic: { users: { alice: '{SHA}x' } } } } } }],
    tls_certificate: { private_key: { inline_bytes: 'x' }, certificate_chain: { inline_bytes: 'chain' } },
  });
  expect(shown).toEqual({
    routes: [{ typed_per_filter_config: { access: { filter_context: { basic: { users: '[redacted]' } } } } }],
    tls_certificate: { private_key: '[redacted]', certificate_chain: { inline_bytes: 'chain' } },
  });
});
