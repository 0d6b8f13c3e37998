/**
 * What the TLS library of Envoy (BoringSSL) demands of the form of a certificate beyond what Node's reader does. The cases
 * are shown to a real Envoy in test/envoy/certificates.test.ts.
 */
import { inside } from './der-value.ts';
import type { DerValue } from './der-value.ts';

const ellipticKey = '2a8648ce3d0201';
const keyUsage = '551d0f';

/**
 * What is wrong, as the end of a sentence that begins with the Secret; undefined when Envoy will take it.
 *
 * @param isLeaf whether it is the first of its chain: those that only sign others need not be for anything else
 */
export function formFault(certificate: Uint8Array, isLeaf: boolean): string | undefined {
  const { key, extensions } = partsOf(certificate);
  return authorityFormFault(certificate) ?? ellipticFault(key, isLeaf ? extensions : []);
}

/** The same of a certificate that is only to be trusted. */
export function authorityFormFault(certificate: Uint8Array): string | undefined {
  const { version, validity, extensions } = partsOf(certificate);
  return (
    versionFault(version, extensions.length > 0) ??
    (inside(validity).every(isTime) ? undefined : 'has a certificate with a date in a form that X.509 does not allow')
  );
}

function partsOf(certificate: Uint8Array) {
  const [outer] = inside({ tag: 0, content: certificate });
  const [body] = inside(outer);
  const fields = inside(body);
  const version = fields[0]?.tag === 0xa0 ? inside(fields[0])[0]?.content : Uint8Array.of(0);
  const [, , , validity, , key] = fields[0]?.tag === 0xa0 ? fields.slice(1) : fields;
  const extensions = inside(inside(fields.find(({ tag }) => tag === 0xa3))[0]);
  return { version, validity, key, extensions };
}

function versionFault(version: Uint8Array | undefined, hasExtensions: boolean): string | undefined {
  const number = version?.length === 1 ? (version[0] ?? 255) : 255;
  if (number > 2) return `has a certificate of version ${number + 1}; 3 is the newest there is`;
  return hasExtensions && number < 2
    ? `has a certificate of version ${number + 1} with extensions, which are of version 3`
    : undefined;
}

/** RFC 5280, section 4.1.2.5: seconds and a Z, always, and a day that exists. */
function isTime({ tag, content }: DerValue): boolean {
  const text = Buffer.from(content).toString('latin1');
  const pattern =
    tag === 0x17 ? /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/ : /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;
  const [, year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = pattern.exec(text)?.map(Number) ?? [];
  const full = tag === 0x17 ? year + (year < 50 ? 2000 : 1900) : year;
  const date = new Date(Date.UTC(full, month - 1, day, hour, minute, second));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60;
}

function ellipticFault(key: DerValue | undefined, extensions: readonly DerValue[]): string | undefined {
  const [type, parameters] = inside(inside(key)[0]);
  if (hex(type) !== ellipticKey) return undefined;
  if (parameters?.tag !== 0x06) return 'has an ECDSA key whose curve is written out; name the curve instead';
  const usage = extensions.map(inside).find(([id]) => hex(id) === keyUsage);
  const bits = inside({ tag: 0, content: usage?.at(-1)?.content ?? new Uint8Array() })[0]?.content;
  const maySign = bits === undefined || ((bits[1] ?? 0) & 0x80) !== 0;
  return maySign ? undefined : 'has an ECDSA certificate whose key usage lacks digitalSignature';
}

function hex(value: DerValue | undefined): string {
  return Buffer.from(value?.content ?? []).toString('hex');
}
