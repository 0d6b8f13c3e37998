/** What a real Envoy says of resources, without serving them: `--mode validate` over a bootstrap that holds them. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { any, encode } from '../../src/proto/message.ts';
import type { MessageTypes } from '../../src/proto/message.ts';
import { envoyBinary } from './tools.ts';

type Bootstrap = MessageTypes['envoy.config.bootstrap.v3.Bootstrap'];
type StaticResources = NonNullable<Bootstrap['static_resources']>;

/** Resources of one type, as the part of a bootstrap that has them. */
export type Holder<T> = (resources: readonly T[]) => StaticResources;

/** What Envoy says of the bootstrap; undefined when it takes it. */
export async function refusalOf(resources: StaticResources, mostInstructions = 32_768): Promise<string | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-verdict-'));
  const file = join(directory, 'bootstrap.pb');
  const bootstrap: Bootstrap = {
    node: { id: 'test', cluster: 'test' },
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
      },
    },
    // As in the bootstrap that Sluice writes.
    layered_runtime: {
      layers: [{ name: 'static', static_layer: { 're2.max_program_size.error_level': mostInstructions } }],
    },
    static_resources: { ...resources, clusters: [xds, ...(resources.clusters ?? [])] },
  };
  try {
    await writeFile(file, encode('envoy.config.bootstrap.v3.Bootstrap', bootstrap));
    return await validate(file);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const xds: MessageTypes['envoy.config.cluster.v3.Cluster'] = {
  name: 'xds',
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': any(
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      { explicit_http_config: { http2_protocol_options: {} } },
    ),
  },
};

function validate(file: string): Promise<string | undefined> {
  const options = [
    '--mode',
    'validate',
    '--config-path',
    file,
    '--disable-hot-restart',
    '--concurrency',
    '1',
    '-l',
    'critical',
  ];
  const child = spawn(envoyBinary(), options, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout.on('data', (data: Buffer) => (said += data.toString()));
  child.stderr.on('data', (data: Buffer) => (said += data.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code === 0 ? undefined : said.trim() || `exit code ${String(code)}`));
  });
}

/** Those that Envoy refuses, with what it says of each: of a refused list, both halves are asked again. */
export async function refusedAmong<T>(
  resources: readonly T[],
  hold: Holder<T>,
): Promise<readonly (readonly [T, string])[]> {
  if (resources.length === 0) return [];
  const said = await refusalOf(hold(resources));
  if (said === undefined) return [];
  const [only] = resources;
  if (only !== undefined && resources.length === 1) return [[only, said]];
  const half = Math.ceil(resources.length / 2);
  const first = await refusedAmong(resources.slice(0, half), hold);
  return [...first, ...(await refusedAmong(resources.slice(half), hold))];
}

const anyPort = { socket_address: { address: '127.0.0.1', port_value: 0 } } as const;

export const holdVirtualHosts: Holder<MessageTypes['envoy.config.route.v3.VirtualHost']> = (virtual_hosts) => ({
  listeners: [
    {
      name: 'l',
      address: anyPort,
      filter_chains: [
        {
          filters: [
            {
              name: 'envoy.filters.network.http_connection_manager',
              typed_config: any('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
                stat_prefix: 'r',
                upgrade_configs: [{ upgrade_type: 'websocket' }],
                route_config: { name: 'r', virtual_hosts, validate_clusters: false },
                http_filters: [
                  {
                    name: 'envoy.filters.http.router',
                    typed_config: any('envoy.extensions.filters.http.router.v3.Router', {}),
                  },
                ],
              }),
            },
          ],
        },
      ],
    },
  ],
});

export const holdClusters: Holder<MessageTypes['envoy.config.cluster.v3.Cluster']> = (clusters) => ({ clusters });

export const holdAssignments: Holder<MessageTypes['envoy.config.endpoint.v3.ClusterLoadAssignment']> = (
  assignments,
) => ({
  clusters: assignments.map((load_assignment, index) => ({ name: `own${index}`, type: 'STATIC', load_assignment })),
});

export const holdSecrets: Holder<MessageTypes['envoy.extensions.transport_sockets.tls.v3.Secret']> = (secrets) => ({
  listeners: [
    {
      name: 'l',
      address: anyPort,
      filter_chains: secrets.map(({ tls_certificate: pair }, index) => ({
        name: `f${index}`,
        filter_chain_match: { server_names: [`s${index}.test`] },
        filters: [
          {
            name: 'envoy.filters.network.tcp_proxy',
            typed_config: any('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
              stat_prefix: 't',
              cluster: 'xds',
            }),
          },
        ],
        transport_socket: {
          name: 'envoy.transport_sockets.tls',
          typed_config: any('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
            common_tls_context: { tls_certificates: pair === undefined ? [] : [pair] },
          }),
        },
      })),
    },
  ],
});
