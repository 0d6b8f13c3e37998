/** Which protocol backends speak. */
import type { BackendProtocol } from '../model/backend.ts';
import { defineFeature, noValue } from './feature.ts';
import { invalid, valid } from './value.ts';
import type { Parse } from './value.ts';

interface Policy {
  /** `client` is the scheme that the client came by. */
  readonly protocol: BackendProtocol | 'client';
}

const parse: Parse<Policy['protocol'] | ''> = (text) => {
  switch (text.toUpperCase()) {
    case 'HTTP':
      return valid('http1');
    case 'HTTPS':
      return valid('http1-tls');
    case 'GRPC':
      return valid('http2');
    case 'GRPCS':
      return valid('http2-tls');
    case 'AUTO_HTTP':
      return valid('client');
    case 'FCGI':
      return invalid(
        'is not supported, because Envoy speaks no FastCGI',
        'put a web server in front of the FastCGI server, in its Pod',
      );
    default:
      return invalid('is no protocol', 'write HTTP, HTTPS, AUTO_HTTP, GRPC or GRPCS');
  }
};

export const backendProtocol = defineFeature({
  name: 'backend-protocol',
  isHarmless: true,
  settings: {
    protocol: {
      annotation: 'backend-protocol',
      configMap: 'backend-protocol',
      parse,
      default: '',
      documentation: {
        value: 'HTTP, HTTPS, AUTO_HTTP, GRPC or GRPCS, in any case',
        default: 'HTTP',
        nginx:
          'The protocol towards the backends; AUTO_HTTP is HTTPS for clients that came over TLS, and HTTP for others. HTTPS and GRPCS do not prove who the backend is',
        differsFor: noValue,
        difference: 'Without it, the `appProtocol` of the Service port decides. FCGI is not supported',
      },
    },
  },

  policy({ protocol }): Policy | undefined {
    return protocol === '' ? undefined : { protocol };
  },

  backend({ protocol }): Policy {
    return { protocol };
  },

  backendOverTls({ protocol }): Policy | undefined {
    return protocol === 'client' ? { protocol: 'http1-tls' } : undefined;
  },

  cluster({ protocol }, plan) {
    plan.protocol = protocol === 'client' ? 'http1' : protocol;
  },
});
