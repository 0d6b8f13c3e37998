/** Lists of ciphers in OpenSSL's words, cut down to what Envoy knows: with another word it would refuse the whole message. */
import { envoyCiphers } from '../model/cipher.ts';
import { invalid, valid } from './value.ts';
import type { Parse } from './value.ts';

export const cipherList: Parse<string> = (text) =>
  /^[A-Za-z0-9!+:,=@_ -]{1,2048}$/.test(text)
    ? valid(text)
    : invalid('is no list of ciphers', 'write names such as "ECDHE-RSA-AES128-GCM-SHA256"');

/** In the order of the list, each once; names that are not known are left out. */
export function knownCiphers(text: string): readonly string[] {
  return [...new Set(text.split(/[:,\s]+/).filter((each) => envoyCiphers.has(each)))];
}
