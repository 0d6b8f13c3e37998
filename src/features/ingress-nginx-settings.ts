/**
 * The keys of ingress-nginx's ConfigMap, with what is said of each as long as no feature owns it. What a key does where a
 * feature has it is in that feature; here is only what users lose, or do not lose, by writing the others.
 */

export interface UnownedSetting {
  /** `harmless`: nothing that a client or a backend sees depends on it. `protection`: without it paths would be open. */
  readonly kind: 'harmless' | 'unsupported' | 'protection';
  /** Why, or what is lost. One sentence without a full stop. */
  readonly why: string;
  /** What to do instead. */
  readonly fix: string;
  /** Values that ask for what Sluice does anyway. */
  readonly isMet?: RegExp;
}

const remove = 'remove it';
const off = /^(false|f|0|off|)$/i;
const on = /^(true|t|1|on)$/i;

function harmless(why: string, keys: readonly string[]): readonly (readonly [string, UnownedSetting])[] {
  return keys.map((key) => [key, { kind: 'harmless', why, fix: remove }]);
}

function unsupported(
  why: string,
  fix: string,
  keys: Readonly<Record<string, RegExp | undefined>>,
  kind: 'unsupported' | 'protection' = 'unsupported',
): readonly (readonly [string, UnownedSetting])[] {
  return Object.entries(keys).map(([key, isMet]) => [key, { kind, why, fix, ...(isMet && { isMet }) }]);
}

function names(...list: readonly string[]): Readonly<Record<string, undefined>> {
  return Object.fromEntries(list.map((name) => [name, undefined]));
}

export const ingressNginxSettings: ReadonlyMap<string, UnownedSetting> = new Map<string, UnownedSetting>([
  ...harmless('it sizes processes and tables of nginx, which Envoy does not have', [
    'enable-aio-write',
    'enable-multi-accept',
    'enable-serial-reloads',
    'lua-shared-dicts',
    'map-hash-bucket-size',
    'max-worker-connections',
    'max-worker-open-files',
    'proxy-headers-hash-bucket-size',
    'proxy-headers-hash-max-size',
    'reuse-port',
    'server-name-hash-bucket-size',
    'server-name-hash-max-size',
    'variables-hash-bucket-size',
    'variables-hash-max-size',
    'worker-cpu-affinity',
    'worker-processes',
    'worker-serial-reloads',
    'worker-shutdown-timeout',
  ]),
  ...harmless('Envoy keeps connections to backends by itself, and reuses them', [
    'upstream-keepalive-connections',
    'upstream-keepalive-requests',
    'upstream-keepalive-time',
    'upstream-keepalive-timeout',
  ]),
  ...harmless("it is about nginx's own logs and status pages; Envoy has others", [
    'debug-connections',
    'error-log-level',
    'error-log-path',
    'nginx-status-ipv4-whitelist',
    'nginx-status-ipv6-whitelist',
  ]),
  ...harmless("Envoy's TLS library has no such thing, or does it by itself", [
    'ssl-buffer-size',
    'ssl-dh-param',
    'ssl-session-cache',
    'ssl-session-cache-size',
    'ssl-session-ticket-key',
    'ssl-session-tickets',
    'ssl-session-timeout',
  ]),
  ...harmless('newer versions of nginx ignore it as well', [
    'http2-max-field-size',
    'http2-max-header-size',
    'http2-max-requests',
  ]),
  ...harmless('values are checked where they end up, so that none can become configuration', [
    'annotation-value-word-blocklist',
    'annotations-risk-level',
    'strict-validate-path-type',
  ]),
  ...harmless('Envoy passes data on as it comes, and limits what it holds of it', [
    'proxy-buffering',
    'proxy-buffers-number',
    'proxy-busy-buffers-size',
    'proxy-max-temp-file-size',
  ]),
  ...harmless('it only says which clients may name another address, which nobody may unless a flag says so', [
    'enable-real-ip',
    'forwarded-for-proxy-protocol-header',
    'proxy-protocol-header-timeout',
  ]),
  ...unsupported('a flag says whether Envoys write a log of requests, and of which fields', 'use --access-log', {
    'access-log-params': undefined,
    'access-log-path': undefined,
    'disable-access-log': on,
    'disable-http-access-log': on,
    'disable-stream-access-log': on,
    'enable-access-log-for-default-backend': off,
    'enable-syslog': off,
    'http-access-log-path': undefined,
    'log-format-escape-json': off,
    'log-format-escape-none': off,
    'log-format-stream': undefined,
    'log-format-upstream': undefined,
    'skip-access-log-urls': undefined,
    'stream-access-log-path': undefined,
    'syslog-host': undefined,
    'syslog-port': undefined,
  }),
  ...unsupported('what nginx.conf says has no meaning to Envoy', 'look for an annotation or key that does the same', {
    ...names('http-snippet', 'location-snippet', 'main-snippet', 'server-snippet', 'stream-snippet', 'plugins'),
    'allow-snippet-annotations': off,
  }),
  ...unsupported('Envoys send no traces', 'trace at the backends', {
    'enable-opentelemetry': off,
    'enable-opentracing': off,
    ...names(
      'opentelemetry-config',
      'opentelemetry-operation-name',
      'opentelemetry-trust-incoming-span',
      'otel-max-export-batch-size',
      'otel-max-queuesize',
      'otel-sampler',
      'otel-sampler-parent-based',
      'otel-sampler-ratio',
      'otel-schedule-delay-millis',
      'otel-service-name',
      'otlp-collector-host',
      'otlp-collector-port',
    ),
  }),
  ...unsupported('who gets compressed answers is decided by Accept-Encoding alone', 'remove it', {
    'use-gzip': off,
    'enable-brotli': off,
    ...names('brotli-level', 'brotli-min-length', 'brotli-types'),
    ...names('gzip-disable', 'gzip-level', 'gzip-min-length', 'gzip-types'),
  }),
  ...unsupported('where clients are is not looked up', 'look it up at the backends', {
    'use-geoip': off,
    'use-geoip2': off,
    'geoip2-autoreload-in-minutes': undefined,
  }),
  ...unsupported('this part of TLS is as Envoy has it', remove, {
    'ssl-ciphers': undefined,
    'ssl-early-data': off,
    'ssl-ecdh-curve': /^auto$/,
    'ssl-protocols': /^\s*(TLSv1\.2\s+TLSv1\.3|TLSv1\.3\s+TLSv1\.2)\s*$/,
    'ssl-reject-handshake': off,
    'enable-ocsp': off,
  }),
  ...unsupported('its flag decides', 'set the flag of the same name', {
    'use-forwarded-headers': undefined,
    'use-proxy-protocol': undefined,
  }),
  ...unsupported('X-Forwarded headers have the names and the content that the documentation of Sluice gives', remove, {
    'compute-full-forwarded-for': off,
    'forwarded-for-header': /^x-forwarded-for$/i,
    'forwarded-host-header': /^x-forwarded-host$/i,
    'proxy-real-ip-cidr': /^0\.0\.0\.0\/0$/,
    'proxy-add-original-uri-header': off,
    'generate-request-id': on,
  }),
  ...harmless('Envoy takes as much memory for what clients send as that needs, up to its limits', [
    'client-body-buffer-size',
    'client-header-buffer-size',
  ]),
  ...unsupported(
    'Envoy has one timer for the silence of client and backend, the longer of proxy-read-timeout and proxy-send-timeout',
    'set those',
    { 'client-body-timeout': /^60$/ },
  ),
  ...unsupported('limits of connections and headers are fixed', 'remove it if nothing depends on it', {
    'client-header-timeout': undefined,
    'enable-underscores-in-headers': off,
    'http2-max-concurrent-streams': /^128$/,
    'ignore-invalid-headers': on,
    'keep-alive': undefined,
    'keep-alive-requests': undefined,
    'large-client-header-buffers': undefined,
    'use-http2': on,
  }),
  ...unsupported('it is not supported, and does nothing', 'remove it if nothing depends on it', {
    'add-headers': undefined,
    'allow-backend-server-header': on,
    'allow-cross-namespace-resources': off,
    'backend-protocol': /^http$/i,
    'bind-address': undefined,
    'custom-http-errors': undefined,
    'default-type': undefined,
    'disable-ipv6': off,
    'disable-ipv6-dns': off,
    'disable-proxy-intercept-errors': off,
    'force-ssl-redirect': off,
    'global-allowed-response-headers': undefined,
    'hide-headers': undefined,
    'http-redirect-code': /^308$/,
    'limit-conn-status-code': undefined,
    'limit-conn-zone-variable': undefined,
    'limit-rate': /^0$/,
    'limit-rate-after': /^0$/,
    'limit-req-status-code': undefined,
    'load-balance': /^round_robin$/,
    'no-auth-locations': undefined,
    'no-tls-redirect-locations': undefined,
    'proxy-body-size': undefined,
    'proxy-buffer-size': undefined,
    'proxy-cookie-domain': /^off$/,
    'proxy-cookie-path': /^off$/,
    'proxy-http-version': /^1\.1$/,
    'proxy-next-upstream': undefined,
    'proxy-next-upstream-timeout': undefined,
    'proxy-next-upstream-tries': undefined,
    'proxy-redirect-from': /^off$/,
    'proxy-redirect-to': /^off$/,
    'proxy-request-buffering': undefined,
    'proxy-set-headers': undefined,
    'proxy-ssl-location-only': off,
    'relative-redirects': off,
    'retry-non-idempotent': off,
    'server-tokens': off,
    'service-upstream': off,
    'ssl-redirect': undefined,
    'upstream-hash-by': undefined,
    'upstream-hash-by-subset': off,
    'upstream-hash-by-subset-size': undefined,
    'use-port-in-redirects': off,
    ...names('hsts', 'hsts-include-subdomains', 'hsts-max-age', 'hsts-preload'),
    ...names('proxy-connect-timeout', 'proxy-read-timeout', 'proxy-send-timeout'),
    ...names('proxy-stream-next-upstream', 'proxy-stream-next-upstream-timeout', 'proxy-stream-next-upstream-tries'),
    ...names('proxy-stream-responses', 'proxy-stream-timeout'),
  }),
  ...unsupported(
    'this protection is not supported; so that nothing is open that should not be, all paths answer 503',
    'protect the backends themselves, and then remove it',
    {
      'block-cidrs': undefined,
      'block-referers': undefined,
      'block-user-agents': undefined,
      'denylist-source-range': undefined,
      'global-auth-url': undefined,
      'whitelist-source-range': undefined,
    },
    'protection',
  ),
  ...unsupported('it is a part of global-auth-url', 'set it together with that', {
    ...names('global-auth-always-set-cookie', 'global-auth-cache-duration', 'global-auth-cache-key'),
    ...names('global-auth-method', 'global-auth-request-redirect', 'global-auth-response-headers'),
    ...names('global-auth-signin', 'global-auth-signin-redirect-param', 'global-auth-snippet'),
  }),
  ...unsupported('there is no ModSecurity in Envoy', 'put a web application firewall in front or behind', {
    'enable-modsecurity': off,
    'enable-owasp-modsecurity-crs': off,
    'modsecurity-snippet': undefined,
  }),
]);
