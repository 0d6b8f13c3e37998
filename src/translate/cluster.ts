/** A backend as an Envoy Cluster, whose endpoints come over EDS under the same name, or from DNS if it is outside. */
import { planCluster } from '../features/output.ts';
import type { ClusterPlan } from '../features/cluster-plan.ts';
import { defaultRetryPolicy } from '../features/retry-policy.ts';
import type { BackendProtocol, Transport } from '../model/backend.ts';
import { any } from '../proto/message.ts';
import type { AnyMessage, MessageTypes } from '../proto/message.ts';
import { adsConfigSource } from './config-source.ts';
import { foreignAddressesOnly } from './resolved-address.ts';

type Cluster = MessageTypes['envoy.config.cluster.v3.Cluster'];
type HttpOptions = MessageTypes['envoy.extensions.upstreams.http.v3.HttpProtocolOptions'];

/** Envoy's default of 1,024 would refuse requests that nginx, which has no such limit, serves. */
const unlimited = 1_000_000;

/** @param policies what features ask of this cluster, see `Backend.policies` */
export function translateCluster(
  name: string,
  service: Transport,
  policies: Readonly<Record<string, unknown>> = {},
): Cluster {
  const plan = planCluster(policies);
  const transport = plan.protocol === undefined ? service : { ...service, protocol: plan.protocol };
  return {
    name,
    ...discovery(name, transport),
    ...protocolOptions(transport, plan),
    ...(plan.balancing === undefined ? balancing(transport) : { load_balancing_policy: plan.balancing }),
    connect_timeout: `${plan.connectTimeoutSeconds ?? 5}s`,
    per_connection_buffer_limit_bytes: 32_768,
    circuit_breakers: {
      thresholds: [
        {
          max_connections: unlimited,
          max_pending_requests: unlimited,
          max_requests: unlimited,
          // A fifth more load at most while all fail; but what one pod had in hand when it broke may all be asked again at once.
          retry_budget: { budget_percent: { value: 20 }, min_retry_concurrency: 100 },
        },
      ],
    },
    // Kubernetes has taken the endpoint away because it ends: waiting for a health check would only send it requests.
    ignore_health_on_host_removal: true,
  };
}

function discovery(name: string, { external }: Transport): Cluster {
  if (external === undefined) {
    return { type: 'EDS', eds_cluster_config: { eds_config: adsConfigSource, service_name: name } };
  }
  const address = { socket_address: { address: external.host, port_value: external.port } };
  return {
    type: 'STRICT_DNS',
    dns_lookup_family: 'V4_PREFERRED',
    respect_dns_ttl: true,
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
  };
}

function protocolOptions({ protocol, external }: Transport, plan: ClusterPlan): Cluster {
  const filters = external === undefined || external.mayBeLocal === true ? [] : foreignAddressesOnly;
  const http = httpOptions(isHttp2(protocol) ? http2 : http1, { ...plan, filters: [...filters, ...plan.filters] });
  const isTls = protocol === 'http1-tls' || protocol === 'http2-tls';
  return {
    typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': http },
    ...(isTls && {
      transport_socket: {
        name: 'envoy.transport_sockets.tls',
        typed_config: tls(protocol, plan.serverName ?? external?.host, plan.tls),
      },
    }),
  };
}

function isHttp2(protocol: BackendProtocol): boolean {
  return protocol === 'http2' || protocol === 'http2-tls';
}

const http1: HttpOptions = { explicit_http_config: { http_protocol_options: {} } };

const http2: HttpOptions = { explicit_http_config: { http2_protocol_options: {} } };

function httpOptions(
  options: HttpOptions,
  { requestsPerConnection: requests, idleSeconds: idle, leavesRetriesToRoutes, filters }: ClusterPlan,
): AnyMessage {
  const common = {
    ...(requests !== undefined && { max_requests_per_connection: requests }),
    ...(idle !== undefined && { idle_timeout: `${idle}s` as const }),
  };
  return any('envoy.extensions.upstreams.http.v3.HttpProtocolOptions', {
    ...options,
    ...(!leavesRetriesToRoutes && { retry_policy: defaultRetryPolicy }),
    ...(Object.keys(common).length > 0 && { common_http_protocol_options: common }),
    ...(filters.length > 0 && { http_filters: [...filters, codec] }),
  });
}

/** The last filter of every chain that is not empty. */
const codec = {
  name: 'envoy.filters.http.upstream_codec',
  typed_config: any('envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec', {}),
};

/** Encrypted, but without a proof of who answers unless a policy says who may: nothing in a Service does (as in ingress-nginx). */
function tls(protocol: BackendProtocol, serverName: string | undefined, common: ClusterPlan['tls']): AnyMessage {
  return any('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', {
    ...(serverName !== undefined && { sni: serverName }),
    common_tls_context: { ...common, ...(isHttp2(protocol) && { alpn_protocols: ['h2'] }) },
  });
}

function balancing({ prefer }: Transport): Cluster {
  if (prefer === 'any') return {};
  const typed_extension_config = prefer === 'client' ? byClientAddress : byZone;
  return { load_balancing_policy: { policies: [{ typed_extension_config }] } };
}

/** The same client address finds the same endpoint on every Envoy, and few find another when endpoints come and go. */
const byClientAddress = {
  name: 'envoy.load_balancing_policies.maglev',
  typed_config: any('envoy.extensions.load_balancing_policies.maglev.v3.Maglev', {
    table_size: 4093,
    consistent_hashing_lb_config: { hash_policy: [{ connection_properties: { source_ip: true } }] },
  }),
};

/**
 * Each Envoy compares the zone of an endpoint with its own (`sluice bootstrap --zone`), so one assignment is right for all.
 * While no endpoint of its zone is there, it uses those of the others.
 */
const byZone = {
  name: 'envoy.load_balancing_policies.round_robin',
  typed_config: any('envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin', {
    locality_lb_config: {
      zone_aware_lb_config: {
        routing_enabled: { value: 100 },
        min_cluster_size: 1,
        force_local_zone: { min_size: 1 },
      },
    },
  }),
};
