/**
 * Envoy 1.40 does not look again at a secret that it has refused: the same bytes are acknowledged the second time. So a secret that is
 * tried again while a culprit is looked for is sent in other bytes that mean the same.
 */
import { decode, encode } from '../proto/message.ts';
import { bodyOf, createResource } from './resource.ts';
import type { Resource } from './resource.ts';

const secretMessage = 'envoy.extensions.transport_sockets.tls.v3.Secret';

/** The same with more line ends after the certificates, which mean nothing in PEM text. */
export function secretVariant(resource: Resource, lines: number): Resource {
  const secret = decode(secretMessage, bodyOf(resource));
  const { tls_certificate: pair } = secret;
  const chain = pair?.certificate_chain?.inline_string;
  if (pair === undefined || chain === undefined) return resource;
  const body = encode(secretMessage, {
    ...secret,
    tls_certificate: { ...pair, certificate_chain: { inline_string: `${chain}${'\n'.repeat(lines)}` } },
  });
  return { ...createResource(resource.typeUrl, resource.name, body), originalVersion: resource.version };
}
