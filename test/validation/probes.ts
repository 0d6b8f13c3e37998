/**
 * Configurations that have been tried on Envoy 1.40, by hand, and what it said of each: `refused`, `accepted`, or `dangerous` for
 * what it accepts and should not be sent all the same. Every one is a message as the wall is given it.
 */
import type { MessageName, MessageTypes } from '../../src/proto/message.ts';
import { certificate, certificateAuthority } from '../support/certificates.ts';

export interface Probe {
  readonly title: string;
  readonly verdict: 'refused' | 'accepted' | 'dangerous';
  readonly name: MessageName;
  readonly message: unknown;
}

type Route = MessageTypes['envoy.config.route.v3.Route'];

function table(verdict: Probe['verdict'], title: string, virtual_hosts: unknown): Probe {
  return { title, verdict, name: 'envoy.config.route.v3.RouteConfiguration', message: { name: 'r', virtual_hosts } };
}

function domain(verdict: Probe['verdict'], text: string): Probe {
  return table(verdict, `the domain ${JSON.stringify(text).slice(0, 60)}`, [
    { name: 'v', domains: [text], routes: [] },
  ]);
}

function host(name: string, domains: readonly string[]) {
  return { name, domains, routes: [] };
}

function route(verdict: Probe['verdict'], title: string, fields: unknown): Probe {
  const whole = { match: { prefix: '/' }, route: { cluster: 'c' } };
  const own = typeof fields === 'object' ? fields : {};
  const routes = [
    own !== null && ('redirect' in own || 'direct_response' in own)
      ? { match: whole.match, ...own }
      : { ...whole, ...own },
  ];
  const message = { name: 'r/a.test', domains: ['a.test'], routes };
  return { title, verdict, name: 'envoy.config.route.v3.VirtualHost', message };
}

function matching(verdict: Probe['verdict'], match: NonNullable<Route['match']>): Probe {
  return route(verdict, `the match ${JSON.stringify(match).slice(0, 70)}`, { match });
}

function expression(verdict: Probe['verdict'], regex: string): Probe {
  return matching(verdict, { safe_regex: { regex } });
}

function acting(verdict: Probe['verdict'], title: string, action: unknown): Probe {
  return route(verdict, title, { route: { cluster: 'c', ...(typeof action === 'object' ? action : {}) } });
}

function substitution(verdict: Probe['verdict'], text: string): Probe {
  const regex_rewrite = { pattern: { regex: '/(a)' }, substitution: text };
  return acting(verdict, `the substitution ${JSON.stringify(text)}`, { regex_rewrite });
}

function header(verdict: Probe['verdict'], key: string, value: string): Probe {
  const request_headers_to_add = [{ header: { key, value } }];
  return route(verdict, `the header ${JSON.stringify(key)}: ${JSON.stringify(value)}`, { request_headers_to_add });
}

function redirect(verdict: Probe['verdict'], fields: object): Probe {
  return route(verdict, `the redirect ${JSON.stringify(fields)}`, { redirect: fields });
}

function endpoint(verdict: Probe['verdict'], title: string, address: string, port_value: number): Probe {
  const lb_endpoints = [{ endpoint: { address: { socket_address: { address, port_value } } } }];
  const message = { cluster_name: 'c', endpoints: [{ lb_endpoints }] };
  return { title, verdict, name: 'envoy.config.endpoint.v3.ClusterLoadAssignment', message };
}

function cluster(verdict: Probe['verdict'], title: string, fields: object): Probe {
  const eds_cluster_config = { eds_config: { ads: {}, resource_api_version: 'V3' } };
  const message = { name: 'c', type: 'EDS', eds_cluster_config, ...fields };
  return { title, verdict, name: 'envoy.config.cluster.v3.Cluster', message };
}

function pair(verdict: Probe['verdict'], title: string, chain: string, key: string): Probe {
  const tls_certificate = { certificate_chain: { inline_string: chain }, private_key: { inline_string: key } };
  return {
    title,
    verdict,
    name: 'envoy.extensions.transport_sockets.tls.v3.Secret',
    message: { name: 's', tls_certificate },
  };
}

function chains(verdict: Probe['verdict'], title: string, serverNames: readonly (readonly string[])[]): Probe {
  const filter_chains = serverNames.map((server_names, index) => ({
    name: `f${index}`,
    filter_chain_match: { server_names },
  }));
  return { title, verdict, name: 'envoy.config.listener.v3.Listener', message: { name: 'l', filter_chains } };
}

function cookie(verdict: Probe['verdict'], name: string): Probe {
  return acting(verdict, `the hash cookie ${JSON.stringify(name)}`, { hash_policy: [{ cookie: { name } }] });
}

function weights(verdict: Probe['verdict'], ...all: readonly number[]): Probe {
  const clusters = all.map((weight) => ({ name: 'c', weight }));
  return route(verdict, `the weights ${all.join(', ')}`, { route: { weighted_clusters: { clusters } } });
}

const good = certificate({ names: ['a.test'] });
const other = certificate({ names: ['a.test'] });
const rsa = certificate({ names: ['a.test'], key: 'rsa-2048' });
const authority = certificateAuthority();
const issued = certificate({ names: ['a.test'], issuer: authority });
const encrypted = `-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n`;
const weak = certificate({ names: ['a.test'], key: 'rsa-1024' });
const nameless = certificate({ commonName: '' });
const edwards = certificate({ names: ['a.test'], key: 'ed25519' });
const old = certificate({
  names: ['a.test'],
  notAfter: new Date(1_600_000_000_000),
  notBefore: new Date(1_500_000_000_000),
});

export const probes: readonly Probe[] = [
  route('accepted', 'a plain route', {}),
  table('refused', 'a domain in two virtual hosts', [host('a', ['a.test']), host('b', ['a.test'])]),
  table('refused', 'a domain in two virtual hosts that differs in case only', [
    host('a', ['a.test']),
    host('b', ['A.test']),
  ]),
  table('dangerous', 'two virtual hosts of one name', [host('a', ['a.test']), host('a', ['b.test'])]),
  table('refused', 'two catch-all virtual hosts', [host('a', ['*']), host('b', ['*'])]),
  ...['', '*.', '**', 'a*b', '*.*.test', 'foo.*', 'exa mple.com', '-bad-.x', 'a'.repeat(300), '[::1]'].map((text) =>
    domain('dangerous', text),
  ),
  domain('refused', 'a\nb'),
  ...['*', 'xn--nxasmq6b', 'a_b.test'].map((text) => domain('accepted', text)),
  ...['', '/a b', '/a?x=1', '/a#f', 'a', '/\n', '/\u0000'].map((prefix) => matching('dangerous', { prefix })),
  ...['/%zz', '/a//b', '/../x', '/é', `/${'a'.repeat(5_000)}`].map((prefix) => matching('accepted', { prefix })),
  matching('accepted', { path_separated_prefix: '/a' }),
  ...['/a/', '/', '/a?x', '/a#f', 'a', ''].map((prefix) => matching('refused', { path_separated_prefix: prefix })),
  ...[
    '/a(',
    '/(?=x)',
    '/(?!x)a',
    '/(a)\\1',
    '/[a-',
    '/a{1001}',
    '/(a{1000}){1000}',
    '/((a{100}){100}){100}',
    '',
    '/(?>a)',
    '/\\d++',
    '/a**',
    '(?#c)/a',
  ].map((regex) => expression('refused', regex)),
  ...['/(?<n>a)', '/(?P<n>a)', '/(a+)+$', '/(?i)abc', '/a{1000}'].map((regex) => expression('accepted', regex)),
  expression('accepted', `/${'a|/'.repeat(5_000)}a`),
  // Without the bootstrap of Sluice, Envoy would refuse programs of more than 100 instructions.
  ...['/a{1000}', '/[\\w]{32}/x/[\\w]{64}', '/.*'.repeat(400)].map((regex) =>
    matching('accepted', { safe_regex: { google_re2: {}, regex } }),
  ),
  ...['/(?P<n>a)(?P<n>b)', '/\\Qa.b', '/\\p{Han}', '/\u0000'].map((regex) => expression('dangerous', regex)),
  substitution('accepted', '/\\1'),
  substitution('accepted', '/\\0'),
  substitution('accepted', '/$1'),
  substitution('accepted', '/%'),
  ...['/\\2', '\\', '/\\9'].map((text) => substitution('dangerous', text)),
  substitution('refused', '/\n'),
  ...['plain', '%%', 'é', '%REQ(authorization)%'].map((value) => header('accepted', 'x-a', value)),
  ...['%', '100% sure', '%NOPE%', '%REQ(%', 'a\r\nX-Evil: 1', 'a\nb', 'a\u0000b', '%FILE_CONTENT(/etc/hostname)%'].map(
    (value) => header('refused', 'x-a', value),
  ),
  ...['%DYNAMIC_METADATA(x)%', '%ENVIRONMENT(HOME)%', '%FILTER_STATE(x)%', '%START_TIME%'].map((value) =>
    header('dangerous', 'x-a', value),
  ),
  ...['X-A', 'x_a'].map((key) => header('accepted', key, 'v')),
  ...['', 'x\r\na', 'host', ':path', ':authority'].map((key) => header('refused', key, 'v')),
  ...['x a', 'x:a', 'é', 'content-length', 'transfer-encoding'].map((key) => header('dangerous', key, 'v')),
  ...['b.test', '%REQ(x)%'].map((text) =>
    acting('accepted', `the host ${text}`, { host_rewrite_literal: text.replaceAll(/[%()]/g, '') }),
  ),
  acting('refused', 'a host of two lines', { host_rewrite_literal: 'a\r\nb' }),
  ...['b c', ''].map((text) => acting('dangerous', `the host ${JSON.stringify(text)}`, { host_rewrite_literal: text })),
  ...['-1s', '315576000000s'].map((timeout) => acting('refused', `the timeout ${timeout}`, { timeout })),
  // These cannot even be written.
  ...['0.0000000001s', '999999999999s'].map((timeout) => acting('refused', `the timeout ${timeout}`, { timeout })),
  ...['0s', '10s'].map((timeout) => acting('accepted', `the timeout ${timeout}`, { timeout })),
  acting('refused', 'a back-off of no time', { retry_policy: { retry_back_off: { base_interval: '0s' } } }),
  acting('refused', 'a back-off whose most is below its least', {
    retry_policy: { retry_back_off: { base_interval: '1s', max_interval: '0.5s' } },
  }),
  acting('dangerous', 'a condition for retries that nobody knows', { retry_policy: { retry_on: 'garbage' } }),
  weights('refused', 0, 0),
  weights('accepted', 0, 1),
  weights('refused', 4_294_967_295, 1),
  weights('accepted', 4_294_967_295, 0),
  weights('refused'),
  ...[200, 302, 503].map((status) => route('accepted', `an answer of ${status}`, { direct_response: { status } })),
  ...[99, 100, 600].map((status) => route('refused', `an answer of ${status}`, { direct_response: { status } })),
  route('refused', 'an answer of 5,000 bytes', {
    direct_response: { status: 200, body: { inline_string: 'x'.repeat(5_000) } },
  }),
  redirect('refused', { path_redirect: '/a\r\nX: 1' }),
  redirect('refused', { host_redirect: 'a\r\nb' }),
  redirect('refused', { prefix_rewrite: '/x', regex_rewrite: { pattern: { regex: '/a' }, substitution: '/b' } }),
  redirect('accepted', { response_code: 'FOUND' }),
  redirect('dangerous', { path_redirect: '/a b' }),
  redirect('dangerous', { port_redirect: 70_000 }),
  redirect('dangerous', { scheme_redirect: 'javascript' }),
  ...['10.0.0.1', '::1', '127.0.0.1'].map((address) => endpoint('accepted', `the endpoint ${address}`, address, 80)),
  ...['10.0.0.300', 'foo', ''].map((address) => endpoint('refused', `the endpoint ${address}`, address, 80)),
  endpoint('dangerous', 'an endpoint in a zone', 'fe80::1%eth0', 80),
  endpoint('dangerous', 'an endpoint of the link, where clouds hand out credentials', '169.254.169.254', 80),
  endpoint('dangerous', 'an endpoint with the port 0', '10.0.0.1', 0),
  endpoint('accepted', 'an endpoint with the port 65535', '10.0.0.1', 65_535),
  endpoint('refused', 'an endpoint with the port 65536', '10.0.0.1', 65_536),
  {
    title: 'an endpoint with the weight 0',
    verdict: 'refused',
    name: 'envoy.config.endpoint.v3.ClusterLoadAssignment',
    message: {
      cluster_name: 'c',
      endpoints: [
        {
          lb_endpoints: [
            {
              load_balancing_weight: 0,
              endpoint: { address: { socket_address: { address: '10.0.0.1', port_value: 80 } } },
            },
          ],
        },
      ],
    },
  },
  cluster('accepted', 'a plain cluster', {}),
  cluster('refused', 'a ring whose least size is above its most', {
    lb_policy: 'RING_HASH',
    ring_hash_lb_config: { minimum_ring_size: 2_000, maximum_ring_size: 1_000 },
  }),
  cluster('refused', 'a Maglev table of no prime size', {
    lb_policy: 'MAGLEV',
    maglev_lb_config: { table_size: 4_000 },
  }),
  cluster('refused', 'a cluster that connects in no time', { connect_timeout: '0s' }),
  cookie('refused', ''),
  ...['a b', 'a\r\nb', 'a;b'].map((name) => cookie('dangerous', name)),
  cookie('accepted', 'ok'),
  pair('accepted', 'a good pair', good.cert, good.key),
  pair('accepted', 'a good RSA pair', rsa.cert, rsa.key),
  pair('accepted', 'a certificate and who signed it', issued.cert + authority.cert, issued.key),
  pair('accepted', 'an expired pair', old.cert, old.key),
  pair('dangerous', 'a pair with ends of lines as Windows has them', good.cert.replaceAll('\n', '\r\n'), good.key),
  pair('dangerous', 'a pair on Ed25519', edwards.cert, edwards.key),
  pair('refused', 'no certificate', '', good.key),
  pair('refused', 'no key', good.cert, ''),
  pair('refused', 'an encrypted key', good.cert, encrypted),
  pair('refused', 'garbage', 'garbage', 'garbage'),
  pair('refused', 'a truncated certificate', good.cert.slice(0, 200), good.key),
  pair('refused', 'the key of another certificate', good.cert, other.key),
  pair('refused', 'the key of another type', good.cert, rsa.key),
  pair('refused', 'a chain in the wrong order', authority.cert + issued.cert, issued.key),
  pair('refused', 'a certificate for nobody', nameless.cert, nameless.key),
  pair('refused', 'an RSA key of 1,024 bits', weak.cert, weak.key),
  chains('refused', 'two filter chains with the same name of a server', [['a.test'], ['a.test']]),
  chains('accepted', 'a wildcard as the name of a server', [['*.a.test']]),
  ...['*', 'a*.test'].map((name) => chains('refused', `the name of a server ${name}`, [[name]])),
  ...['A.TEST', '', '*.', 'a.test.'].map((name) =>
    chains('dangerous', `the name of a server ${JSON.stringify(name)}`, [[name]]),
  ),
];
