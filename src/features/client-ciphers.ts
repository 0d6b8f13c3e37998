/** By which ciphers TLS is spoken with the clients of one host. */
import { cipherList, knownCiphers } from './ciphers.ts';
import { defineFeature } from './feature.ts';
import { boolean } from './value.ts';

const flag = '`true` or `false`';

export const clientCiphers = defineFeature({
  name: 'client-ciphers',
  isOfHost: true,
  settings: {
    ciphers: {
      annotation: 'ssl-ciphers',
      parse: cipherList,
      default: '',
      documentation: {
        value: 'names of OpenSSL with colons between',
        default: 'those of all hosts',
        nginx:
          'Ciphers for TLS clients of the whole host, up to TLS 1.2, in this order. One Ingress sets it for its host',
        difference:
          'Names that Envoy does not know, such as DHE ones and words like `HIGH`, are passed over; with none that it knows, those of all hosts are used, and that is reported',
      },
    },
    prefersServer: {
      annotation: 'ssl-prefer-server-ciphers',
      parse: boolean,
      default: true,
      documentation: {
        value: flag,
        nginx: 'Whether the order of the server decides, and not that of the client',
      },
    },
  },

  policy({ ciphers, prefersServer }, report) {
    const found = knownCiphers(ciphers);
    if (ciphers !== '' && found.length === 0) {
      report('ciphers', 'Envoy knows none of these ciphers', 'name some such as "ECDHE-RSA-AES128-GCM-SHA256"');
    }
    return found.length === 0 && prefersServer ? undefined : { ciphers: found, prefersClient: !prefersServer };
  },

  tls({ ciphers, prefersClient }) {
    return { ciphers, prefersClient };
  },
});
