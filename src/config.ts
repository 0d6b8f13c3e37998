import { hostOwnerships, type HostOwnership } from './model/host.ts';
import {
  isLoopback,
  parseCount,
  parseDuration,
  parseHostPort,
  parseIpAddress,
  parseNamespacedName,
  parseNumber,
  parseOneOf,
  parsePort,
  parseSwitch,
  parseText,
  refuse,
  Settings,
  UsageError,
  type Environment,
  type Flags,
  type HostPort,
  type NamespacedName,
  type Setting,
} from './setting.ts';
import { givenStatusFlag, readStatus, type StatusConfig } from './status-config.ts';

/** Flags and environment become one frozen Config here; nothing else reads process.env. */

export interface Config {
  readonly source: SourceConfig;
  readonly classes: {
    /** Names of IngressClasses (and values of the old annotation) whose Ingresses are served. */
    readonly names: readonly string[];
    /** Values of IngressClass `spec.controller` that are ours. */
    readonly controllers: readonly string[];
    readonly watchWithoutClass: boolean;
    /** True when Sluice may be without the right to read IngressClasses: a name of ours is then ours without one. */
    readonly areOptional?: boolean;
    /** An IngressClass with one of `names` is ours, whatever its controller. */
    readonly byName?: boolean;
    /** IngressClasses are not read: a class is ours when it has one of `names`. */
    readonly byNameOnly?: boolean;
  };
  /** Where the gRPC server listens; port 0 means any free one. Without `tls` it serves plaintext. */
  readonly xds: HostPort & { readonly tls?: XdsTls; readonly clients?: XdsClients };
  /** What is done while the API server is silent, in milliseconds. */
  readonly cutOff: {
    /** How long an Envoy that comes with configuration waits for a sign of life before it is sent on. */
    readonly holdMs: number;
    /** How long this replica says that it is not ready. */
    readonly unreadyMs: number;
  };
  readonly admin: HostPort;
  /** What Envoy's listeners bind. */
  readonly listen: {
    readonly address: string;
    readonly httpPort: number;
    readonly httpsPort: number;
    /** Whether every connection begins with a PROXY protocol header. */
    readonly proxyProtocol: boolean;
    /** How many proxies in front are believed in what their X-Forwarded headers say; 0 for none. */
    readonly trustedHops: number;
    /** The file to which each Envoy writes a line for each request. */
    readonly accessLog?: string;
  };
  readonly defaults: {
    /** Serves what no Ingress does, on the first port of the Service. */
    readonly backendService?: NamespacedName;
    /** The Secret whose certificate is shown for hosts without their own. */
    readonly certificate?: NamespacedName;
    /** Without one that can be used: show one that Sluice makes itself, or refuse the connection. */
    readonly makesCertificate: boolean;
  };
  readonly allowExternalNames: boolean;
  /** What Ingresses of other namespaces than that of the oldest one may say of a host. */
  readonly hostOwnership: HostOwnership;
  /** In files, where the operator writes them, endpoints may be on this machine; in a cluster they may not. */
  readonly allowLocalEndpoints: boolean;
  /** The ConfigMap with the settings for all Ingresses. */
  readonly configMap?: NamespacedName;
  readonly features: {
    /** What the names of annotations for policies begin with, before the slash. */
    readonly prefix: string;
    /** What flags say, under the keys of the ConfigMap. */
    readonly configMap?: Readonly<Record<string, string>>;
  };
  /** Folder for what is to outlive a restart: the last good forms of objects, with private keys among them. */
  readonly lastGood?: string;
  /** In milliseconds. */
  readonly settle: { readonly quietMs: number; readonly maxMs: number };
  readonly log: LogConfig;
  /** What is written into the cluster; absent when objects come from files. */
  readonly status?: StatusConfig;
}

export type SourceConfig =
  | { readonly kind: 'directory'; readonly paths: readonly string[] }
  | {
      readonly kind: 'kubernetes';
      /** Path of a kubeconfig file; absent means the service account of the Pod. */
      readonly kubeconfig?: string;
      /** Absent means the file's current context. */
      readonly context?: string;
      /** Empty means all. */
      readonly namespaces: readonly string[];
    };

/** Whom the xDS server takes in; what is absent is as the server has it by default. */
export interface XdsClients {
  /** DNS names or URIs of which a client certificate must have one. */
  readonly names?: readonly string[];
  readonly connections?: number;
  readonly connectionsPerAddress?: number;
  readonly messageBytes?: number;
}

/** Mutual TLS by files that somebody else renews, or by Secrets that the control plane keeps itself. */
export type XdsTls = ({ readonly kind: 'files' } & TlsFiles) | ({ readonly kind: 'self-made' } & SelfMadeTls);

export interface SelfMadeTls {
  /** The Secret with the authority's keys. */
  readonly authority: NamespacedName;
  /** The Secret with the certificate that Envoys show. */
  readonly client: NamespacedName;
  /** DNS names by which Envoys call the control plane. */
  readonly names: readonly string[];
  /** Life of a certificate, in milliseconds. */
  readonly validityMs: number;
}

/** Paths of PEM files. Both sides show certificates: the CA is the one that Envoys' client certificates must come from. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

export interface LogConfig {
  readonly level: LogLevel;
  readonly format: 'json' | 'pretty';
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error'] as const;

type LogLevel = (typeof logLevels)[number];

/** What differs between the commands. */
export interface CommandTraits {
  /** True for commands that read files only: they do not look for a cluster. */
  readonly filesOnly: boolean;
  readonly listenAddress: string;
  readonly logLevel: LogLevel;
  readonly logFormat: LogConfig['format'];
}

/** The environment of this process, for what is not a setting of Sluice: `PATH`, `ENVOY`. */
export function processEnvironment(): Environment {
  return process.env;
}

/** @throws UsageError naming the first setting that cannot be used. */
export function readConfig(flags: Flags, environment: Environment, traits: CommandTraits): Config {
  const settings = new Settings(flags, environment);
  const source = traits.filesOnly ? readFiles(settings) : readSource(settings, environment);
  const configMap = settings.one('configmap', parseNamespacedName);
  const lastGood = settings.one('last-good', parseText);
  return freeze({
    source,
    classes: {
      names: orDefault(settings.many('ingress-class', parseText), 'sluice'),
      controllers: orDefault(settings.many('controller-name', parseText), 'sluice.dev/ingress-controller'),
      watchWithoutClass: settings.isOn('watch-ingress-without-class'),
      ...(source.kind === 'kubernetes' && source.namespaces.length > 0 && { areOptional: true }),
      ...(settings.isOn('ingress-class-by-name') && { byName: true }),
      ...(settings.isOn('ingress-class-by-name-only') && { byNameOnly: true }),
    },
    xds: readXds(settings, source.kind === 'directory'),
    cutOff: {
      holdMs: settings.one('cut-off-hold', parseDuration) ?? 5_000,
      unreadyMs: settings.one('cut-off-unready', parseDuration) ?? 300_000,
    },
    admin: settings.one('admin-address', parseHostPort) ?? { host: '127.0.0.1', port: 18_001 },
    listen: readListen(settings, traits),
    defaults: readDefaults(settings),
    allowExternalNames: settings.isOn('allow-external-names'),
    hostOwnership: settings.one('host-ownership', parseOneOf(hostOwnerships)) ?? 'policies',
    allowLocalEndpoints: source.kind === 'directory',
    features: {
      prefix: settings.one('annotations-prefix', parsePrefix) ?? 'nginx.ingress.kubernetes.io',
      ...(settings.isOn('enable-ssl-passthrough') && { configMap: { 'enable-ssl-passthrough': 'true' } }),
    },
    ...(configMap && { configMap }),
    ...(lastGood && { lastGood }),
    settle: readSettle(settings),
    log: {
      level: settings.one('log-level', parseOneOf(logLevels)) ?? traits.logLevel,
      format: settings.one('log-format', parseOneOf(['json', 'pretty'] as const)) ?? traits.logFormat,
    },
    ...(source.kind === 'kubernetes' && { status: readStatus(settings, environment) }),
  });
}

/** A DNS name, as in the names of annotations (`metadata.annotations` of Kubernetes). */
function parsePrefix(setting: Setting): string {
  if (/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(setting.value)) return setting.value;
  return refuse(setting, 'is no prefix of annotations', 'give a DNS name such as nginx.ingress.kubernetes.io');
}

function orDefault(values: readonly string[], byDefault: string): readonly string[] {
  return values.length === 0 ? [byDefault] : values;
}

function readFiles(settings: Settings): SourceConfig {
  const paths = settings.many('dir', parseText);
  if (paths.length === 0) throw new UsageError('--dir is missing: give the file or folder that holds the manifests');
  return { kind: 'directory', paths };
}

function readSource(settings: Settings, environment: Environment): SourceConfig {
  const paths = settings.many('dir', parseText);
  const kubeconfig = settings.one('kubeconfig', parseText);
  const context = settings.find('context');
  const namespace = settings.many('watch-namespace', (setting) => setting)[0];
  if (paths.length > 0) {
    if (kubeconfig !== undefined) {
      throw new UsageError('--dir and --kubeconfig exclude each other: objects come from files or from a cluster');
    }
    if (context !== undefined) refuse(context, 'needs a kubeconfig', 'leave it out with --dir');
    const clusterOnly =
      namespace ?? settings.find('cut-off-hold') ?? settings.find('cut-off-unready') ?? givenStatusFlag(settings);
    if (clusterOnly !== undefined) refuse(clusterOnly, 'needs a cluster', 'leave it out with --dir');
    return { kind: 'directory', paths };
  }
  const namespaces = settings.many('watch-namespace', parseText);
  if (kubeconfig !== undefined) {
    return { kind: 'kubernetes', kubeconfig, ...(context && { context: parseText(context) }), namespaces };
  }
  if (context !== undefined) refuse(context, 'needs a kubeconfig', 'add --kubeconfig FILE');
  if ((environment['KUBERNETES_SERVICE_HOST'] ?? '') === '') {
    throw new UsageError(
      'no place to read objects from: give --dir PATH or --kubeconfig FILE, or run inside a Kubernetes cluster',
    );
  }
  return { kind: 'kubernetes', namespaces };
}

function readXds(settings: Settings, fromFiles: boolean): Config['xds'] {
  const setting = settings.find('xds-address') ?? { name: '--xds-address', value: '127.0.0.1:18000' };
  const clients = readXdsClients(settings);
  const address = { ...parseHostPort(setting), ...(clients && { clients }) };
  const insecure = settings.isOn('xds-insecure');
  const files = readTlsFiles(settings);
  const selfMade = readSelfMadeTls(settings);
  if (files !== undefined && selfMade !== undefined) {
    throw new UsageError('--xds-tls-cert and --xds-tls-authority exclude each other: certificates come from one place');
  }
  if (selfMade !== undefined && fromFiles) {
    throw new UsageError('--xds-tls-authority needs a cluster: leave it out with --dir');
  }
  if (insecure && (files ?? selfMade) !== undefined) {
    const flag = files === undefined ? '--xds-tls-authority' : '--xds-tls-cert';
    throw new UsageError(`--xds-insecure and ${flag} exclude each other: leave --xds-insecure out`);
  }
  if (clients?.names !== undefined && (files ?? selfMade) === undefined) {
    throw new UsageError('--xds-client-name needs certificates: give --xds-tls-cert or --xds-tls-authority as well');
  }
  if (files !== undefined) return { ...address, tls: { kind: 'files', ...files } };
  if (selfMade !== undefined) return { ...address, tls: { kind: 'self-made', ...selfMade } };
  if (!insecure && !isLoopback(address.host)) {
    refuse(
      setting,
      'would send private keys over a network unencrypted',
      'give --xds-tls-authority and the flags beside it, or --xds-tls-cert, --xds-tls-key and --xds-tls-ca, or say --xds-insecure if the network is safe',
    );
  }
  return address;
}

function readXdsClients(settings: Settings): XdsClients | undefined {
  const names = settings.many('xds-client-name', parseText);
  const connections = settings.one('xds-max-connections', parseNumber);
  const connectionsPerAddress = settings.one('xds-max-connections-per-address', parseNumber);
  const messageBytes = settings.one('xds-max-request-bytes', parseNumber);
  const clients: XdsClients = {
    ...(names.length > 0 && { names }),
    ...(connections !== undefined && { connections }),
    ...(connectionsPerAddress !== undefined && { connectionsPerAddress }),
    ...(messageBytes !== undefined && { messageBytes }),
  };
  return Object.keys(clients).length === 0 ? undefined : clients;
}

/** All three or none: with the key but without the CA, whoever can connect would be given every private key. */
export function readTlsFiles(settings: Settings): TlsFiles | undefined {
  const certFile = settings.one('xds-tls-cert', parseText);
  const keyFile = settings.one('xds-tls-key', parseText);
  const caFile = settings.one('xds-tls-ca', parseText);
  if (certFile === undefined && keyFile === undefined && caFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined || caFile === undefined) {
    const files = { 'xds-tls-cert': certFile, 'xds-tls-key': keyFile, 'xds-tls-ca': caFile };
    const missing = Object.entries(files).filter(([, file]) => file === undefined);
    throw new UsageError(
      `${missing.map(([flag]) => `--${flag}`).join(' and ')} missing: ` +
        'mutual TLS needs --xds-tls-cert, --xds-tls-key and --xds-tls-ca',
    );
  }
  return { certFile, keyFile, caFile };
}

function readSelfMadeTls(settings: Settings): SelfMadeTls | undefined {
  const authority = settings.one('xds-tls-authority', parseNamespacedName);
  const client = settings.one('xds-tls-client', parseNamespacedName);
  const names = settings.many('xds-tls-name', parseText);
  const validityMs = settings.one('xds-tls-validity', parseValidity);
  if (authority === undefined && client === undefined && names.length === 0 && validityMs === undefined) {
    return undefined;
  }
  if (authority === undefined || client === undefined || names.length === 0) {
    const given = { 'xds-tls-authority': authority, 'xds-tls-client': client, 'xds-tls-name': names[0] };
    const missing = Object.entries(given).filter(([, value]) => value === undefined);
    throw new UsageError(
      `${missing.map(([flag]) => `--${flag}`).join(' and ')} missing: ` +
        'self-made certificates need --xds-tls-authority, --xds-tls-client and --xds-tls-name',
    );
  }
  return { authority, client, names, validityMs: validityMs ?? thirtyDays };
}

function parseValidity(setting: Setting): number {
  const validity = parseDuration(setting);
  return validity < 2_000 ? refuse(setting, 'is too short', 'give at least 2s, 720h is usual') : validity;
}

const thirtyDays = 30 * 24 * 3_600_000;

function readListen(settings: Settings, traits: CommandTraits): Config['listen'] {
  const address = settings.one('listen-address', parseIpAddress) ?? traits.listenAddress;
  const httpPort = settings.one('http-port', parsePort) ?? 8080;
  const httpsPort = settings.one('https-port', parsePort) ?? 8443;
  if (httpPort === httpsPort) {
    throw new UsageError(`--http-port and --https-port are both ${httpPort}: give two different ports`);
  }
  const hops = settings.one('xff-num-trusted-hops', parseCount);
  const trustedHops = hops ?? (settings.isOn('use-forwarded-headers') ? 1 : 0);
  const proxyProtocol = settings.isOn('use-proxy-protocol');
  const accessLog = settings.one('access-log', parseLogFile);
  return { address, httpPort, httpsPort, proxyProtocol, trustedHops, ...(accessLog !== undefined && { accessLog }) };
}

function parseLogFile(setting: Setting): string {
  if (/^\/[^\0]+$/.test(setting.value)) return setting.value;
  return refuse(setting, 'is no file that every Envoy has', 'give a path such as /dev/stdout');
}

function readDefaults(settings: Settings): Config['defaults'] {
  const backendService = settings.one('default-backend-service', parseNamespacedName);
  const certificate = settings.one('default-ssl-certificate', parseNamespacedName);
  return {
    ...(backendService && { backendService }),
    ...(certificate && { certificate }),
    makesCertificate: settings.one('self-made-default-certificate', parseSwitch) ?? true,
  };
}

function readSettle(settings: Settings): Config['settle'] {
  const quietMs = settings.one('settle-quiet', parseDuration) ?? 1;
  const maxMs = settings.one('settle-max', parseDuration) ?? 100;
  if (quietMs > maxMs) {
    throw new UsageError(
      `--settle-quiet is ${quietMs}ms and --settle-max is ${maxMs}ms: the shortest wait must not be the longer one`,
    );
  }
  return { quietMs, maxMs };
}

function freeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) freeze(inner);
  }
  return Object.freeze(value);
}
