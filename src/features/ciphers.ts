/** Lists of ciphers in OpenSSL's words, cut down to what Envoy knows: with another word it would refuse the whole message. */
import { invalid, valid } from './value.ts';
import type { Parse } from './value.ts';

const known: ReadonlySet<string> = new Set([
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-RSA-AES128-SHA',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-RSA-AES256-SHA',
  'AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'AES128-SHA',
  'AES256-SHA',
]);

export const cipherList: Parse<string> = (text) =>
  /^[A-Za-z0-9!+:,=@_ -]{1,2048}$/.test(text)
    ? valid(text)
    : invalid('is no list of ciphers', 'write names such as "ECDHE-RSA-AES128-GCM-SHA256"');

/** In the order of the list, each once; names that are not known are left out. */
export function knownCiphers(text: string): readonly string[] {
  return [...new Set(text.split(/[:,\s]+/).filter((each) => known.has(each)))];
}
