/** Which protocol backends speak. */
import type { BackendProtocol } from '../model/backend.ts';
import { defineFeature, noValue } from './feature.ts';
import { invalid, valid } from './value.ts';
import type { Parse } from './value.ts';

interface Policy {
  readonly protocol: BackendProtocol;
}

const parse: Parse<BackendProtocol | ''> = (text) => {
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
      return invalid('is not supported', 'write HTTP or HTTPS, whichever the backend speaks');
    case 'FCGI':
      return invalid(
        'is not supported, because Envoy speaks no FastCGI',
        'put a web server in front of the FastCGI server, in its Pod',
      );
    default:
      return invalid('is no protocol', 'write HTTP, HTTPS, GRPC or GRPCS');
  }
};

export const backendProtocol = defineFeature({
  name: 'backend-protocol',
  settings: {
    protocol: {
      annotation: 'backend-protocol',
      configMap: 'backend-protocol',
      parse,
      default: '',
      documentation: {
        value: 'HTTP, HTTPS, GRPC or GRPCS, in any case',
        default: 'HTTP',
        nginx: 'The protocol towards the backends. HTTPS and GRPCS do not prove who the backend is',
        differsFor: noValue,
        difference: 'Without it, the `appProtocol` of the Service port decides. AUTO_HTTP and FCGI are not supported',
      },
    },
  },

  policy({ protocol }): Policy | undefined {
    return protocol === '' ? undefined : { protocol };
  },

  backend({ protocol }): Policy {
    return { protocol };
  },

  cluster({ protocol }, plan) {
    plan.protocol = protocol;
  },
});
