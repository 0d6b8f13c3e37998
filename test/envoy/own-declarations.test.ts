/**
 * Our own protobuf declarations against a real Envoy: it must find every field under the name that we wrote it by, with the
 * value that we wrote, and must meet no field that it does not know.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { any, encode, type AnyMessage, type MessageTypes } from '../../src/proto/message.ts';
import { certificate } from '../support/certificates.ts';
import { startEnvoy, type RunningEnvoy } from '../support/envoy.ts';
import { describeWithEnvoy } from '../support/tools.ts';

type HttpFilter = MessageTypes['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];

const authUri = { uri: 'http://auth', cluster: 'auth', timeout: '1s' } as const;
const gzip = {
  name: 'gzip',
  typed_config: any('envoy.extensions.compression.gzip.compressor.v3.Gzip', {}),
};

const basicAuth = any('envoy.extensions.filters.http.basic_auth.v3.BasicAuth', {
  users: { inline_string: 'user:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=' },
  authentication_header: 'x-own-authorization',
  allow_missing: true,
  realm: 'filter realm',
});

const localRateLimit = any('envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit', {
  stat_prefix: 'limit',
  token_bucket: { max_tokens: 10, tokens_per_fill: 10, fill_interval: '1s' },
  rate_limits: [
    { actions: [{ generic_key: { descriptor_value: 'own-descriptor' } }], hits_addend: { format: '%REQ(own-cost)%' } },
  ],
  max_dynamic_descriptors: 77,
  enable_retry_after_header: true,
});

const lua = any('envoy.extensions.filters.http.lua.v3.Lua', {
  default_source_code: { inline_string: 'function envoy_on_request() end' },
  shared_vm_id: 'own-machine',
  clear_route_cache: false,
});

const extAuthz = any('envoy.extensions.filters.http.ext_authz.v3.ExtAuthz', {
  http_service: { server_uri: authUri, path_override: '/own-path', retry_policy: { num_retries: 7 } },
});

const perRoute = {
  'envoy.filters.http.lua': any('envoy.extensions.filters.http.lua.v3.LuaPerRoute', {
    filter_context: { own: 'context' },
  }),
  'envoy.filters.http.basic_auth': any('envoy.extensions.filters.http.basic_auth.v3.BasicAuthPerRoute', {
    users: { inline_string: 'user:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=' },
    realm: 'route realm',
  }),
  'envoy.filters.http.compressor': any('envoy.extensions.filters.http.compressor.v3.CompressorPerRoute', {
    overrides: { compressor_library: { ...gzip, name: 'own-library' } },
  }),
  'envoy.filters.http.ext_authz': any('envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute', {
    check_settings: {
      http_service: { server_uri: { ...authUri, uri: 'http://own-service' }, path_prefix: '/own-prefix' },
    },
  }),
};

const virtualHost: MessageTypes['envoy.config.route.v3.VirtualHost'] = {
  name: 'all',
  domains: ['*'],
  request_body_buffer_limit: 4321,
  routes: [
    {
      match: { prefix: '/', cookies: [{ name: 'own-cookie', string_match: { exact: 'yes' }, invert_match: true }] },
      route: { cluster: 'auth', host_rewrite: '%REQ(own-host)%', path_rewrite: '/own%REQ(:path)%' },
      typed_per_filter_config: perRoute,
    },
    {
      match: { prefix: '/' },
      direct_response: { status: 200, body_format: { text_format_source: { inline_string: 'own %RESPONSE_CODE%' } } },
    },
  ],
};

function filter(name: string, config: AnyMessage): HttpFilter {
  return { name: `envoy.filters.http.${name}`, typed_config: config };
}

function listener(sds: string): AnyMessage {
  const manager = any('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'http',
    route_config: { name: 'inline', virtual_hosts: [virtualHost] },
    http_filters: [
      filter('basic_auth', basicAuth),
      filter('ext_authz', extAuthz),
      filter('local_ratelimit', localRateLimit),
      filter('lua', lua),
      filter('compressor', any('envoy.extensions.filters.http.compressor.v3.Compressor', { compressor_library: gzip })),
      filter('router', any('envoy.extensions.filters.http.router.v3.Router', {})),
    ],
  });
  return any('envoy.config.listener.v3.Listener', {
    name: 'own',
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    filter_chains: [
      {
        filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }],
        transport_socket: { name: 'tls', typed_config: downstream(sds) },
      },
    ],
  });
}

function downstream(sds: string): AnyMessage {
  const selector = any('envoy.extensions.transport_sockets.tls.cert_selectors.on_demand_secret.v3.Config', {
    config_source: { path_config_source: { path: sds }, initial_fetch_timeout: '1s' },
    certificate_mapper: {
      name: 'sni',
      typed_config: any('envoy.extensions.transport_sockets.tls.cert_mappers.sni.v3.SNI', {
        default_value: 'own-default',
      }),
    },
    prefetch_secret_names: ['own-prefetched'],
  });
  return any('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
    prefer_client_ciphers: true,
    disable_stateless_session_resumption: true,
    disable_stateful_session_resumption: true,
    common_tls_context: { custom_tls_certificate_selector: { name: 'on-demand', typed_config: selector } },
  });
}

function cluster(tls: AnyMessage): AnyMessage {
  return any('envoy.config.cluster.v3.Cluster', {
    name: 'auth',
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: { cluster_name: 'auth' },
    transport_socket: { name: 'tls', typed_config: tls },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': any(
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        { explicit_http_config: { http_protocol_options: {} }, retry_policy: { retry_on: 'own-reason' } },
      ),
    },
  });
}

const upstream = any('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', {
  sni: 'auth.example.com',
  auto_host_sni: true,
  auto_sni_san_validation: true,
  common_tls_context: {
    validation_context: { trusted_ca: { inline_string: certificate({ names: ['ca'], authority: true }).cert } },
  },
});

function response(value: MessageTypes['envoy.service.discovery.v3.DiscoveryResponse']): Uint8Array {
  return encode('envoy.service.discovery.v3.DiscoveryResponse', value);
}

/** Number 61 is nobody's; a varint of one, as `auto_host_sni` under the wrong number would be. */
const unknownField = Uint8Array.of(0xe8, 0x03, 1);

describeWithEnvoy('a real Envoy', () => {
  let folder = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-declarations-'));
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  /** Serves encoded responses from files, which Envoy reads in protobuf's binary form when they end in .pb. */
  async function envoyWith(listeners: Uint8Array, clusters: Uint8Array): Promise<RunningEnvoy> {
    const lds = join(folder, 'lds.pb');
    const cds = join(folder, 'cds.pb');
    await Promise.all([writeFile(lds, listeners), writeFile(cds, clusters)]);
    const bootstrap = {
      node: { id: 'own', cluster: 'own' },
      dynamic_resources: {
        lds_config: { path_config_source: { path: lds } },
        cds_config: { path_config_source: { path: cds } },
      },
    };
    return startEnvoy({ bootstrap: JSON.stringify(bootstrap) });
  }

  it('finds every own field by its name and value, and none that it does not know', async () => {
    const sds = join(folder, 'sds.pb');
    const { cert, key } = certificate({ names: ['own.example.com'] });
    const secret = any('envoy.extensions.transport_sockets.tls.v3.Secret', {
      name: 'own-prefetched',
      tls_certificate: { certificate_chain: { inline_string: cert }, private_key: { inline_string: key } },
    });
    await writeFile(sds, response({ resources: [secret] }));
    const missing = { resource_name: { name: 'missing' }, error_detail: { code: 5, message: 'not here' } };
    const envoy = await envoyWith(
      response({ resources: [listener(sds)], resource_errors: [missing] }),
      response({ resources: [cluster(upstream)] }),
    );
    try {
      expect(await envoy.stat('listener_manager.lds.update_rejected')).toBe(0);
      expect(await envoy.stat('server.dynamic_unknown_fields')).toBe(0);
      const dump = await dumpOf(envoy);
      const found = Object.fromEntries(Object.keys(expected).map((field) => [field, valuesOf(dump, field)]));
      expect(found).toMatchObject(expected);
    } finally {
      await envoy.stop();
    }
  });

  it('would show a field under a wrong number as unknown', async () => {
    const right = encode('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', { sni: 'auth.example.com' });
    const url = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext';
    const wrong = { '@type': url, bytes: Buffer.concat([right, unknownField]) };
    const envoy = await envoyWith(response({}), response({ resources: [cluster(wrong)] }));
    try {
      expect(await envoy.stat('server.dynamic_unknown_fields')).toBe(1);
      const dump = await dumpOf(envoy);
      expect(valuesOf(dump, 'sni')).toEqual(['auth.example.com']);
      expect(valuesOf(dump, 'auto_host_sni')).toEqual([]);
    } finally {
      await envoy.stop();
    }
  });

  it('would show an unknown field of the response itself', async () => {
    const envoy = await envoyWith(Buffer.concat([response({}), unknownField]), response({}));
    try {
      expect(await envoy.stat('server.dynamic_unknown_fields')).toBe(1);
    } finally {
      await envoy.stop();
    }
  });
});

/** By field name: the values that Envoy's /config_dump must have under it, in any message. */
const expected = {
  custom_tls_certificate_selector: [{ name: 'on-demand' }],
  config_source: [{ initial_fetch_timeout: '1s' }],
  certificate_mapper: [{ typed_config: { default_value: 'own-default' } }],
  prefetch_secret_names: [['own-prefetched']],
  prefer_client_ciphers: [true],
  auto_host_sni: [true],
  auto_sni_san_validation: [true],
  authentication_header: ['x-own-authorization'],
  allow_missing: [true],
  realm: ['route realm', 'filter realm'],
  overrides: [{ compressor_library: { name: 'own-library' } }],
  path_override: ['/own-path'],
  retry_policy: [{ num_retries: 7 }, { retry_on: 'own-reason' }],
  check_settings: [{ http_service: { server_uri: { uri: 'http://own-service' }, path_prefix: '/own-prefix' } }],
  rate_limits: [[{ actions: [{ generic_key: { descriptor_value: 'own-descriptor' } }] }]],
  hits_addend: [{ format: '%REQ(own-cost)%' }],
  shared_vm_id: ['own-machine'],
  clear_route_cache: [false],
  filter_context: [{ own: 'context' }],
  max_dynamic_descriptors: [77],
  enable_retry_after_header: [true],
  request_body_buffer_limit: ['4321'],
  cookies: [[{ name: 'own-cookie', string_match: { exact: 'yes' }, invert_match: true }]],
  host_rewrite: ['%REQ(own-host)%'],
  path_rewrite: ['/own%REQ(:path)%'],
  body_format: [{ text_format_source: { inline_string: 'own %RESPONSE_CODE%' } }],
};

/** Without the routes, which the listener has inline already. */
async function dumpOf(envoy: RunningEnvoy): Promise<unknown> {
  return [
    await envoy.adminJson('/config_dump?resource=dynamic_listeners'),
    await envoy.adminJson('/config_dump?resource=dynamic_active_clusters'),
  ];
}

/** Everything found under the name anywhere in the JSON, in its order. */
function valuesOf(json: unknown, name: string): readonly unknown[] {
  if (typeof json !== 'object' || json === null) return [];
  return Object.entries(json).flatMap(([key, value]) => (key === name ? [value] : []).concat(valuesOf(value, name)));
}
