/** How long connections to endpoints are used. */
import { defineFeature } from './feature.ts';
import { integer, oneOf } from './value.ts';

interface Policy {
  /** Undefined for any number. */
  readonly requests: number | undefined;
  /** In seconds. */
  readonly idle: number | undefined;
}

const connections = oneOf(['keep-alive', 'close']);
const versions = oneOf(['1.1', '1.0']);
const version = 'Envoy speaks HTTP/1.1 to a backend that does not ask for HTTP/2';

export const upstreamConnections = defineFeature({
  name: 'upstream-connections',
  isHarmless: true,
  settings: {
    connection: {
      annotation: 'connection-proxy-header',
      parse: connections,
      default: 'keep-alive',
      documentation: {
        value: '`close` or `keep-alive`',
        nginx: 'The Connection header that the backend gets',
        difference:
          'With `close` each request has a connection of its own; the header itself is between Envoy and the endpoint. WebSockets work with both',
      },
    },
    version: {
      annotation: 'proxy-http-version',
      configMap: 'proxy-http-version',
      parse: versions,
      default: '1.1',
      documentation: { value: '`1.0` or `1.1`', nginx: 'Version of HTTP towards the backend', difference: version },
    },
    requests: {
      configMap: 'upstream-keepalive-requests',
      parse: integer(0, 4_294_967_295),
      default: 0,
      documentation: {
        value: 'whole number',
        default: 'any number',
        nginx: 'Requests of one connection to an endpoint, after which it is closed',
        differsFor: /^1\.0$/,
        difference: 'The default of ingress-nginx is 10000',
      },
    },
    idle: {
      configMap: 'upstream-keepalive-timeout',
      parse: integer(1, 31_536_000),
      default: 3600,
      documentation: {
        value: 'seconds',
        nginx: 'How long an idle connection to an endpoint is kept',
        difference: 'The default of ingress-nginx is 60',
      },
    },
  },

  policy({ connection, requests, idle }): Policy | undefined {
    const most = connection === 'close' ? 1 : requests === 0 ? undefined : requests;
    const kept = idle === 3600 ? undefined : idle;
    return most === undefined && kept === undefined ? undefined : { requests: most, idle: kept };
  },

  backend({ requests, idle }) {
    return { requests, idle };
  },

  cluster({ requests, idle }, plan) {
    plan.requestsPerConnection = requests;
    plan.idleSeconds = idle;
  },
});
