/** What an Envoy says of a resource that it refuses, without the private keys and the like that it may repeat. */

const keys = /-----BEGIN [^-]*-----[^]*?(?:-----END [^-]*-----|$)/g;
/** Base64 and hexadecimal text of the length of the shortest keys. */
const longText = /[A-Za-z0-9+/_=-]{40,}/g;
/** Hashes of passwords, as in files of `htpasswd`. */
const hashes = /\$(?:apr1|1|2[abxy]|5|6|y|argon2\w*)\$[^\s"']+|\{(?:SHA|SSHA|PLAIN)\}[^\s"']+/g;
// oxlint-disable-next-line no-control-regex -- what would let a text write more than one line of a log
const controls = /[\u0000-\u001F\u007F]+/g;

export function redactRefusal(text: string): string {
  return text
    .replace(keys, '[redacted]')
    .replace(hashes, '[redacted]')
    .replace(longText, '[redacted]')
    .replace(controls, ' ');
}
