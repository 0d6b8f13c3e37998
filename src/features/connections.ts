/** How clients connect: whom they come through, and what HTTP and TLS they may speak. For all hosts at once. */
import { isDeepStrictEqual } from 'node:util';
import { cipherList, knownCiphers } from './ciphers.ts';
import type { TlsVersion } from './connection-plan.ts';
import { defineFeature } from './feature.ts';
import { boolean, byteSize, integer, invalid, valid } from './value.ts';
import type { Parse } from './value.ts';

interface TlsRange {
  readonly least: TlsVersion;
  readonly most: TlsVersion;
}

const versions: ReadonlyMap<string, TlsVersion> = new Map([
  ['tlsv1', 'TLSv1_0'],
  ['tlsv1.1', 'TLSv1_1'],
  ['tlsv1.2', 'TLSv1_2'],
  ['tlsv1.3', 'TLSv1_3'],
]);

/** SSLv2 and SSLv3 are passed over: nginx's own TLS library has not spoken them for long. */
const protocols: Parse<string> = (text) => {
  if (rangeOf(text) !== undefined) return valid(text);
  return invalid('is no list of TLS versions', 'write versions such as "TLSv1.2 TLSv1.3"');
};

function rangeOf(text: string): TlsRange | undefined {
  const words = text.toLowerCase().split(/\s+/);
  const unknown = words.find((word) => !versions.has(word) && word !== 'sslv2' && word !== 'sslv3');
  const listed = [...versions].filter(([word]) => words.includes(word)).map(([, version]) => version);
  const [least, most] = [listed[0], listed.at(-1)];
  return unknown === undefined && least !== undefined && most !== undefined ? { least, most } : undefined;
}

const headerBuffers: Parse<string> = (text) =>
  kibibytesOf(text) === undefined ? invalid('is no number with a size', 'write both, such as "4 8k"') : valid(text);

/** All buffers together. Envoy takes from 1 to 8192 KiB. */
function kibibytesOf(text: string): number | undefined {
  const [, count = '', size = ''] = /^([1-9]\d{0,5})\s+(\S+)$/.exec(text) ?? [];
  const parsed = byteSize(size);
  if (parsed.kind === 'invalid' || parsed.value === 0) return undefined;
  return Math.min(8192, Math.max(1, Math.ceil((Number(count) * parsed.value) / 1024)));
}

const defaults = {
  forwardedHeaders: false,
  proxyProtocol: false,
  http2: true,
  concurrentStreams: 128,
  keepAlive: 3600,
  keepAliveRequests: 0,
  headerTimeout: 10,
  tls: 'TLSv1.2 TLSv1.3',
  ciphers: '',
  headers: '',
  namesServer: false,
  keepsServer: false,
};

const flag = '`true` or `false`';

export const connections = defineFeature({
  name: 'connections',
  settings: {
    forwardedHeaders: {
      configMap: 'use-forwarded-headers',
      parse: boolean,
      default: defaults.forwardedHeaders,
      documentation: {
        value: flag,
        nginx: 'Believes what a proxy in front says in X-Forwarded headers',
        difference:
          'One proxy is believed, whose address is then that of the connection; `--xff-num-trusted-hops` sets another number. Same as the flag `--use-forwarded-headers`',
      },
    },
    proxyProtocol: {
      configMap: 'use-proxy-protocol',
      parse: boolean,
      default: defaults.proxyProtocol,
      documentation: {
        value: flag,
        nginx: 'Every connection begins with a PROXY protocol header, of which the address of the client is taken',
        difference: 'Same as the flag `--use-proxy-protocol`',
      },
    },
    http2: {
      configMap: 'use-http2',
      parse: boolean,
      default: defaults.http2,
      documentation: { value: flag, nginx: 'Offers HTTP/2 to TLS clients' },
    },
    concurrentStreams: {
      configMap: 'http2-max-concurrent-streams',
      parse: integer(1, 2_147_483_647),
      default: defaults.concurrentStreams,
      documentation: { value: 'whole number', nginx: 'Requests at once on one HTTP/2 connection' },
    },
    keepAlive: {
      configMap: 'keep-alive',
      parse: integer(0, 31_536_000),
      default: defaults.keepAlive,
      documentation: {
        value: 'seconds',
        nginx: 'How long a connection may be idle; 0 closes it after the first request',
        difference:
          'The default of ingress-nginx is 75: load balancers in front often keep idle connections for longer than that',
      },
    },
    keepAliveRequests: {
      configMap: 'keep-alive-requests',
      parse: integer(0, 4_294_967_295),
      default: defaults.keepAliveRequests,
      documentation: {
        value: 'whole number',
        default: 'any number',
        nginx: 'Requests of one connection, after which it is closed',
        difference: 'The default of ingress-nginx is 1000',
      },
    },
    headerTimeout: {
      configMap: 'client-header-timeout',
      parse: integer(0, 31_536_000),
      default: defaults.headerTimeout,
      documentation: {
        value: 'seconds',
        nginx: 'How long the headers of a request may take to arrive',
        difference: 'The default of ingress-nginx is 60',
      },
    },
    tls: {
      configMap: 'ssl-protocols',
      parse: protocols,
      default: defaults.tls,
      documentation: {
        value: 'versions with spaces between',
        nginx: 'The TLS versions that clients may speak',
        difference: 'What lies between two listed versions is spoken as well',
      },
    },
    ciphers: {
      configMap: 'ssl-ciphers',
      parse: cipherList,
      default: defaults.ciphers,
      documentation: {
        value: 'names of OpenSSL with colons between',
        default: "Envoy's own",
        nginx: 'Ciphers for TLS clients, up to TLS 1.2, in this order',
        difference:
          "Names that Envoy does not know, such as DHE ones and words like `HIGH`, are passed over; with none that it knows, Envoy's own are used, and that is reported",
      },
    },
    namesServer: {
      configMap: 'server-tokens',
      parse: boolean,
      default: defaults.namesServer,
      documentation: {
        value: flag,
        nginx: 'Whether answers have a Server header; if not, that of a backend is taken away as well',
        difference: 'Its value is `envoy`',
      },
    },
    keepsServer: {
      configMap: 'allow-backend-server-header',
      parse: boolean,
      default: defaults.keepsServer,
      documentation: { value: flag, nginx: 'With `server-tokens`: leaves the Server header of backends as it is' },
    },
    headers: {
      configMap: 'large-client-header-buffers',
      parse: headerBuffers,
      default: defaults.headers,
      documentation: {
        value: 'a number and a size, such as `4 8k`',
        default: '60 KiB together',
        nginx:
          'How large the head of a request may be: as many lines of this size; what is larger is answered 414 or 400',
        difference:
          'The product of both is the limit for all headers together, at most `8m`; what is larger is answered 431',
      },
    },
  },

  policy(values, report) {
    if (values.ciphers !== '' && knownCiphers(values.ciphers).length === 0) {
      report('ciphers', 'Envoy knows none of these ciphers', 'name some such as "ECDHE-RSA-AES128-GCM-SHA256"');
    }
    return isDeepStrictEqual(values, defaults) ? undefined : values;
  },

  connections(policy, plan) {
    plan.trustedHops = Math.max(plan.trustedHops, policy.forwardedHeaders ? 1 : 0);
    plan.proxyProtocol ||= policy.proxyProtocol;
    plan.http2 = policy.http2;
    plan.concurrentStreams = policy.concurrentStreams;
    plan.idleSeconds = policy.keepAlive;
    plan.requests = policy.keepAlive === 0 ? 1 : policy.keepAliveRequests === 0 ? undefined : policy.keepAliveRequests;
    plan.headerSeconds = policy.headerTimeout;
    plan.server = policy.namesServer ? (policy.keepsServer ? 'backend' : 'envoy') : 'nobody';
    plan.ciphers = knownCiphers(policy.ciphers);
    plan.headKibibytes = kibibytesOf(policy.headers);
    plan.tls = policy.tls === defaults.tls ? undefined : rangeOf(policy.tls);
  },
});
