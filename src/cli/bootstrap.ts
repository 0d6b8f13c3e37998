import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import { type Document, parseDocument } from 'yaml';
import { readTlsFiles, type TlsFiles } from '../config.ts';
import {
  parseHostPort,
  parseIpAddress,
  parsePort,
  parseText,
  refuse,
  Settings,
  UsageError,
  type Flags,
  type HostPort,
  type Setting,
} from '../setting.ts';
import { defaultAdminSocket } from './admin-socket.ts';
import { renderSdsFiles, transportSocket } from './bootstrap-tls.ts';
import { packagePath } from './package-file.ts';

/** `sluice bootstrap`: the file with which an Envoy starts and finds the control plane. */

export interface Bootstrap {
  readonly nodeId: string;
  /** The fleet. */
  readonly cluster: string;
  /** Where the Envoy reaches the control plane. */
  readonly xds: HostPort & { readonly tls?: TlsFiles };
  /** Where the Envoy's own admin interface listens. */
  readonly admin: AdminAddress;
  /** Where `sluice verify` is, beside the Envoy; 127.0.0.1:9902 when left out. */
  readonly verifier?: AdminAddress;
  /** Where it tells whether it is ready, and its metrics. */
  readonly statusPort?: number;
  /** Where it finds the files of `renderBootstrapFiles`; without it, the bootstrap is a file of its own. */
  readonly folder?: string;
  readonly maxHeapBytes: number;
  /** The zone this Envoy runs in (`topology.kubernetes.io/zone` of its node): endpoints there are preferred where a Service asks for it. */
  readonly zone?: string;
}

/** A TCP address, or the path of a Unix socket. */
export type AdminAddress = HostPort | { readonly socket: string };

const gibibyte = 2 ** 30;

export async function bootstrap(flags: Flags): Promise<number> {
  const wanted = readBootstrap(flags);
  const directory = flags['outputDirectory'];
  if (typeof directory !== 'string') {
    process.stdout.write(renderBootstrap(wanted));
    return 0;
  }
  await mkdir(directory, { recursive: true });
  const files = Object.entries(renderBootstrapFiles(wanted));
  await Promise.all(files.map(([name, text]) => writeFile(join(directory, name), text)));
  return 0;
}

/** @throws UsageError naming the first flag that is missing or cannot be used. */
export function readBootstrap(flags: Flags): Bootstrap {
  // Flags only: in the environment SLUICE_XDS_ADDRESS means what a control plane binds, not what an Envoy connects to.
  const settings = new Settings(flags, {});
  const tls = readTlsFiles(settings);
  const xds = settings.one('xds-address', parseReachable);
  if (xds === undefined) throw new UsageError('--xds-address is missing: give the HOST:PORT of the control plane');
  const nodeId = settings.one('node-id', parseText);
  if (nodeId === undefined) throw new UsageError('--node-id is missing: give each Envoy a name of its own');
  return {
    nodeId,
    cluster: settings.one('cluster', parseText) ?? 'default',
    xds: { ...xds, ...(tls && { tls }) },
    admin: readAdmin(settings),
    ...readOptional(settings),
    maxHeapBytes: settings.one('max-heap-bytes', parseBytes) ?? gibibyte,
  };
}

function readAdmin(settings: Settings): AdminAddress {
  const socket = settings.one('admin-socket', parseText);
  const host = settings.one('admin-address', parseIpAddress);
  const port = settings.one('admin-port', parsePort);
  if (host === undefined && port === undefined) return { socket: socket ?? defaultAdminSocket };
  if (socket === undefined) return { host: host ?? '127.0.0.1', port: port ?? 9901 };
  throw new UsageError('--admin-socket excludes --admin-address and --admin-port: the admin interface has one address');
}

function readOptional(settings: Settings): Pick<Bootstrap, 'statusPort' | 'folder' | 'zone' | 'verifier'> {
  const statusPort = settings.one('status-port', parsePort);
  const directory = settings.one('output-directory', parseText);
  const mounted = settings.one('mounted-at', parseText);
  if (mounted !== undefined && directory === undefined) {
    throw new UsageError('--mounted-at is for --output-directory: give both or none');
  }
  const folder = mounted ?? (directory === undefined ? undefined : resolve(directory));
  const zone = settings.one('zone', parseText);
  const socket = settings.one('verifier-socket', parseText);
  const address = settings.one('verifier-address', parseHostPort);
  if (socket !== undefined && address !== undefined) {
    throw new UsageError('--verifier-socket excludes --verifier-address: the verifier has one address');
  }
  const verifier = socket === undefined ? address : { socket };
  return {
    ...(verifier !== undefined && { verifier }),
    ...(statusPort !== undefined && { statusPort }),
    ...(folder !== undefined && { folder }),
    ...(zone !== undefined && { zone }),
  };
}

function parseReachable(setting: Setting): HostPort {
  const address = parseHostPort(setting);
  return address.port === 0 ? refuse(setting, 'has no port', 'give the port of the control plane') : address;
}

function parseBytes(setting: Setting): number {
  const lowest = 32 * 2 ** 20;
  const bytes = /^\d+$/.test(setting.value) ? Number(setting.value) : 0;
  if (Number.isSafeInteger(bytes) && bytes >= lowest) return bytes;
  return refuse(setting, 'is not a heap that Envoy can work in', `give a number of bytes from ${lowest}`);
}

/** YAML, with the comments of the template. */
export function renderBootstrap(wanted: Bootstrap): string {
  const { nodeId, cluster, xds, admin, maxHeapBytes, statusPort, folder, zone, verifier } = wanted;
  const document = parseDocument(readFileSync(packagePath('envoy/bootstrap.yaml'), 'utf8'));
  document.commentBefore = ' The bootstrap of one Envoy, made by `sluice bootstrap`.';
  const set = (path: readonly (string | number)[], value: unknown) => {
    document.setIn(path, document.createNode(value));
  };
  set(['node', 'id'], nodeId);
  set(['node', 'cluster'], cluster);
  set(['admin', 'address'], envoyAddress(admin));

  const upstream = ['static_resources', 'clusters', 0];
  const byName = isIP(xds.host) === 0;
  set([...upstream, 'type'], byName ? 'STRICT_DNS' : 'STATIC');
  // A replica that went away must be forgotten soon, whatever the record's time to live says.
  if (byName) set([...upstream, 'respect_dns_ttl'], false);
  const endpoint = [...upstream, 'load_assignment', 'endpoints', 0, 'lb_endpoints', 0, 'endpoint'];
  set([...endpoint, 'address'], envoyAddress(xds));
  if (xds.tls !== undefined) set([...upstream, 'transport_socket'], transportSocket(xds.host, xds.tls, folder));

  if (verifier !== undefined) {
    const own = ['static_resources', 'clusters', 1, 'load_assignment', 'endpoints', 0, 'lb_endpoints', 0, 'endpoint'];
    set([...own, 'address'], envoyAddress(verifier));
  }

  if (zone !== undefined) {
    set(['node', 'locality'], { zone });
    set(['cluster_manager', 'local_cluster_name'], localCluster);
    document.addIn(['static_resources', 'clusters'], document.createNode(clusterOf(zone)));
  }

  const heap = ['overload_manager', 'resource_monitors', 0, 'typed_config', 'max_heap_size_bytes'];
  set(heap, maxHeapBytes);
  if (statusPort !== undefined) addStatus(document, admin, statusPort);
  return document.toString({ lineWidth: 0 });
}

/** The bootstrap and the files that it points to, by name: certificates that are renewed are taken up without a restart. */
export function renderBootstrapFiles(wanted: Bootstrap): Readonly<Record<string, string>> {
  const { tls } = wanted.xds;
  return { 'bootstrap.yaml': renderBootstrap(wanted), ...(tls && renderSdsFiles(tls)) };
}

function addStatus(document: Document, admin: AdminAddress, port: number): void {
  const status = parseDocument(readFileSync(packagePath('envoy/status.yaml'), 'utf8'));
  status.setIn(['listener', 'address', 'socket_address', 'port_value'], port);
  const endpoint = ['load_assignment', 'endpoints', 0, 'lb_endpoints', 0, 'endpoint', 'address'];
  status.setIn(['cluster', ...endpoint], status.createNode(envoyAddress(admin)));
  document.setIn(['static_resources', 'listeners'], document.createNode([status.get('listener')]));
  document.addIn(['static_resources', 'clusters'], status.get('cluster'));
}

/** Of the sockets, only Envoy's own user may use them. */
function envoyAddress(address: AdminAddress): unknown {
  if ('socket' in address) return { pipe: { path: address.socket, mode: 0o600 } };
  return { socket_address: { address: address.host, port_value: address.port } };
}

const localCluster = 'local';

/** Envoy compares zones only when it knows a cluster that it is itself in; it sends nothing there. */
function clusterOf(zone: string): unknown {
  const address = { socket_address: { address: '127.0.0.1', port_value: 1 } };
  return {
    name: localCluster,
    type: 'STATIC',
    load_assignment: {
      cluster_name: localCluster,
      endpoints: [{ locality: { zone }, lb_endpoints: [{ endpoint: { address } }] }],
    },
  };
}
