// Reads what can be used of a `v1` Secret: certificate and key, and the keys that annotations ask for. No message shows its values.

import type { Secret } from '../kubernetes-object.ts';
import type { FieldReader } from './field-reader.ts';

export function readSecret(root: FieldReader): Omit<Secret, 'kind' | 'metadata'> {
  const data = root.child('data');
  const stringData = root.child('stringData');
  const read = (key: string): string => stringData?.text(key) || (data === undefined ? '' : decode(data, key));
  const type = root.text('type') || 'Opaque';
  const keys = isOfOthers(type) ? [] : [...new Set([...(data?.keys() ?? []), ...(stringData?.keys() ?? [])])];
  const others = keys.filter((key) => key !== 'tls.crt' && key !== 'tls.key' && (type !== tlsType || key === 'ca.crt'));
  const entries = Object.fromEntries(others.toSorted().map((key) => [key, read(key)]));
  return {
    type,
    certificate: read('tls.crt'),
    privateKey: read('tls.key'),
    ...(others.length > 0 && { entries }),
  };
}

const tlsType = 'kubernetes.io/tls';

/** What no annotation may use: tokens, and the state of tools. */
function isOfOthers(type: string): boolean {
  return /^(bootstrap\.kubernetes\.io|helm\.sh)\/|^kubernetes\.io\/(?!tls$|basic-auth$)/.test(type);
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
