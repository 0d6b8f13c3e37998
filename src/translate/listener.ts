/** The listeners: one for plain HTTP, and one for TLS with a filter chain for each Secret. */
import { defaultTimeouts } from '../features/proxy-timeouts.ts';
import type { ConnectionFlags, ConnectionPlan } from '../features/connection-plan.ts';
import type { ClientAuthentication, ClientTls } from '../features/feature.ts';
import { connectionManager, httpFilters, planConnections } from '../features/output.ts';
import { anyHost } from '../model/host.ts';
import type { Policies } from '../model/policy.ts';
import { any } from '../proto/message.ts';
import type { AnyMessage, MessageTypes } from '../proto/message.ts';
import { accessLogs } from './access-log.ts';
import { adsConfigSource } from './config-source.ts';
import { forgetClaims } from './forwarded-headers.ts';
import { localReplies } from './local-replies.ts';
import type { RouteConfigurationName } from './route-configuration.ts';

type Listener = MessageTypes['envoy.config.listener.v3.Listener'];
type Matcher = MessageTypes['xds.type.matcher.v3.Matcher'];
type OnMatch = MessageTypes['xds.type.matcher.v3.Matcher.OnMatch'];
type FilterChain = MessageTypes['envoy.config.listener.v3.FilterChain'];
type ListenerFilter = MessageTypes['envoy.config.listener.v3.ListenerFilter'];
type Filter = MessageTypes['envoy.config.listener.v3.Filter'];

/** What Envoys bind. */
export interface ListenAddress extends ConnectionFlags {
  readonly address: string;
  readonly httpPort: number;
  readonly httpsPort: number;
}

/** @param defaults what goes for all Ingresses */
export function translateHttpListener(listen: ListenAddress, defaults: Policies): Listener {
  const plan = planConnections(listen, defaults);
  return {
    ...listener('http', listen.address, listen.httpPort),
    listener_filters: proxyProtocol(plan),
    filter_chains: [{ name: 'http', filters: [httpConnectionManager('http', plan, defaults)] }],
  };
}

/**
 * @param hosts for each host with certificates of its own what it is served with; `*` is for clients that name no other
 *   of them. Hosts with the same share a filter chain. Which host goes to which chain stands in the matcher, outside
 *   of the chains, because Envoy drains the connections of a chain that changes, and of no other (docs/tls.md). For the
 *   same reason there is no default filter chain: an update to or from a listener with that alone would drain everybody.
 * @returns undefined when there is no host to serve.
 */
export function translateHttpsListener(
  listen: ListenAddress,
  hosts: ReadonlyMap<string, ServedHost>,
  defaults: Policies,
): Listener | undefined {
  if (hosts.size === 0) return undefined;
  const plan = planConnections(listen, defaults);
  const chains = new Map<string, Chain>();
  for (const host of [...hosts.keys()].toSorted()) {
    const served = hosts.get(host) ?? { secrets: [], clients: undefined };
    const name = chainName(served);
    const chain = chains.get(name) ?? { ...served, name, hosts: [] };
    chains.set(name, chain);
    chain.hosts.push(host);
  }
  const sorted = [...chains.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return {
    ...listener('https', listen.address, listen.httpsPort),
    listener_filters: [
      ...proxyProtocol(plan),
      {
        name: 'envoy.filters.listener.tls_inspector',
        typed_config: any('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector', {}),
      },
    ],
    filter_chains: sorted.map((chain) =>
      chain.cluster === undefined
        ? tlsFilterChain(chain, plan, defaults)
        : passingFilterChain(chain.name, chain.cluster),
    ),
    filter_chain_matcher: chainMatcher(sorted),
  };
}

/** What TLS clients that name a host get to see, and are asked for. */
export interface ServedHost {
  /** Names of Secrets with certificates, for clients of different abilities. */
  readonly secrets: readonly string[];
  readonly clients: ClientAuthentication | undefined;
  readonly tls?: ClientTls | undefined;
  /** To which TLS goes as it is, so that nothing of the above counts. */
  readonly cluster?: string | undefined;
}

/** A filter chain, and the hosts that are sent to it. */
interface Chain extends ServedHost {
  readonly name: string;
  readonly hosts: string[];
}

/** Equal for hosts that are served in the same way. */
function chainName({ secrets, clients, tls, cluster }: ServedHost): string {
  if (cluster !== undefined) return `passthrough~${cluster}`;
  const ciphers = tls && `~${tls.ciphers.join(':')}${tls.prefersClient ? '~client' : ''}`;
  return `${secrets.join(',')}${clients === undefined ? '' : `~${clients.id}`}${ciphers ?? ''}`;
}

/** What the client says goes to the backend as it is, and what that answers comes back. */
function passingFilterChain(name: string, cluster: string): FilterChain {
  const proxy = any('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', { stat_prefix: 'passthrough', cluster });
  return { name, filters: [{ name: 'envoy.filters.network.tcp_proxy', typed_config: proxy }] };
}

/** By server name: an exact host, then the longest wildcard above it, then `*`; Envoy closes a connection without a match. */
function chainMatcher(chains: readonly Chain[]): Matcher {
  const named = chains
    .map(({ name, hosts }) => ({ domains: hosts.filter((host) => host !== anyHost), on_match: goTo(name) }))
    .filter(({ domains }) => domains.length > 0);
  const fallback = chains.find(({ hosts }) => hosts.includes(anyHost));
  const domains = any('xds.type.matcher.v3.ServerNameMatcher', { domain_matchers: named });
  return {
    ...(named.length > 0 && {
      matcher_tree: { input: serverName, custom_match: { name: 'domains', typed_config: domains } },
    }),
    ...(fallback && { on_no_match: goTo(fallback.name) }),
  };
}

const serverName = {
  name: 'server name',
  typed_config: any('envoy.extensions.matching.common_inputs.network.v3.ServerNameInput', {}),
};

/** Envoy takes the value, and not the name, for the filter chain's name. */
function goTo(chain: string): OnMatch {
  return { action: { name: 'filter chain', typed_config: any('google.protobuf.StringValue', chain) } };
}

function listener(name: string, address: string, port: number): Listener {
  return {
    name,
    address: { socket_address: { address, port_value: port } },
    per_connection_buffer_limit_bytes: 32_768,
  };
}

function tlsFilterChain({ name, secrets, clients, tls }: Chain, plan: ConnectionPlan, defaults: Policies): FilterChain {
  const ciphers = tls === undefined || tls.ciphers.length === 0 ? plan.ciphers : tls.ciphers;
  const context: AnyMessage = any('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
    common_tls_context: {
      tls_params: {
        tls_minimum_protocol_version: plan.tls?.least ?? 'TLSv1_2',
        ...(plan.tls && { tls_maximum_protocol_version: plan.tls.most }),
        ...(ciphers.length > 0 && { cipher_suites: ciphers }),
      },
      tls_certificate_sds_secret_configs: secrets.map((secret) => ({ name: secret, sds_config: adsConfigSource })),
      alpn_protocols: plan.http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
      ...(clients && { validation_context: validation(clients) }),
    },
    ...(tls?.prefersClient === true && { prefer_client_ciphers: true }),
    // Envoy does not look at the certificate again when a session is taken up.
    ...(clients && { disable_stateless_session_resumption: true, disable_stateful_session_resumption: true }),
  });
  return {
    name,
    filters: [httpConnectionManager('https', plan, defaults, clients)],
    transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: context },
    transport_socket_connect_timeout: '10s',
  };
}

/** Whoever has no good certificate is let in, and answered by routes: 400, a redirect, or as if nothing had been asked for. */
function validation({ authorities, depth }: ClientAuthentication) {
  return {
    trusted_ca: { inline_string: authorities },
    trust_chain_verification: 'ACCEPT_UNTRUSTED',
    max_verify_depth: depth,
  } as const;
}

/** Without the header a connection is closed: with it left out at will, every client could claim to be another. */
function proxyProtocol(plan: ConnectionPlan): readonly ListenerFilter[] {
  if (!plan.proxyProtocol) return [];
  const config = any('envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol', {});
  return [{ name: 'envoy.filters.listener.proxy_protocol', typed_config: config }];
}

/** That of the backend is taken away by the route tables. */
const serverHeaders = { nobody: 'PASS_THROUGH', envoy: 'OVERWRITE', backend: 'APPEND_IF_ABSENT' } as const;

/** Answers for all others. */
const closed = {
  name: 'closed',
  typed_config: any('envoy.extensions.filters.http.fault.v3.HTTPFault', {
    abort: { http_status: 503, percentage: { numerator: 100 } },
  }),
};

function httpConnectionManager(
  table: RouteConfigurationName,
  { trustedHops, idleSeconds = 3600, requests, headerSeconds = 10, ...plan }: ConnectionPlan,
  defaults: Policies,
  clients?: ClientAuthentication,
): Filter {
  const believes = trustedHops > 0;
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: any('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
      stat_prefix: table,
      rds: { config_source: adsConfigSource, route_config_name: table },
      access_log: accessLogs(table, plan.accessLog),
      http_filters: [
        ...(plan.isClosed ? [closed] : []),
        ...httpFilters(table, defaults),
        {
          name: 'envoy.filters.http.router',
          typed_config: any('envoy.extensions.filters.http.router.v3.Router', { suppress_envoy_headers: true }),
        },
      ],
      upgrade_configs: [{ upgrade_type: 'websocket' }],
      use_remote_address: true,
      xff_num_trusted_hops: trustedHops,
      early_header_mutation_extensions: [forgetClaims(believes, clients?.id)],
      preserve_external_request_id: believes,
      // Nobody is internal: Envoy obeys them in headers of its own. No client has this address; an empty list means all private ones.
      internal_address_config: { cidr_ranges: [{ address_prefix: '255.255.255.255', prefix_len: 32 }] },
      normalize_path: true,
      merge_slashes: true,
      strip_trailing_host_dot: true,
      server_header_transformation: serverHeaders[plan.server],
      local_reply_config: localReplies,
      request_headers_timeout: `${headerSeconds}s`,
      ...(plan.headKibibytes !== undefined && { max_request_headers_kb: plan.headKibibytes }),
      stream_idle_timeout: `${defaultTimeouts.read}s`,
      common_http_protocol_options: {
        idle_timeout: `${idleSeconds === 0 ? 60 : idleSeconds}s`,
        ...(requests !== undefined && { max_requests_per_connection: requests }),
        headers_with_underscores_action: 'DROP_HEADER',
        ...connectionManager(defaults).common_http_protocol_options,
      },
      // Health checks and old tools speak HTTP/1.0, some without a Host, which nobody's rule can have as `_`.
      http_protocol_options: { accept_http_10: true, default_host_for_http_10: '_' },
      http2_protocol_options: {
        max_concurrent_streams: plan.concurrentStreams ?? 128,
        initial_stream_window_size: 65_536,
        initial_connection_window_size: 1_048_576,
      },
    }),
  };
}
