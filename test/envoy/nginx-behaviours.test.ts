/**
 * What users of ingress-nginx depend on, mostly without knowing: each case is a set of Ingresses and what requests get, through a real
 * Envoy. Everything is applied at once, since every case has hosts of its own.
 */
import { expect, it } from '@jest/globals';
import type { Service } from '../../src/cluster/kubernetes-object.ts';
import { configMap, endpointSlice, secret, service } from '../support/objects.ts';
import { describeWithEnvoy } from '../support/tools.ts';
import { scene } from './features/scene.ts';
import type { SceneAnswer, SceneIngress, SceneRequest } from './features/scene.ts';

type Expected = string | ((answer: SceneAnswer) => unknown);

interface Case {
  readonly title: string;
  readonly ingresses: readonly SceneIngress[];
  readonly asks: readonly (readonly [url: string, expected: Expected, request?: SceneRequest])[];
}

/** An annotation that changes nothing: it says that the Ingress is written for ingress-nginx. */
const plain = { 'proxy-body-size': '1m' };
const tls = (...hosts: readonly string[]) => [{ hosts, secretName: 'tls' }];
const header = (name: string) => (answer: SceneAnswer) => answer.headers[name];
const seen = (name: string) => (answer: SceneAnswer) => answer.echo?.headers[name];
const is =
  (read: (answer: SceneAnswer) => unknown, wanted: unknown) =>
  (answer: SceneAnswer): unknown =>
    expect(read(answer)).toEqual(wanted);

const cases: readonly Case[] = [
  {
    title: 'a path of type ImplementationSpecific is one of elements, like Prefix',
    ingresses: [{ hosts: { 'p1.test': { '~/foo': 'web:80' } }, annotations: plain }],
    asks: [
      ['p1.test/foo', 'web /foo'],
      ['p1.test/foo/x', 'web /foo/x'],
      ['p1.test/foobar', '404'],
      ['p1.test/FOO', '404'],
    ],
  },
  {
    title: 'a slash at the end of a path is asked for with 301',
    ingresses: [{ hosts: { 'p2.test': { '/foo/': 'web:80', '=/bar/': 'web:80' } }, annotations: plain }],
    asks: [
      ['p2.test/foo', '301 http://p2.test/foo/'],
      ['p2.test/foo?a=b', '301 http://p2.test/foo/?a=b'],
      ['p2.test/bar', '301 http://p2.test/bar/'],
      ['p2.test/foo/x', 'web /foo/x'],
    ],
  },
  {
    title: 'one expression makes expressions of all paths of the host, in all Ingresses',
    ingresses: [
      { hosts: { 'p3.test': { '~/x/(.*)': 'web:80' } }, annotations: { 'use-regex': 'true' } },
      { hosts: { 'p3.test': { '/foo': 'api:80', '=/HEAD': 'api:80' } } },
    ],
    asks: [
      ['p3.test/foobar', 'api /foobar'],
      ['p3.test/FOOx', 'api /FOOx'],
      ['p3.test/headers', 'api /headers'],
      ['p3.test/a/foo', '404'],
    ],
  },
  {
    title: 'of expressions the longest text is first, and not the longest match',
    ingresses: [
      {
        hosts: { 'p5.test': { '~/foo/bar/bar': 'web:80', '~/foo/bar/[A-Z0-9]{3}': 'api:80' } },
        annotations: { 'use-regex': 'true' },
      },
    ],
    asks: [['p5.test/foo/bar/bar', 'api /foo/bar/bar']],
  },
  {
    title: 'an exact path is before a prefix, and a longer prefix before a shorter',
    ingresses: [
      { hosts: { 'p6.test': { '/': 'web:80', '/foo': 'api:80', '=/foo': 'other:80', '/foo/bar': 'other:80' } } },
    ],
    asks: [
      ['p6.test/foo', 'other /foo'],
      ['p6.test/foo/x', 'api /foo/x'],
      ['p6.test/foo/bar/x', 'other /foo/bar/x'],
      ['p6.test/foobar', 'web /foobar'],
    ],
  },
  {
    title: 'the oldest Ingress keeps a path that several have',
    ingresses: [
      { created: '2024-01-02T00:00:00Z', hosts: { 'p7.test': { '/x': 'api:80' } } },
      { created: '2024-01-01T00:00:00Z', hosts: { 'p7.test': { '/x': 'web:80' } } },
    ],
    asks: [['p7.test/x', 'web /x']],
  },
  {
    title: 'what no path of a host matches has the policies of its oldest Ingress',
    ingresses: [
      {
        created: '2024-01-01T00:00:00Z',
        hosts: { 'p8.test': { '/x': 'web:80' } },
        annotations: { 'whitelist-source-range': '192.0.2.0/24' },
      },
      { created: '2024-01-02T00:00:00Z', hosts: { 'p8.test': { '/y': 'web:80' } } },
    ],
    asks: [
      ['p8.test/none', '403'],
      ['p8.test/y', 'web /y'],
    ],
  },
  {
    title: 'a default backend of an Ingress serves what its hosts do not',
    ingresses: [{ hosts: { 'p9.test': { '/x': 'web:80' } }, defaultBackend: 'api:80', annotations: plain }],
    asks: [
      ['p9.test/x', 'web /x'],
      ['p9.test/y', 'api /y'],
    ],
  },
  {
    title: 'a wildcard stands for one label, and a host of its own is before it',
    ingresses: [
      { hosts: { '*.p16.test': { '/': 'web:80' } }, annotations: plain },
      { hosts: { 'own.p16.test': { '/x': 'api:80' } }, annotations: plain },
    ],
    asks: [
      ['a.p16.test/', 'web /'],
      ['A.P16.TEST:8080/', 'web /'],
      ['a.b.p16.test/', '404'],
      ['p16.test/', '404'],
      ['own.p16.test/x', 'api /x'],
      ['own.p16.test/y', '404'],
    ],
  },
  {
    title: 'a rewrite takes the place of the whole path, and the query stays',
    ingresses: [
      { hosts: { 'p12.test': { '~/foo': 'web:80' } }, annotations: { 'rewrite-target': '/' } },
      { hosts: { 'p12b.test': { '~/api(/|$)(.*)': 'web:80' } }, annotations: { 'rewrite-target': '/$2' } },
      { hosts: { 'p12c.test': { '/foo': 'web:80' } }, annotations: { 'rewrite-target': '/new/$1/x' } },
    ],
    asks: [
      ['p12.test/foo/bar/baz?q=1', 'web /?q=1'],
      ['p12b.test/api/v1/x?q=1', 'web /v1/x?q=1'],
      ['p12b.test/api', 'web /'],
      ['p12c.test/foo/z', 'web /new//x'],
    ],
  },
  {
    title: 'the path of an ACME challenge is neither redirected nor guarded, nor taken by a rewrite of the root',
    ingresses: [
      {
        hosts: { 'acme.test': { '~/(.*)': 'web:80' } },
        tls: tls('acme.test'),
        annotations: { 'rewrite-target': '/new/$1', 'auth-type': 'basic', 'auth-secret': 'users' },
      },
      { hosts: { 'acme.test': { '~/.well-known/acme-challenge/token': 'api:80' } } },
    ],
    asks: [
      ['acme.test/.well-known/acme-challenge/token', 'api /.well-known/acme-challenge/token'],
      ['acme.test/x', '308 https://acme.test/x'],
      ['https://acme.test/x', '401'],
    ],
  },
  {
    title: 'the redirect to HTTPS drops one slash at the end and the port, and comes only where TLS is asked for',
    ingresses: [
      { hosts: { 't1.test': { '/': 'web:80' } }, tls: tls('t1.test') },
      { hosts: { 't2.test': { '/': 'web:80' } }, tls: [{ hosts: ['t2.test'], secretName: 'gone' }] },
      { hosts: { 't3.test': { '/': 'web:80' } }, annotations: plain },
      { hosts: { 't4.test': { '/': 'web:80' } }, tls: tls('t4.test'), annotations: { 'ssl-redirect': 'false' } },
      { hosts: { 't5.test': { '/': 'web:80' } }, annotations: { 'force-ssl-redirect': 'TRUE' } },
    ],
    asks: [
      ['t1.test/', '308 https://t1.test'],
      ['t1.test:8080/a/', '308 https://t1.test/a'],
      ['t1.test/a/?b=/', '308 https://t1.test/a/?b=/'],
      ['t2.test/a', '308 https://t2.test/a'],
      ['t3.test/a', 'web /a'],
      ['t4.test/a', 'web /a'],
      ['t5.test/a', '308 https://t5.test/a'],
    ],
  },
  {
    title: 'HSTS is on every answer over HTTPS, also on errors, and on none over HTTP',
    ingresses: [{ hosts: { 't6.test': { '/x': 'web:80' } }, tls: tls('t6.test') }],
    asks: [
      ['https://t6.test/x', is(header('strict-transport-security'), 'max-age=31536000; includeSubDomains')],
      ['https://t6.test/none', is(header('strict-transport-security'), 'max-age=31536000; includeSubDomains')],
      ['t6.test/x', is(header('strict-transport-security'), undefined)],
    ],
  },
  {
    title: 'redirects of Ingresses are before the one to HTTPS, and have codes of their own within limits',
    ingresses: [
      {
        hosts: { 't7.test': { '/': 'web:80' } },
        tls: tls('t7.test'),
        annotations: { 'permanent-redirect': 'https://away.test/x', 'permanent-redirect-code': '308' },
      },
      {
        hosts: { 't7b.test': { '/': 'web:80' } },
        annotations: {
          'temporal-redirect': 'https://away.test/t',
          'permanent-redirect': 'https://away.test/p',
          'temporal-redirect-code': '308',
        },
      },
      {
        hosts: { 't7c.test': { '/': 'web:80' } },
        annotations: { 'permanent-redirect': 'https://away.test/p', 'permanent-redirect-code': '500' },
      },
    ],
    asks: [
      ['t7.test/any?q', '308 https://away.test/x'],
      ['t7b.test/', '302 https://away.test/t'],
      ['t7c.test/', '301 https://away.test/p'],
    ],
  },
  {
    title: 'www is redirected with the port written, and without a slash at the end',
    ingresses: [
      { hosts: { 't8.test': { '/': 'web:80' } }, annotations: { 'from-to-www-redirect': 'true' } },
      { hosts: { 'www.t8b.test': { '/': 'web:80' } }, annotations: { 'from-to-www-redirect': 'true' } },
    ],
    asks: [
      ['www.t8.test/foo', '308 http://t8.test:80/foo'],
      ['www.t8.test/foo?q=1', '308 http://t8.test:80/foo?q=1'],
      ['t8b.test/foo/', '308 http://www.t8b.test:80/foo'],
      ['t8.test/foo', 'web /foo'],
    ],
  },
  {
    title: 'the application root is for exactly /, of all Ingresses of the host',
    ingresses: [
      { hosts: { 'root.test': { '/': 'web:80' } }, annotations: { 'app-root': '/foo' } },
      { hosts: { 'root.test': { '/other': 'api:80' } } },
    ],
    asks: [
      ['root.test/', '302 http://root.test/foo'],
      ['root.test/foo', 'web /foo'],
      ['root.test/other', 'api /other'],
    ],
  },
  {
    title: 'a request over TLS for a name without a certificate is routed by its Host',
    ingresses: [
      { hosts: { 't10.test': { '/': 'web:80' } }, tls: tls('t10.test') },
      { hosts: { 't10b.test': { '/': 'api:80' } } },
    ],
    asks: [
      ['https://t10b.test/x', 'api /x', { client: { serverName: 't10.test' } }],
      ['https://t10.test/x', 'web /x', { client: { serverName: 'nobody.test' } }],
      ['https://t10.test/x', 'web /x', { client: { serverName: '' } }],
    ],
  },
  {
    title: 'Services without endpoints, and those that are not there, answer 503; what breaks answers 502',
    ingresses: [
      {
        hosts: { 'u8.test': { '/gone': 'gone:80', '/empty': 'empty:80', '/broken': 'broken:80', '/port': 'web:81' } },
        annotations: plain,
      },
    ],
    asks: [
      ['u8.test/gone', '503'],
      ['u8.test/empty', '503'],
      ['u8.test/broken', '502'],
      ['u8.test/port', '503'],
    ],
  },
  {
    title: 'a default backend takes the place of a Service without endpoints, and is told so',
    ingresses: [{ hosts: { 'u10.test': { '/': 'gone:80' } }, annotations: { 'default-backend': 'api' } }],
    asks: [
      ['u10.test/x', is(seen('x-code'), '503')],
      ['u10.test/x', is(seen('x-service-name'), 'gone')],
      ['u10.test/x', is(seen('x-namespace'), 'default')],
      ['u10.test/x', 'api /x'],
    ],
  },
  {
    title: 'whatever is wrong with authentication closes the paths of that Ingress, and of no other',
    ingresses: [
      { hosts: { 'a1.test': { '/x': 'web:80' } }, annotations: { 'auth-type': 'basic', 'auth-secret': 'missing' } },
      { hosts: { 'a1.test': { '/y': 'web:80' } } },
      { hosts: { 'a2.test': { '/': 'web:80' } }, annotations: { 'auth-type': 'basic', 'auth-secret': 'other/users' } },
      { hosts: { 'a3.test': { '/': 'web:80' } }, annotations: { 'auth-url': 'not a url' } },
      { hosts: { 'a4.test': { '/': 'web:80' } }, annotations: { 'auth-type': 'none', 'auth-secret': 'users' } },
    ],
    asks: [
      ['a1.test/x', '503'],
      ['a1.test/y', 'web /y'],
      ['a2.test/', '503'],
      ['a3.test/', '503'],
      ['a4.test/', '503'],
    ],
  },
  {
    title: 'a password is asked for with an empty realm, and is not shown to the backend',
    ingresses: [
      { hosts: { 'a5.test': { '/': 'web:80' } }, annotations: { 'auth-type': 'basic', 'auth-secret': 'users' } },
    ],
    asks: [
      ['a5.test/', is(header('www-authenticate'), 'Basic realm=""')],
      ['a5.test/', is(seen('authorization'), undefined), { headers: { authorization: 'Basic dXNlcjpmb28=' } }],
      ['a5.test/x', 'web /x', { headers: { authorization: 'Basic dXNlcjpmb28=' } }],
      ['a5.test/x', '401', { headers: { authorization: 'Basic dXNlcjpiYXI=' } }],
    ],
  },
  {
    title: 'backends see the client as it is, whatever it says of itself',
    ingresses: [{ hosts: { 'h1.test': { '/': 'web:80' } }, annotations: plain }],
    asks: [
      ['h1.test/', is(seen('x-forwarded-for'), '127.0.0.1'), { headers: { 'x-forwarded-for': '6.6.6.6' } }],
      ['h1.test/', is(seen('x-original-forwarded-for'), '6.6.6.6'), { headers: { 'x-forwarded-for': '6.6.6.6' } }],
      ['h1.test/', is(seen('x-real-ip'), '127.0.0.1'), { headers: { 'x-real-ip': '6.6.6.6' } }],
      ['h1.test:8080/', is(seen('host'), 'h1.test:8080')],
      ['h1.test:8080/', is(seen('x-forwarded-host'), 'h1.test:8080')],
      ['h1.test/', is(seen('x-forwarded-proto'), 'http'), { headers: { 'x-forwarded-proto': 'https' } }],
      ['h1.test/', is(seen('x-forwarded-port'), '80')],
      ['h1.test/', is(seen('x-scheme'), 'http')],
      ['h1.test/', is(seen('x-forwarded-scheme'), 'http')],
      ['h1.test/', is(seen('proxy'), undefined), { headers: { proxy: 'http://evil.test' } }],
      ['h1.test/', (answer) => expect(answer.echo?.headers['x-request-id']).toMatch(/^[0-9a-f-]{32,36}$/)],
      ['h1.test/', is(seen('a_b'), undefined), { headers: { a_b: 'x' } }],
    ],
  },
  {
    title: 'CORS allows all by default, on every answer, and a preflight is answered 204',
    ingresses: [
      { hosts: { 'h5.test': { '/': 'web:80' } }, annotations: { 'enable-cors': 'true' } },
      {
        hosts: { 'h5b.test': { '/': 'web:80' } },
        annotations: { 'enable-cors': 'true', 'cors-allow-origin': 'https://one.test, https://*.two.test:8443,' },
      },
    ],
    asks: [
      ['h5.test/', '204', { method: 'OPTIONS' }],
      ['h5.test/', is(header('access-control-allow-origin'), '*'), { method: 'OPTIONS' }],
      ['h5.test/', is(header('access-control-allow-credentials'), 'true')],
      ['h5.test/', is(header('access-control-max-age'), '1728000')],
      ['h5.test/', is(header('access-control-allow-methods'), 'GET, PUT, POST, DELETE, PATCH, OPTIONS')],
      [
        'h5b.test/',
        is(header('access-control-allow-origin'), 'https://one.test'),
        { headers: { origin: 'https://one.test' } },
      ],
      [
        'h5b.test/',
        is(header('access-control-allow-origin'), 'https://a.two.test:8443'),
        { headers: { origin: 'https://a.two.test:8443' } },
      ],
      [
        'h5b.test/',
        is(header('access-control-allow-origin'), undefined),
        { headers: { origin: 'https://a.b.two.test:8443' } },
      ],
      ['h5b.test/', is(header('access-control-allow-origin'), undefined), { headers: { origin: 'https://evil.test' } }],
      ['h5b.test/x', 'web /x', { method: 'OPTIONS', headers: { origin: 'https://evil.test' } }],
    ],
  },
  {
    title: 'who is on the deny list does not pass, also when on the allow list',
    ingresses: [
      {
        hosts: { 'h9.test': { '/': 'web:80' } },
        annotations: { 'whitelist-source-range': '127.0.0.0/8', 'denylist-source-range': '127.0.0.1' },
      },
      { hosts: { 'h9b.test': { '/': 'web:80' } }, annotations: { 'whitelist-source-range': '10.0.0.0/8,127.0.0.1' } },
      { hosts: { 'h9c.test': { '/': 'web:80' } }, annotations: { 'whitelist-source-range': '10.0.0.0/33' } },
    ],
    asks: [
      ['h9.test/', '403'],
      ['h9b.test/', 'web /'],
      ['h9c.test/', '503'],
    ],
  },
  {
    title: 'bodies above 1m are too large, 0 stands for any size, and bad sizes for the default',
    ingresses: [
      { hosts: { 'h12.test': { '/': 'web:80' } }, annotations: { 'proxy-body-size': '8m' } },
      { hosts: { 'h12b.test': { '/': 'web:80' } }, annotations: { 'proxy-body-size': '0' } },
      { hosts: { 'h12c.test': { '/': 'web:80' } }, annotations: { 'proxy-body-size': '15r' } },
    ],
    asks: [
      ['h12.test/', is(({ status }) => status, 200), { method: 'POST', body: 'x'.repeat(1_100_000) }],
      ['h12b.test/', is(({ status }) => status, 200), { method: 'POST', body: 'x'.repeat(1_100_000) }],
      ['h12c.test/', '413', { method: 'POST', body: 'x'.repeat(1_100_000) }],
      ['h12c.test/', is(({ status }) => status, 200), { method: 'POST', body: 'x'.repeat(1_048_576) }],
    ],
  },
  {
    title: 'X-Forwarded-Prefix is sent with a rewrite only',
    ingresses: [
      {
        hosts: { 'h10.test': { '~/api(/|$)(.*)': 'web:80' } },
        annotations: { 'rewrite-target': '/$2', 'x-forwarded-prefix': '/api' },
      },
      { hosts: { 'h10b.test': { '/': 'web:80' } }, annotations: { 'x-forwarded-prefix': '/api' } },
    ],
    asks: [
      ['h10.test/api/x', is(seen('x-forwarded-prefix'), '/api')],
      ['h10b.test/x', is(seen('x-forwarded-prefix'), undefined)],
    ],
  },
  {
    title: 'the Host of backends is that of upstream-vhost',
    ingresses: [
      { hosts: { 'uv.test': { '/': 'web:80' } }, annotations: { 'upstream-vhost': '$service_name.$namespace.svc' } },
    ],
    asks: [['uv.test/', is(seen('host'), 'web.default.svc')]],
  },
  {
    title: 'session cookies have the path of the rule, are HttpOnly, and Secure over HTTPS',
    ingresses: [
      { hosts: { 'u5.test': { '/some/path': 'web:80' } }, annotations: { affinity: 'cookie' } },
      { hosts: { 'u5.test': { '/none': 'web:80' } } },
      { hosts: { 'u5s.test': { '/': 'web:80' } }, tls: tls('u5s.test'), annotations: { affinity: 'cookie' } },
    ],
    asks: [
      [
        'u5.test/some/path',
        ({ headers }) =>
          expect(headers['set-cookie']?.[0]).toMatch(/^INGRESSCOOKIE=[^;]+; Path=\/some\/path; HttpOnly$/),
      ],
      ['u5.test/none', is(header('set-cookie'), undefined)],
      ['https://u5s.test/', ({ headers }) => expect(headers['set-cookie']?.[0]).toMatch(/; Secure; HttpOnly$/)],
    ],
  },
  {
    title: 'aliases serve what their host serves, and lose to rules',
    ingresses: [
      { hosts: { 'al.test': { '/': 'web:80' } }, annotations: { 'server-alias': 'al2.test,al3.test' } },
      { hosts: { 'al.test': { '/foo': 'api:80' } } },
      { hosts: { 'al3.test': { '/': 'api:80' } } },
    ],
    asks: [
      ['al2.test/', 'web /'],
      ['al2.test/foo', 'api /foo'],
      ['al3.test/', 'api /'],
    ],
  },
  {
    title: 'canaries of paths that nobody serves are no hosts',
    ingresses: [
      { hosts: { 'c1.test': { '/': 'api:80' } }, annotations: { canary: 'true', 'canary-weight': '100' } },
      { hosts: { 'c2.test': { '/': 'web:80' } } },
      { hosts: { 'c2.test': { '/': 'api:80' } }, annotations: { canary: 'true', 'canary-by-header': 'x-try' } },
    ],
    asks: [
      ['c1.test/', '404'],
      ['c2.test/', 'web /'],
      ['c2.test/', 'api /', { headers: { 'x-try': 'always' } }],
      ['c2.test/', 'web /', { headers: { 'x-try': 'never' } }],
    ],
  },
  {
    title: 'numbers and words of booleans are those of Go',
    ingresses: [
      { hosts: { 'b1.test': { '/': 'web:80' } }, annotations: { 'force-ssl-redirect': '1' } },
      { hosts: { 'b2.test': { '/': 'web:80' } }, annotations: { 'force-ssl-redirect': 'yes' } },
      { hosts: { 'b3.test': { '/': 'web:80' } }, annotations: { 'force-ssl-redirect': ' T ' } },
    ],
    asks: [
      ['b1.test/a', '308 https://b1.test/a'],
      ['b2.test/a', 'web /a'],
      ['b3.test/a', '308 https://b3.test/a'],
    ],
  },
  {
    title: 'headers of a ConfigMap that may not be set close the paths',
    ingresses: [
      { hosts: { 'ch.test': { '/': 'web:80' } }, annotations: { 'custom-headers': 'default/allowed' } },
      { hosts: { 'ch2.test': { '/': 'web:80' } }, annotations: { 'custom-headers': 'default/forbidden' } },
      { hosts: { 'ch3.test': { '/': 'web:80' } }, annotations: { 'custom-headers': 'default/missing' } },
    ],
    asks: [
      ['ch.test/', is(header('x-allowed'), 'yes')],
      ['ch2.test/', '503'],
      ['ch3.test/', '503'],
    ],
  },
  {
    title: 'a Service may be chosen by the name of its port, or by the number of its target port',
    ingresses: [{ hosts: { 'u7.test': { '/': 'named:web', '/n': 'named:8080' } }, annotations: plain }],
    asks: [
      ['u7.test/', 'web /'],
      ['u7.test/n', 'web /n'],
    ],
  },
];

function withTarget(object: Service, target: string): Service {
  return { ...object, spec: { ...object.spec, ports: object.spec.ports.map((port) => ({ ...port, target })) } };
}

describeWithEnvoy('as with ingress-nginx', () => {
  const s = scene({
    backends: {
      web: {},
      api: {},
      other: {},
      broken: { handler: (request) => request.socket.destroy() },
    },
    tlsNames: ['acme.test', 't1.test', 't4.test', 't6.test', 't7.test', 't10.test', 'u5s.test'],
    hasDefaultCertificate: true,
    configMapNamed: 'settings',
  });
  let isApplied = false;

  async function apply(): Promise<void> {
    if (isApplied) return;
    isApplied = true;
    const all = cases.flatMap(({ ingresses }, index) =>
      ingresses.map((each, place): readonly [string, SceneIngress] => [`case-${index}-${place}`, each]),
    );
    await s.apply(
      Object.fromEntries(all),
      configMap('settings', { 'global-allowed-response-headers': 'X-Allowed' }),
      configMap('allowed', { 'X-Allowed': 'yes' }),
      configMap('forbidden', { 'X-Other': 'yes' }),
      secret('users', { auth: 'user:{SHA}C+7Hteo/D9vJXQ3UfzxbwnXaijM=' }),
      secret('users', { auth: 'user:{SHA}C+7Hteo/D9vJXQ3UfzxbwnXaijM=' }, 'other'),
      service('empty', { http: 80 }),
      withTarget(service('named', { web: 80 }), '8080'),
      endpointSlice('named-1', 'named', { web: s.backend('web').port }, ['127.0.0.1']),
    );
  }

  it.each(cases.map((each) => [each.title, each] as const))('%s', async (_title, { asks }) => {
    await apply();
    const wrong: string[] = [];
    for (const [url, expected, request = {}] of asks) {
      if (typeof expected === 'string') {
        const outcome = await s.outcome(url, request);
        if (outcome !== expected)
          wrong.push(`${url} ${JSON.stringify(request).slice(0, 80)}: ${outcome}, not ${expected}`);
      } else {
        const answer = await s.ask(url, request);
        try {
          expected(answer);
        } catch (error) {
          wrong.push(`${url} ${JSON.stringify(request).slice(0, 80)}: ${answer.status} ${String(error)}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('a default backend of all hosts has the policies of its Ingress, but no redirect and no rewriting', async () => {
    await apply();
    expect(await s.outcome('nobody.test/healthz')).toBe('200');
    expect(await s.outcome('nobody.test/any')).toBe('404');
    const annotations = { 'permanent-redirect': 'https://away.test/', 'custom-headers': 'default/allowed' };
    await s.apply({ all: { defaultBackend: 'api:80', annotations } });
    expect(await s.outcome('nobody.test/any')).toBe('api /any');
    expect((await s.ask('nobody.test/')).headers['x-allowed']).toBe('yes');
    expect(await s.outcome('nobody.test/healthz')).toBe('api /healthz');
  });
});
