// Reads the certificate and key of a `v1` Secret. Nothing else of a Secret is kept, and no message shows its values.

import type { Secret } from '../kubernetes-object.ts';
import type { FieldReader } from './field-reader.ts';

export function readSecret(root: FieldReader): Omit<Secret, 'kind' | 'metadata'> {
  const data = root.child('data');
  const stringData = root.child('stringData');
  const read = (key: string): string => stringData?.text(key) || (data === undefined ? '' : decode(data, key));
  return { type: root.text('type') || 'Opaque', certificate: read('tls.crt'), privateKey: read('tls.key') };
}

/** Buffer.from skips what is not Base64, so that a mistake would show only as a broken certificate. */
function decode(data: FieldReader, key: string): string {
  const encoded = data.text(key).replaceAll(/[\r\n]/g, '');
  if (/^[A-Za-z0-9+/]*={0,2}$/.test(encoded) && encoded.length % 4 === 0) {
    return Buffer.from(encoded, 'base64').toString('utf8');
  }
  data.problem(key, 'It is not valid Base64', 'Encode the value, or move it to stringData as it is');
  return '';
}
