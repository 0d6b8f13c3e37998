/** A checked certificate as an Envoy Secret, which a filter chain names and fetches over SDS. */
import type { Certificate } from '../model/certificate.ts';
import type { MessageTypes } from '../proto/message.ts';

type Secret = MessageTypes['envoy.extensions.transport_sockets.tls.v3.Secret'];

export function translateSecret(name: string, { chain, privateKey }: Certificate): Secret {
  return {
    name,
    tls_certificate: { certificate_chain: { inline_string: chain }, private_key: { inline_string: privateKey } },
  };
}
