/** What every flag and variable means, and the one line that a wrong one gets. */
import { describe, expect, it } from '@jest/globals';
import { type Config, readConfig } from '../../src/config.ts';
import { type Environment, type Flags, UsageError } from '../../src/setting.ts';

const listen = { address: '0.0.0.0', httpPort: 8080, httpsPort: 8443, proxyProtocol: false, trustedHops: 0 };

/** What is believed of whom a connection comes from. */
const clientFlags: readonly [Flags, Partial<Config>][] = [
  [{ useProxyProtocol: true }, { listen: { ...listen, proxyProtocol: true } }],
  [{ accessLog: '/dev/stdout' }, { listen: { ...listen, accessLog: '/dev/stdout' } }],
  [{ useForwardedHeaders: true }, { listen: { ...listen, trustedHops: 1 } }],
  [{ useForwardedHeaders: true, xffNumTrustedHops: '3' }, { listen: { ...listen, trustedHops: 3 } }],
  [{ xffNumTrustedHops: '2' }, { listen: { ...listen, trustedHops: 2 } }],
];

const traits = { filesOnly: false, listenAddress: '0.0.0.0', logLevel: 'info', logFormat: 'json' } as const;

function read(flags: Flags, environment: Environment = {}): Config {
  return readConfig({ dir: ['manifests'], ...flags }, environment, traits);
}

const classes = { names: ['sluice'], controllers: ['sluice.dev/ingress-controller'], watchWithoutClass: false };

/** The message of the error that reading must end with. */
function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('configuration', () => {
  it('keeps last good forms where it is told to, by a flag or a variable', () => {
    expect(read({ lastGood: '/var/lib/sluice' }).lastGood).toBe('/var/lib/sluice');
    expect(read({}, { SLUICE_LAST_GOOD: '/elsewhere' }).lastGood).toBe('/elsewhere');
  });

  it('needs nothing but a folder', () => {
    expect(read({})).toEqual({
      source: { kind: 'directory', paths: ['manifests'] },
      classes: { names: ['sluice'], controllers: ['sluice.dev/ingress-controller'], watchWithoutClass: false },
      xds: { host: '127.0.0.1', port: 18_000 },
      admin: { host: '127.0.0.1', port: 18_001 },
      listen,
      defaults: { makesCertificate: true },
      allowExternalNames: false,
      hostOwnership: 'policies',
      allowLocalEndpoints: true,
      features: { prefix: 'nginx.ingress.kubernetes.io' },
      cutOff: { holdMs: 5_000, unreadyMs: 300_000 },
      settle: { quietMs: 1, maxMs: 100 },
      log: { level: 'info', format: 'json' },
    });
  });

  it('is frozen all the way down', () => {
    const config = read({});
    expect([config, config.classes, config.classes.names, config.listen].every(Object.isFrozen)).toBe(true);
  });

  it('takes endpoints on this machine from files, and from no cluster', () => {
    expect(read({}).allowLocalEndpoints).toBe(true);
    expect(read({ dir: [], kubeconfig: 'admin.conf' }).allowLocalEndpoints).toBe(false);
  });

  it.each<[Flags, Partial<Config>]>([
    [{ dir: ['a', 'b'] }, { source: { kind: 'directory', paths: ['a', 'b'] } }],
    [
      { dir: [], kubeconfig: 'admin.conf', context: 'kind', watchNamespace: ['shop', 'blog'] },
      { source: { kind: 'kubernetes', kubeconfig: 'admin.conf', context: 'kind', namespaces: ['shop', 'blog'] } },
    ],
    [
      { ingressClass: ['nginx', 'edge'], controllerName: ['k8s.io/ingress-nginx'], watchIngressWithoutClass: true },
      { classes: { names: ['nginx', 'edge'], controllers: ['k8s.io/ingress-nginx'], watchWithoutClass: true } },
    ],
    [{ xdsAddress: '0.0.0.0:9000', xdsInsecure: true }, { xds: { host: '0.0.0.0', port: 9000 } }],
    [{ xdsAddress: '[::1]:0' }, { xds: { host: '::1', port: 0 } }],
    [
      {
        xdsClientName: ['envoy.edge'],
        xdsMaxConnections: '100',
        xdsMaxConnectionsPerAddress: '10',
        xdsMaxRequestBytes: '8000000',
        xdsTlsCert: 'cert.pem',
        xdsTlsKey: 'key.pem',
        xdsTlsCa: 'ca.pem',
      },
      {
        xds: {
          host: '127.0.0.1',
          port: 18_000,
          clients: { names: ['envoy.edge'], connections: 100, connectionsPerAddress: 10, messageBytes: 8_000_000 },
          tls: { kind: 'files', certFile: 'cert.pem', keyFile: 'key.pem', caFile: 'ca.pem' },
        },
      },
    ],
    [
      { xdsAddress: '0.0.0.0:9000', xdsTlsCert: 'cert.pem', xdsTlsKey: 'key.pem', xdsTlsCa: 'ca.pem' },
      {
        xds: {
          host: '0.0.0.0',
          port: 9000,
          tls: { kind: 'files', certFile: 'cert.pem', keyFile: 'key.pem', caFile: 'ca.pem' },
        },
      },
    ],
    [
      {
        dir: [],
        kubeconfig: 'admin.conf',
        xdsAddress: '0.0.0.0:9000',
        xdsTlsAuthority: 'edge/authority',
        xdsTlsClient: 'edge/envoy',
        xdsTlsName: ['sluice.edge.svc', 'sluice'],
        xdsTlsValidity: '24h',
      },
      {
        xds: {
          host: '0.0.0.0',
          port: 9000,
          tls: {
            kind: 'self-made',
            authority: { namespace: 'edge', name: 'authority' },
            client: { namespace: 'edge', name: 'envoy' },
            names: ['sluice.edge.svc', 'sluice'],
            validityMs: 86_400_000,
          },
        },
      },
    ],
    [{ ingressClassByNameOnly: true }, { classes: { ...classes, byNameOnly: true } }],
    [{ adminAddress: 'localhost:1' }, { admin: { host: 'localhost', port: 1 } }],
    [
      { listenAddress: '::', httpPort: '80', httpsPort: '443' },
      { listen: { address: '::', httpPort: 80, httpsPort: 443, proxyProtocol: false, trustedHops: 0 } },
    ],
    [{ allowExternalNames: true }, { allowExternalNames: true }],
    [{ hostOwnership: 'namespace' }, { hostOwnership: 'namespace' }],
    [{ annotationsPrefix: 'own.test' }, { features: { prefix: 'own.test' } }],
    [
      { defaultBackendService: 'web/errors', defaultSslCertificate: 'web/example.org' },
      {
        defaults: {
          backendService: { namespace: 'web', name: 'errors' },
          certificate: { namespace: 'web', name: 'example.org' },
          makesCertificate: true,
        },
      },
    ],
    [{ selfMadeDefaultCertificate: 'false' }, { defaults: { makesCertificate: false } }],
    [{ settleQuiet: '1.5s', settleMax: '1m' }, { settle: { quietMs: 1500, maxMs: 60_000 } }],
    [
      { dir: undefined, kubeconfig: 'admin.conf', cutOffHold: '0s', cutOffUnready: '1m' },
      { cutOff: { holdMs: 0, unreadyMs: 60_000 } },
    ],
    [{ logLevel: 'debug', logFormat: 'pretty' }, { log: { level: 'debug', format: 'pretty' } }],
  ])('reads the flags %j', (flags, part) => {
    expect(read(flags)).toMatchObject(part);
  });

  it.each(clientFlags)('reads %j, which say whom to believe', (flags, part) => {
    expect(read(flags)).toMatchObject(part);
  });

  it('takes from the environment what no flag says', () => {
    const environment = {
      SLUICE_HTTP_PORT: '80',
      SLUICE_HTTPS_PORT: '443',
      SLUICE_INGRESS_CLASS: 'nginx, edge',
      SLUICE_WATCH_INGRESS_WITHOUT_CLASS: 'true',
      SLUICE_LOG_LEVEL: '',
    };
    expect(read({ httpPort: '81' }, environment)).toMatchObject({
      listen: { httpPort: 81, httpsPort: 443 },
      classes: { names: ['nginx', 'edge'], watchWithoutClass: true },
      log: { level: 'info' },
    });
  });

  it('uses the service account inside a cluster', () => {
    expect(read({ dir: [] }, { KUBERNETES_SERVICE_HOST: '10.0.0.1' }).source).toEqual({
      kind: 'kubernetes',
      namespaces: [],
    });
  });

  it('keeps to files where a command reads files only', () => {
    const environment = { KUBERNETES_SERVICE_HOST: '10.0.0.1', SLUICE_KUBECONFIG: 'admin.conf' };
    const filesOnly = { ...traits, filesOnly: true };
    expect(readConfig({ dir: ['a'] }, environment, filesOnly).source).toEqual({ kind: 'directory', paths: ['a'] });
    expect(refusal(() => readConfig({}, environment, filesOnly))).toBe(
      '--dir is missing: give the file or folder that holds the manifests',
    );
  });

  it.each<[Flags, string]>([
    [
      { dir: [] },
      'no place to read objects from: give --dir PATH or --kubeconfig FILE, or run inside a Kubernetes cluster',
    ],
    [
      { kubeconfig: 'admin.conf' },
      '--dir and --kubeconfig exclude each other: objects come from files or from a cluster',
    ],
    [{ context: 'kind' }, '--context "kind" needs a kubeconfig: leave it out with --dir'],
    [{ cutOffHold: '1s' }, '--cut-off-hold "1s" needs a cluster: leave it out with --dir'],
    [{ watchNamespace: ['shop'] }, '--watch-namespace "shop" needs a cluster: leave it out with --dir'],
    [{ dir: [''] }, '--dir "" is empty: give a value or leave it out'],
    [{ httpPort: 'abc' }, '--http-port "abc" is not a port: give a number from 1 to 65535'],
    [{ httpPort: '0' }, '--http-port "0" is not a port: give a number from 1 to 65535'],
    [{ httpsPort: '65536' }, '--https-port "65536" is not a port: give a number from 1 to 65535'],
    [{ httpsPort: '8080' }, '--http-port and --https-port are both 8080: give two different ports'],
    [
      { listenAddress: 'localhost' },
      '--listen-address "localhost" is not an IP address: write it like 0.0.0.0, 127.0.0.1 or ::',
    ],
    [
      { adminAddress: '18001' },
      '--admin-address "18001" is not HOST:PORT: write it like 127.0.0.1:18000 or [::1]:18000',
    ],
    [
      { adminAddress: '::1:18001' },
      '--admin-address "::1:18001" is not HOST:PORT: write it like 127.0.0.1:18000 or [::1]:18000',
    ],
    [
      { xdsAddress: '0.0.0.0:18000' },
      '--xds-address "0.0.0.0:18000" would send private keys over a network unencrypted: ' +
        'give --xds-tls-authority and the flags beside it, or --xds-tls-cert, --xds-tls-key and --xds-tls-ca, ' +
        'or say --xds-insecure if the network is safe',
    ],
    [
      { xdsClientName: ['envoy'] },
      '--xds-client-name needs certificates: give --xds-tls-cert or --xds-tls-authority as well',
    ],
    [
      { xdsMaxConnections: 'many' },
      '--xds-max-connections "many" is not a number: give a whole number from 1 to 999999999',
    ],
    [
      { xdsTlsCert: 'cert.pem', xdsTlsKey: 'key.pem' },
      '--xds-tls-ca missing: mutual TLS needs --xds-tls-cert, --xds-tls-key and --xds-tls-ca',
    ],
    [
      { xdsInsecure: true, xdsTlsCert: 'cert.pem', xdsTlsKey: 'key.pem', xdsTlsCa: 'ca.pem' },
      '--xds-insecure and --xds-tls-cert exclude each other: leave --xds-insecure out',
    ],
    [
      { xdsTlsAuthority: 'edge/authority' },
      '--xds-tls-client and --xds-tls-name missing: ' +
        'self-made certificates need --xds-tls-authority, --xds-tls-client and --xds-tls-name',
    ],
    [
      {
        xdsTlsCert: 'cert.pem',
        xdsTlsKey: 'key.pem',
        xdsTlsCa: 'ca.pem',
        xdsTlsAuthority: 'edge/authority',
        xdsTlsClient: 'edge/envoy',
        xdsTlsName: ['sluice'],
      },
      '--xds-tls-cert and --xds-tls-authority exclude each other: certificates come from one place',
    ],
    [
      { xdsTlsAuthority: 'edge/authority', xdsTlsClient: 'edge/envoy', xdsTlsName: ['sluice'] },
      '--xds-tls-authority needs a cluster: leave it out with --dir',
    ],
    [
      { xdsTlsAuthority: 'edge/a', xdsTlsClient: 'edge/b', xdsTlsName: ['sluice'], xdsTlsValidity: '100ms' },
      '--xds-tls-validity "100ms" is too short: give at least 2s, 720h is usual',
    ],
    [
      { defaultBackendService: 'errors' },
      '--default-backend-service "errors" does not name an object: write it like NAMESPACE/NAME',
    ],
    [
      { defaultSslCertificate: 'a/b/c' },
      '--default-ssl-certificate "a/b/c" does not name an object: write it like NAMESPACE/NAME',
    ],
    [{ settleQuiet: '10' }, '--settle-quiet "10" is not a duration: write it like 10ms, 1.5s or 1m'],
    [
      { settleQuiet: '1s' },
      '--settle-quiet is 1000ms and --settle-max is 100ms: the shortest wait must not be the longer one',
    ],
    [{ logLevel: 'loud' }, '--log-level "loud" is not known: choose one of trace, debug, info, warn, error'],
    [{ logFormat: 'xml' }, '--log-format "xml" is not known: choose one of json, pretty'],
  ])('refuses %j in one line that names flag, value and fix', (flags, message) => {
    expect(refusal(() => read(flags))).toBe(message);
  });

  it('names the variable when a wrong value came from the environment', () => {
    expect(refusal(() => read({}, { SLUICE_HTTP_PORT: 'abc' }))).toBe(
      'SLUICE_HTTP_PORT "abc" is not a port: give a number from 1 to 65535',
    );
    expect(refusal(() => read({}, { SLUICE_XDS_INSECURE: 'yes' }))).toBe(
      'SLUICE_XDS_INSECURE "yes" is neither true nor false: set it to true or leave it out',
    );
  });
});
