/**
 * A self-signed certificate for trying TLS, made anew at each start so that no private key is in the repository. X.509 (RFC 5280) is
 * a small tree of DER values when there is one name, so this writes that tree instead of using a package.
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

/**
 * Valid for 30 days.
 *
 * @param {string} host a DNS name
 * @returns {{ certificate: string, privateKey: string }} PEM
 */
export function makeThrowawayCertificate(host) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
  const name = sequence(element(0x31, sequence(oid(0x55, 0x04, 0x03), element(0x0c, Buffer.from(host)))));
  const day = 24 * 60 * 60 * 1000;
  const subjectAltName = sequence(element(0x82, Buffer.from(host)));
  const body = sequence(
    element(0xa0, element(0x02, Buffer.of(2))),
    element(0x02, Buffer.concat([Buffer.of(0x40), randomBytes(15)])),
    ecdsaWithSha256,
    name,
    sequence(time(new Date(Date.now() - day)), time(new Date(Date.now() + 30 * day))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    element(0xa3, sequence(sequence(oid(0x55, 0x1d, 0x11), element(0x04, subjectAltName)))),
  );
  const signature = element(0x03, Buffer.concat([Buffer.of(0), sign('sha256', body, privateKey)]));
  const der = sequence(body, ecdsaWithSha256, signature);
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    certificate: ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n'),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/**
 * @param {number} tag
 * @param {Buffer} content
 */
function element(tag, content) {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

/** @param {...Buffer} parts */
function sequence(...parts) {
  return element(0x30, Buffer.concat(parts));
}

/** @param {...number} encoded the object identifier as DER has it */
function oid(...encoded) {
  return element(0x06, Buffer.from(encoded));
}

/** @param {Date} date UTCTime, which reaches to 2049 */
function time(date) {
  return element(0x17, Buffer.from(`${date.toISOString().slice(2, 19).replaceAll(/[-:T]/g, '')}Z`));
}
