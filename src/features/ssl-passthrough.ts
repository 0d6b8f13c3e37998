/** TLS connections to one host that go to its backend as they are. */
import type { Backend } from '../model/backend.ts';
import { defineFeature } from './feature.ts';
import { boolean } from './value.ts';

const flag = '`true` or `false`';

export const sslPassthrough = defineFeature({
  name: 'ssl-passthrough',
  isOfHost: true,
  settings: {
    isAsked: {
      annotation: 'ssl-passthrough',
      parse: boolean,
      default: false,
      documentation: {
        value: flag,
        nginx:
          'Passes TLS connections to the host on to the backend of its path `/`, which shows the certificate; nothing else that is said of the host goes for them. Plain HTTP is served as ever. Needs the flag `--enable-ssl-passthrough`',
        difference: 'To the endpoints of the Service, not to its cluster address',
      },
    },
    isEnabled: {
      configMap: 'enable-ssl-passthrough',
      parse: boolean,
      default: false,
      documentation: {
        value: flag,
        nginx: 'Whether `ssl-passthrough` has an effect; a flag there, `--enable-ssl-passthrough`, as here',
      },
    },
  },

  policy({ isAsked, isEnabled }, report) {
    if (!isAsked) return undefined;
    if (isEnabled) return { isPassed: true };
    const fix = 'start Sluice with --enable-ssl-passthrough, or take the annotation away';
    report('isAsked', 'TLS is passed through only with --enable-ssl-passthrough; it ends here', fix);
    return undefined;
  },

  upstreams(_policy, _host, backend) {
    return backend === undefined ? [] : [bare(backend)];
  },

  isPassedThrough() {
    return true;
  },
});

/** The backend as no annotation changes it: what it speaks is between it and the client. */
export function bare({ namespace, service, port }: Backend): Backend {
  return { namespace, service, port };
}
