/**
 * Resources as the translation might make them if it had mistakes: of the fields that it writes, with values from good to
 * hostile. Each is made for a number, so that many can stand side by side.
 */
import * as fc from 'fast-check';
import type { Arbitrary } from 'fast-check';
import { any } from '../../src/proto/message.ts';
import type { MessageTypes } from '../../src/proto/message.ts';
import { certificate, certificateAuthority } from '../support/certificates.ts';
import { hostilePaths, hostileValues } from '../support/hostile-values.ts';

export type Made<T> = Arbitrary<(index: number) => T>;

type VirtualHost = MessageTypes['envoy.config.route.v3.VirtualHost'];
type Cluster = MessageTypes['envoy.config.cluster.v3.Cluster'];
type Assignment = MessageTypes['envoy.config.endpoint.v3.ClusterLoadAssignment'];
type Secret = MessageTypes['envoy.extensions.transport_sockets.tls.v3.Secret'];

/** Mostly good, else hostile: a message of ten values that are all good with an even chance has to be rare in bad ones. */
function mostly<T, U>(good: Arbitrary<T>, bad: Arbitrary<U>, weight = 25): Arbitrary<T | U> {
  return fc.oneof({ weight, arbitrary: good }, { weight: 1, arbitrary: bad });
}

/** No half characters, which no message can hold. */
function isWhole(text: string): boolean {
  return Buffer.from(text).toString() === text;
}

const words = fc.constantFrom(...hostileValues.filter((value) => value.length < 6_000 && isWhole(value)));
const odd = fc.oneof(words, fc.string({ unit: 'binary', maxLength: 12 }).filter(isWhole));

const path = mostly(
  fc.constantFrom('/', '/a', '/shop', '/a/b', '/%41', '/a;b', '/ü'),
  fc.oneof(
    fc.constantFrom(...hostilePaths.filter(isWhole)),
    odd.map((text) => `/${text}`),
  ),
  6,
);

const pieces = [
  'a',
  'bc',
  '/',
  '.',
  '^',
  '$',
  '-',
  'é',
  '\u{1F600}',
  ' ',
  '&&',
  '%',
  '#',
  ',',
  '=',
  '<',
  '>',
  '!',
  '~',
  '_',
  '0',
  '"',
  '(',
  ')',
  '(?:',
  '(?i)',
  '(?i:',
  '(?P<n>',
  '(?<n>',
  '(?P<m>',
  '(?=',
  '(?!',
  '(?s)',
  '(?#',
  '(?>',
  '|',
  '||',

  '*',
  '+',
  '?',
  '*?',
  '+?',
  '??',
  '**',
  '{2}',
  '{2,3}',
  '{2,}',
  '{0}',
  '{0,0}',
  '{1000}',
  '{1001}',
  '{3,2}',
  '{,3}',
  '{',
  '}',
  ']',

  '[a-z]',
  '[^/]',
  '[^é-ü]',
  '[é-ü]',
  '[\\d-z]',
  '[a-b-c]',
  '[-a]',
  '[a-]',
  '[]]',
  '[]',
  '[^]',
  '[z-a]',
  '[[]',
  '[[:alpha:]]',
  '[\\w.]',
  '[\\]]',
  '[&&a]',

  '\\d',
  '\\D',
  '\\w',
  '\\W',
  '\\s',
  '\\S',
  '\\b',
  '\\B',
  '\\.',
  '\\/',
  '\\-',
  '\\_',
  '\\ ',
  '\\"',
  '\\%',
  '\\{',
  '\\t',
  '\\n',
  '\\f',
  '\\v',

  '\\x41',
  '\\x{41}',
  '\\x4',
  '\\u0041',
  '\\cA',
  '\\1',
  '\\k<n>',
  '\\0',
  '\\p{L}',
  '\\A',
  '\\z',
  '\\Z',
  '\\Q',
  '\\E',
  '\\C',
  '\\é',
  '\\',
  '[\\b]',
  '[\\B]',
];

const balanced: Arbitrary<string> = fc.letrec<{ whole: string }>((tie) => ({
  whole: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom('a', '/', '.', '\\d', '[^/]', '[a-z]', '\\.', 'é', '[\\w-]'),
    fc.tuple(tie('whole'), tie('whole')).map((both) => both.join('')),
    fc.tuple(tie('whole'), tie('whole')).map((both) => `(${both.join('|')})`),
    fc
      .tuple(tie('whole'), fc.constantFrom('*', '+', '?', '*?', '{2}', '{2,}', '{3,40}', '{30}'))
      .map(([a, b]) => `(?:${a})${b}`),
  ),
})).whole;

export const expression: Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: balanced },
  {
    weight: 3,
    arbitrary: fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 8 }).map((all) => all.join('')),
  },
  { weight: 1, arbitrary: odd },
);

const regex = fc
  .oneof(
    { weight: 3, arbitrary: fc.constantFrom('/a', '/[a-z]+', '(?i)/x.*', '.*') },
    { weight: 2, arbitrary: expression },
  )
  .map((text) => ({ regex: text }));

const seconds = mostly(
  fc.constantFrom('0s', '1s', '0.25s', '3600s', '86400s'),
  fc.constantFrom(
    '-1s',
    '-0.5s',
    '315576000s',
    '2147483647s',
    '2147483648s',
    '9223372036s',
    '9223372037s',
    '315576000000s',
    '0.000000001s',
  ),
  20,
);

const headerName = mostly(fc.constantFrom('x-a', 'X-B', 'x_c', 'set-cookie', 'accept'), odd);
const headerText = mostly(
  fc.constantFrom('', 'v', '%REQ(:path)%', '100%%', '%REQ(x-forwarded-proto)%', 'a b'),
  odd,
  12,
);
const setHeader = fc.record(
  {
    header: fc.record({ key: headerName, value: headerText }),
    append_action: fc.constantFrom(
      'APPEND_IF_EXISTS_OR_ADD',
      'ADD_IF_ABSENT',
      'OVERWRITE_IF_EXISTS_OR_ADD',
      'OVERWRITE_IF_EXISTS',
    ),
    keep_empty_value: fc.boolean(),
  },
  { requiredKeys: ['header'] },
);

const textMatch = fc.oneof(
  fc.record({ exact: odd }),
  fc.record({ prefix: mostly(fc.constant('x'), odd) }),
  fc.record({ contains: mostly(fc.constant('x'), odd) }),
  fc.record({ safe_regex: regex }),
);
const headerMatch = fc.oneof(
  fc.record({ name: mostly(fc.constantFrom(':authority', ':method', 'x-a', 'cookie'), odd), string_match: textMatch }),
  fc.record({ name: headerName, present_match: fc.boolean(), invert_match: fc.boolean() }),
);

const match = fc
  .tuple(
    fc.oneof(
      fc.record({ prefix: path }),
      fc.record({ path }),
      fc.record({ path_separated_prefix: path.map((text) => (text === '/' ? '/x' : text)) }),
      fc.record({ safe_regex: regex }),
    ),
    fc.record(
      {
        headers: fc.array(headerMatch, { maxLength: 2 }),
        cookies: fc.array(fc.record({ name: mostly(fc.constant('c'), odd), string_match: textMatch }), {
          maxLength: 1,
        }),
        case_sensitive: fc.boolean(),
        query_parameters: fc.array(fc.record({ name: mostly(fc.constant('q'), odd), present_match: fc.boolean() }), {
          maxLength: 1,
        }),
        runtime_fraction: fc.record({
          default_value: fc.record({
            numerator: fc.nat(2_000_000),
            denominator: fc.constantFrom('HUNDRED', 'MILLION'),
          }),
        }),
      },
      { requiredKeys: [] },
    ),
  )
  .map(([where, more]) => ({ ...where, ...more }));

const retry = fc.record(
  {
    retry_on: mostly(fc.constantFrom('', '5xx', 'reset,connect-failure', 'retriable-status-codes'), odd),
    num_retries: fc.nat(10),
    per_try_timeout: seconds,
    per_try_idle_timeout: seconds,
    retriable_status_codes: fc.array(mostly(fc.constantFrom(502, 503), fc.nat(70_000)), { maxLength: 2 }),
    retry_back_off: fc.record({ base_interval: seconds, max_interval: seconds }, { requiredKeys: ['base_interval'] }),
    host_selection_retry_max_attempts: fc.nat(5),
  },
  { requiredKeys: [] },
);

const hashPolicy = fc.oneof(
  fc.record({ header: fc.record({ header_name: headerName }) }),
  fc.record({
    cookie: fc.record(
      { name: mostly(fc.constant('c'), odd), ttl: seconds, path: mostly(fc.constant('/'), odd) },
      { requiredKeys: ['name'] },
    ),
  }),
  fc.record({ query_parameter: fc.record({ name: mostly(fc.constant('q'), odd) }) }),
  fc.record({ connection_properties: fc.record({ source_ip: fc.boolean() }) }),
);

const rewrite = fc.record({
  pattern: regex,
  substitution: mostly(fc.constantFrom('', '/x', '/\\0'), fc.oneof(odd, fc.constantFrom('\\1', '\\2', '\\\\'))),
});

const weight = mostly(fc.nat(100), fc.constantFrom(4_294_967_295, 0), 8);
const whereTo = fc.oneof(
  { weight: 4, arbitrary: fc.record({ cluster: mostly(fc.constant('c'), odd) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      weighted_clusters: fc.record({
        clusters: fc.array(fc.record({ name: mostly(fc.constant('c'), odd), weight }), { maxLength: 3 }),
      }),
    }),
  },
);

const hostRewrite = fc.oneof(
  fc.record({ host_rewrite_literal: mostly(fc.constantFrom('b.test', 'b.test:80', '[::1]'), odd) }),
  fc.record({ host_rewrite: headerText }),
  fc.record({ host_rewrite_header: headerName }),
  fc.constant({}),
);
const pathRewrite = fc.oneof(
  fc.record({ prefix_rewrite: path }),
  fc.record({ regex_rewrite: rewrite }),
  fc.record({ path_rewrite: headerText }),
  fc.constant({}),
);

const action = fc
  .tuple(
    whereTo,
    hostRewrite,
    pathRewrite,
    fc.record(
      {
        timeout: seconds,
        idle_timeout: seconds,
        retry_policy: retry,
        hash_policy: fc.array(hashPolicy, { maxLength: 2 }),
        append_x_forwarded_host: fc.boolean(),
        request_mirror_policies: fc.array(fc.record({ cluster: mostly(fc.constant('c'), odd) }), { maxLength: 1 }),
        upgrade_configs: fc.array(
          fc.record({ upgrade_type: mostly(fc.constantFrom('websocket', 'CONNECT', 'WebSocket'), odd) }),
          { maxLength: 2 },
        ),
        max_stream_duration: fc.record({ max_stream_duration: seconds }),
      },
      { requiredKeys: [] },
    ),
  )
  .map((all) => Object.assign({}, ...all));

const redirect = fc
  .tuple(
    fc.oneof(
      fc.record({ path_redirect: path }),
      fc.record({ prefix_rewrite: path }),
      fc.record({ regex_rewrite: rewrite }),
      fc.constant({}),
    ),
    fc.oneof(
      fc.record({ https_redirect: fc.boolean() }),
      fc.record({ scheme_redirect: mostly(fc.constantFrom('http', 'https'), odd) }),
      fc.constant({}),
    ),
    fc.record(
      {
        host_redirect: mostly(fc.constantFrom('b.test', ''), odd),
        port_redirect: mostly(fc.constantFrom(0, 80, 443), fc.nat(100_000)),
        response_code: fc.constantFrom(
          'MOVED_PERMANENTLY',
          'FOUND',
          'SEE_OTHER',
          'TEMPORARY_REDIRECT',
          'PERMANENT_REDIRECT',
        ),
        strip_query: fc.boolean(),
      },
      { requiredKeys: [] },
    ),
  )
  .map((all) => Object.assign({}, ...all));

const answer = fc.record(
  {
    status: mostly(fc.constantFrom(200, 404, 503), fc.constantFrom(0, 99, 100, 199, 599, 600, 999)),
    body: fc.record({
      inline_string: mostly(
        fc.constantFrom('', 'x'),
        fc.constantFrom('x'.repeat(4_096), 'x'.repeat(4_097), 'é'.repeat(2_049)),
      ),
    }),
  },
  { requiredKeys: ['status'] },
);

const route = fc
  .tuple(
    fc.oneof(
      { weight: 4, arbitrary: action.map((each) => ({ route: each })) },
      { weight: 1, arbitrary: redirect.map((each) => ({ redirect: each })) },
      { weight: 1, arbitrary: answer.map((each) => ({ direct_response: each })) },
    ),
    fc.record(
      {
        match,
        request_headers_to_add: fc.array(setHeader, { maxLength: 2 }),
        response_headers_to_add: fc.array(setHeader, { maxLength: 2 }),
        request_headers_to_remove: fc.array(headerName, { maxLength: 2 }),
        response_headers_to_remove: fc.array(headerName, { maxLength: 1 }),
        metadata: fc.record({
          filter_metadata: fc.dictionary(fc.constantFrom('sluice', 'envoy.lb'), fc.dictionary(fc.constant('k'), odd)),
        }),
      },
      { requiredKeys: ['match'] },
    ),
  )
  .map((all) => Object.assign({}, ...all));

const domain: Made<string> = mostly(
  fc.constantFrom(
    (index: number) => `h${index}.test`,
    (index: number) => `*.h${index}.test`,
  ),
  fc.oneof(
    odd.map((text) => (index: number) => `${text}h${index}`),
    fc.constantFrom(
      (index: number) => `H${index}.test`,
      (index: number) => `h${index}.test.`,
      (index: number) => `h${index}.test:80`,
      (index: number) => `h${index}.*`,
      (index: number) => `*h${index}.test`,
      (index: number) => `${'a'.repeat(64)}.h${index}`,
    ),
  ),
  20,
);

export const virtualHost: Made<VirtualHost> = fc
  .tuple(
    domain,
    fc.array(route, { minLength: 1, maxLength: 2 }),
    fc.record(
      {
        request_headers_to_add: fc.array(setHeader, { maxLength: 1 }),
        response_headers_to_add: fc.array(setHeader, { maxLength: 1 }),
        include_request_attempt_count: fc.boolean(),
      },
      { requiredKeys: [] },
    ),
  )
  .map(([named, routes, more]) => (index) => ({ name: `r/${named(index)}`, domains: [named(index)], routes, ...more }));

const address = mostly(
  fc.constantFrom('10.0.0.1', '::1', 'fd00::1', '127.0.0.1', '::ffff:10.0.0.1', '10.255.255.255'),
  fc.oneof(
    odd,
    fc.constantFrom(
      '10.0.0.300',
      '010.0.0.1',
      '10.0.0',
      '1',
      '::',
      'fe80::1%eth0',
      'fe80::1%1',
      '::1%',
      '[::1]',
      'a.test',
      '0.0.0.0',
      '255.255.255.255',
      '1:2:3:4:5:6:7:8:9',
      '::g',
      '10.0.0.1 ',
    ),
  ),
  4,
);
const socketAddress = fc.record({
  socket_address: fc.record({
    address,
    port_value: mostly(fc.constantFrom(80, 65_535), fc.constantFrom(0, 1, 65_536), 12),
  }),
});
const locality = fc.record(
  {
    lb_endpoints: fc.array(
      fc.record(
        {
          endpoint: fc.record({ address: socketAddress }),
          load_balancing_weight: mostly(fc.integer({ min: 1, max: 128 }), fc.constantFrom(0, 4_294_967_295)),
          health_status: fc.constantFrom('UNKNOWN', 'HEALTHY', 'DRAINING', 'UNHEALTHY'),
        },
        { requiredKeys: ['endpoint'] },
      ),
      { maxLength: 3 },
    ),
    locality: fc.record({ zone: odd }),
    priority: mostly(fc.constant(0), fc.constantFrom(1, 2, 128, 129)),
    load_balancing_weight: mostly(fc.integer({ min: 1, max: 128 }), fc.constantFrom(0, 4_294_967_295)),
  },
  { requiredKeys: ['lb_endpoints'] },
);
export const assignment: Made<Assignment> = fc
  .array(locality, { maxLength: 2 })
  .map((endpoints) => (index) => ({ cluster_name: `c${index}`, endpoints }));

const adsSource = { ads: {}, resource_api_version: 'V3' } as const;
const discovery: Made<Cluster> = fc.oneof(
  fc.constant((index: number): Cluster => ({
    type: 'EDS',
    eds_cluster_config: { eds_config: adsSource, service_name: `c${index}` },
  })),
  mostly(
    fc.constantFrom('a.test', '10.0.0.1', 'A.test'),
    fc.oneof(odd, fc.constantFrom('a_b.test', '-a.test', 'a..b', 'a.test.', `${'a'.repeat(64)}.test`)),
  ).map((name) => (index: number): Cluster => ({
    type: 'STRICT_DNS',
    load_assignment: {
      cluster_name: `c${index}`,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: name, port_value: 80 } } } }] }],
    },
  })),
);
const balancing: Arbitrary<Cluster> = fc.oneof(
  fc.constant({}),
  fc.record({
    lb_policy: fc.constant('RING_HASH' as const),
    ring_hash_lb_config: fc.record(
      {
        minimum_ring_size: mostly(fc.nat(2_000), fc.constantFrom(0, 8_388_608, 8_388_609)),
        maximum_ring_size: mostly(fc.nat({ max: 4_000 }), fc.constantFrom(0, 8_388_609)),
      },
      { requiredKeys: [] },
    ),
  }),
  fc.record({
    lb_policy: fc.constant('MAGLEV' as const),
    maglev_lb_config: fc.record({
      table_size: mostly(fc.constantFrom(4_093, 65_537, 5_000_011), fc.constantFrom(0, 1, 2, 4_000, 5_000_012)),
    }),
  }),
  fc.constant({ lb_policy: 'LEAST_REQUEST' as const }),
);
export const cluster: Made<Cluster> = fc
  .tuple(
    discovery,
    balancing,
    fc.record(
      {
        connect_timeout: seconds,
        per_connection_buffer_limit_bytes: fc.nat(0xffff_ffff),
        typed_extension_protocol_options: fc
          .record({ idle_timeout: seconds, max_requests_per_connection: fc.nat(5) }, { requiredKeys: [] })
          .map((common) => ({
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': any(
              'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
              {
                common_http_protocol_options: common,
                explicit_http_config: { http_protocol_options: {} },
              },
            ),
          })),
        transport_socket: mostly(fc.constantFrom('a.test', ''), odd).map((sni) => ({
          name: 'envoy.transport_sockets.tls',
          typed_config: any('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', { sni }),
        })),
      },
      { requiredKeys: [] },
    ),
  )
  .map(([where, how, more]) => (index) => ({ name: `c${index}`, ...where(index), ...how, ...more }));

const root = certificateAuthority();
const pool = [
  certificate({ names: ['a.test'] }),
  certificate({ names: ['*.a.test', '10.0.0.1'], key: 'rsa-2048' }),
  certificate({ names: ['a.test'], key: 'ecdsa-p384' }),
  certificate({ names: ['a.test'], issuer: root }),
  certificate({ names: ['a.test'], notAfter: new Date(1_600_000_000_000), notBefore: new Date(1_500_000_000_000) }),
];
const badPool = [
  certificate({ names: ['a.test'], key: 'rsa-1024' }),
  certificate({ names: ['a.test'], key: 'ed25519' }),
  certificate({ names: ['a.test'], key: 'ecdsa-p256-explicit' }),
  certificate({ names: [], commonName: '' }),
  certificate({ names: ['a.test'], version: 5 }),
  certificate({ names: ['a.test'], version: 'none' }),
  certificate({ names: ['a.test'], keyUsage: [0x05, 0x20] }),
  certificate({ names: ['a.test'], validity: ['991301000000Z', '301301000000Z'] }),
];

/** A text with something of it changed. */
function damaged(text: string): Arbitrary<string> {
  return fc.oneof(
    fc
      .tuple(fc.nat(text.length), fc.nat(20), odd)
      .map(([at, length, other]) => text.slice(0, at) + other + text.slice(at + length)),
    fc.nat(text.length).map((at) => text.slice(0, at)),
    fc.constant(text + text),
    fc.constant(`${text}\n`),
    fc.constant(text.replaceAll('\n', '\r\n')),
    fc.constant(`# note\n${text}`),
    odd.map((other) => text + other),
  );
}

export const secret: Made<Secret> = fc
  .tuple(
    mostly(fc.constantFrom(...pool), fc.constantFrom(...badPool), 3),
    mostly(fc.constantFrom(...pool), fc.constantFrom(...badPool), 3),
    fc.constantFrom('', root.cert),
  )
  .chain(([own, other, more]) =>
    fc.tuple(
      mostly(fc.constant(own.cert + more), damaged(own.cert), 2),
      mostly(fc.constant(own.key), fc.oneof(damaged(own.key), fc.constant(other.key)), 2),
    ),
  )
  .map(([chain, key]) => (index) => ({
    name: `s${index}`,
    tls_certificate: { certificate_chain: { inline_string: chain }, private_key: { inline_string: key } },
  }));
