import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { parseDocument } from 'yaml';
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
import { packagePath } from './package-file.ts';

/** `sluice bootstrap`: the file with which an Envoy starts and finds the control plane. */

export interface Bootstrap {
  readonly nodeId: string;
  /** The fleet. */
  readonly cluster: string;
  /** Where the Envoy reaches the control plane. */
  readonly xds: HostPort & { readonly tls?: TlsFiles };
  /** Where the Envoy's own admin interface listens. */
  readonly admin: HostPort;
  readonly maxHeapBytes: number;
  /** The zone this Envoy runs in (`topology.kubernetes.io/zone` of its node): endpoints there are preferred where a Service asks for it. */
  readonly zone?: string;
}

const gibibyte = 2 ** 30;

/** @throws UsageError naming the first flag that is missing or cannot be used. */
export function readBootstrap(flags: Flags): Bootstrap {
  // Flags only: in the environment SLUICE_XDS_ADDRESS means what a control plane binds, not what an Envoy connects to.
  const settings = new Settings(flags, {});
  const tls = readTlsFiles(settings);
  const xds = settings.one('xds-address', parseReachable);
  if (xds === undefined) throw new UsageError('--xds-address is missing: give the HOST:PORT of the control plane');
  const zone = settings.one('zone', parseText);
  const nodeId = settings.one('node-id', parseText);
  if (nodeId === undefined) throw new UsageError('--node-id is missing: give each Envoy a name of its own');
  return {
    nodeId,
    cluster: settings.one('cluster', parseText) ?? 'default',
    xds: { ...xds, ...(tls && { tls }) },
    admin: {
      host: settings.one('admin-address', parseIpAddress) ?? '127.0.0.1',
      port: settings.one('admin-port', parsePort) ?? 9901,
    },
    maxHeapBytes: settings.one('max-heap-bytes', parseBytes) ?? gibibyte,
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
export function renderBootstrap({ nodeId, cluster, xds, admin, maxHeapBytes, zone }: Bootstrap): string {
  const document = parseDocument(readFileSync(packagePath('envoy/bootstrap.yaml'), 'utf8'));
  document.commentBefore = ' The bootstrap of one Envoy, made by `sluice bootstrap`.';
  const set = (path: readonly (string | number)[], value: unknown) => {
    document.setIn(path, document.createNode(value));
  };
  set(['node', 'id'], nodeId);
  set(['node', 'cluster'], cluster);
  set(['admin', 'address'], { socket_address: { address: admin.host, port_value: admin.port } });

  const upstream = ['static_resources', 'clusters', 0];
  const byName = isIP(xds.host) === 0;
  set([...upstream, 'type'], byName ? 'STRICT_DNS' : 'STATIC');
  // A replica that went away must be forgotten soon, whatever the record's time to live says.
  if (byName) set([...upstream, 'respect_dns_ttl'], false);
  const endpoint = [...upstream, 'load_assignment', 'endpoints', 0, 'lb_endpoints', 0, 'endpoint'];
  set([...endpoint, 'address', 'socket_address'], { address: xds.host, port_value: xds.port });
  if (xds.tls !== undefined) set([...upstream, 'transport_socket'], transportSocket(xds.host, xds.tls));

  if (zone !== undefined) {
    set(['node', 'locality'], { zone });
    set(['cluster_manager', 'local_cluster_name'], localCluster);
    document.addIn(['static_resources', 'clusters'], document.createNode(clusterOf(zone)));
  }

  const heap = ['overload_manager', 'resource_monitors', 0, 'typed_config', 'max_heap_size_bytes'];
  set(heap, maxHeapBytes);
  return document.toString({ lineWidth: 0 });
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

/** The control plane must prove the name that it is called by: being signed by the CA is true of every Envoy too. */
function transportSocket(host: string, tls: TlsFiles): unknown {
  const byName = isIP(host) === 0;
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      ...(byName && { sni: host }),
      common_tls_context: {
        tls_params: { tls_minimum_protocol_version: 'TLSv1_2' },
        alpn_protocols: ['h2'],
        tls_certificates: [{ certificate_chain: { filename: tls.certFile }, private_key: { filename: tls.keyFile } }],
        validation_context: {
          trusted_ca: { filename: tls.caFile },
          match_typed_subject_alt_names: [{ san_type: byName ? 'DNS' : 'IP_ADDRESS', matcher: { exact: host } }],
        },
      },
    },
  };
}
