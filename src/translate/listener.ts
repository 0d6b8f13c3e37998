/** The listeners: one for plain HTTP, and one for TLS with a filter chain for each certificate. */
import { anyHost } from '../model/host.ts';
import { any } from '../proto/message.ts';
import type { AnyMessage, MessageTypes } from '../proto/message.ts';
import { adsConfigSource } from './config-source.ts';
import type { RouteConfigurationName } from './route-configuration.ts';

type Listener = MessageTypes['envoy.config.listener.v3.Listener'];
type FilterChain = MessageTypes['envoy.config.listener.v3.FilterChain'];
type Filter = MessageTypes['envoy.config.listener.v3.Filter'];

/** What Envoys bind. */
export interface ListenAddress {
  readonly address: string;
  readonly httpPort: number;
  readonly httpsPort: number;
}

export function translateHttpListener(listen: ListenAddress): Listener {
  return {
    ...listener('http', listen.address, listen.httpPort),
    filter_chains: [{ name: 'http', filters: [httpConnectionManager('http')] }],
  };
}

/**
 * @param hosts for each host with a certificate of its own the name of its Secret; `*` is for clients that name no other
 *   of them. Hosts with the same Secret share a filter chain, whose name is the Secret's, so that Envoy changes one chain
 *   in place and leaves the connections of all others alone.
 * @returns undefined when there is no host to serve.
 */
export function translateHttpsListener(
  listen: ListenAddress,
  hosts: ReadonlyMap<string, string>,
): Listener | undefined {
  if (hosts.size === 0) return undefined;
  const serverNames = new Map<string, string[]>();
  for (const host of [...hosts.keys()].toSorted()) {
    const secret = hosts.get(host);
    if (secret === undefined || host === anyHost) continue;
    serverNames.set(secret, [...(serverNames.get(secret) ?? []), host]);
  }
  const secrets = [...serverNames.keys()].toSorted();
  const fallback = hosts.get(anyHost);
  return {
    ...listener('https', listen.address, listen.httpsPort),
    listener_filters: [
      {
        name: 'envoy.filters.listener.tls_inspector',
        typed_config: any('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector', {}),
      },
    ],
    filter_chains: secrets.map((secret) => ({
      ...tlsFilterChain(secret, secret),
      filter_chain_match: { server_names: serverNames.get(secret) ?? [] },
    })),
    ...(fallback === undefined ? {} : { default_filter_chain: tlsFilterChain('default', fallback) }),
  };
}

function listener(name: string, address: string, port: number): Listener {
  return {
    name,
    address: { socket_address: { address, port_value: port } },
    per_connection_buffer_limit_bytes: 32_768,
  };
}

function tlsFilterChain(name: string, secret: string): FilterChain {
  const context: AnyMessage = any('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
    common_tls_context: {
      tls_params: { tls_minimum_protocol_version: 'TLSv1_2' },
      tls_certificate_sds_secret_configs: [{ name: secret, sds_config: adsConfigSource }],
      alpn_protocols: ['h2', 'http/1.1'],
    },
  });
  return {
    name,
    filters: [httpConnectionManager('https')],
    transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: context },
    transport_socket_connect_timeout: '10s',
  };
}

function httpConnectionManager(table: RouteConfigurationName): Filter {
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: any('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
      stat_prefix: table,
      rds: { config_source: adsConfigSource, route_config_name: table },
      http_filters: [
        {
          name: 'envoy.filters.http.router',
          typed_config: any('envoy.extensions.filters.http.router.v3.Router', {}),
        },
      ],
      upgrade_configs: [{ upgrade_type: 'websocket' }],
      // The client is whoever connects: what it says of itself in X-Forwarded-For is not believed.
      use_remote_address: true,
      normalize_path: true,
      merge_slashes: true,
      strip_trailing_host_dot: true,
      preserve_external_request_id: true,
      server_header_transformation: 'PASS_THROUGH',
      request_headers_timeout: '10s',
      stream_idle_timeout: '300s',
      common_http_protocol_options: { idle_timeout: '3600s', headers_with_underscores_action: 'DROP_HEADER' },
      http2_protocol_options: {
        max_concurrent_streams: 128,
        initial_stream_window_size: 65_536,
        initial_connection_window_size: 1_048_576,
      },
    }),
  };
}
