/**
 * What Envoy 1.40 refuses in a configuration (test/validation/probes.ts), as somebody would write it into Kubernetes objects: one bad case for each
 * class. Where the class has an innocent spelling, such as a header with a per cent sign, the case is to be served and not to be named.
 */
import type { Ingress, KubernetesObject } from '../../src/cluster/kubernetes-object.ts';
import { probes } from '../validation/probes.ts';
import { configMap, endpointSlice, ingress, service, tlsSecret } from './objects.ts';

export interface RefusedObject {
  readonly what: string;
  readonly objects: readonly KubernetesObject[];
  /** `Kind/name` of what must be named in a problem; undefined for what is innocent. */
  readonly named?: string;
  /** A host and a path that must be served all the same, of what is innocent. */
  readonly served?: readonly [host: string, path: string];
}

const prefix = 'nginx.ingress.kubernetes.io';
type Annotations = Readonly<Record<string, string>>;

/** Makes the case with this number, so that no two share a name. */
type Make = (name: string) => Omit<RefusedObject, 'what'>;

function written(name: string, annotations: Annotations, at = '/', host = `${name}.test`): Ingress {
  const own = Object.entries(annotations).map(([key, value]) => [`${prefix}/${key}`, value]);
  return ingress(name, { hosts: { [host]: { [at]: 'web:80' } }, annotations: Object.fromEntries(own) });
}

function annotated(annotations: Annotations, at = '~/x'): Make {
  return (name) => ({ objects: [written(name, annotations, at)], named: `Ingress/${name}` });
}

function innocent(annotations: Annotations, at = '/', asked = at): Make {
  return (name) => ({ objects: [written(name, annotations, at)], served: [`${name}.test`, asked] });
}

function path(text: string): Make {
  return annotated({}, text);
}

function expression(text: string): Make {
  return annotated({ 'use-regex': 'true' }, `~${text}`);
}

/** The younger of two is named. */
function twice(hosts: readonly [string, string], at = '/'): Make {
  return (name) => ({
    objects: hosts.map((host, index) => {
      const made = written(`${name}-${index}`, {}, at, host.replace('NAME', name));
      return { ...made, metadata: { ...made.metadata, creationTimestamp: `2026-01-0${index + 1}T00:00:00Z` } };
    }),
    named: `Ingress/${name}-1`,
  });
}

function endpoint(address: string, port = 8_080, kind = 'Ingress'): Make {
  return (name) => ({
    objects: [
      service(name, { http: 80 }),
      endpointSlice(name, name, { http: port }, [address]),
      ingress(name, { hosts: { [`${name}.test`]: { '/': `${name}:80` } } }),
    ],
    named: `${kind}/${name}`,
  });
}

function pair(certificate: string, key: string): Make {
  return (name) => ({
    objects: [
      tlsSecret(name, certificate, key),
      ingress(name, {
        hosts: { [`${name}.test`]: { '/': 'web:80' } },
        tls: [{ hosts: [`${name}.test`], secretName: name }],
      }),
    ],
    named: `Ingress/${name}`,
  });
}

function serverName(host: string): Make {
  return (name) => ({
    objects: [
      ingress(name, { hosts: { [`${name}.test`]: { '/': 'web:80' } }, tls: [{ hosts: [host], secretName: 'tls' }] }),
    ],
    named: `Ingress/${name}`,
  });
}

function header(key: string, value: string): Make {
  return (name) => ({
    objects: [configMap(name, { [key]: value }), written(name, { 'custom-headers': `default/${name}` })],
    named: `Ingress/${name}`,
  });
}

function canary(annotations: Annotations): Make {
  return (name) => ({
    objects: [
      written(`${name}-main`, {}, '/', `${name}.test`),
      written(name, { canary: 'true', ...annotations }, '/', `${name}.test`),
    ],
    named: `Ingress/${name}`,
  });
}

const endless = '315576000000';
const classes: Readonly<Record<string, Make>> = {
  'a host in two Ingresses': twice(['NAME.test', 'NAME.test']),
  'a host in two Ingresses that differs in case': twice(['NAME.test', 'NAME.TEST']),
  'two catch-all Ingresses': twice(['', ''], '/everywhere'),
  'a host with a line break': (name) => ({
    objects: [written(name, {}, '/', `${name}\n.test`)],
    named: `Ingress/${name}`,
  }),
  'a prefix that ends in a slash': innocent({}, '/a/', '/a/b'),
  'a prefix that is the root': innocent({}),
  'a prefix with a query': path('/a?x'),
  'a prefix with a fragment': path('/a#f'),
  'a prefix without a slash': path('a'),
  'a prefix that is empty': path(''),
  'a group that is open': expression('/a('),
  'a group that looks ahead': expression('/(?=x)'),
  'a group that looks ahead for nothing': expression('/(?!x)a'),
  'a reference to a group': expression('/(a)\\1'),
  'a class that is open': expression('/[a-'),
  'more repetitions than RE2 makes': expression('/a{1001}'),
  'a program of 1,005 instructions': innocent({ 'use-regex': 'true' }, '~/a{1000}|/x', '/x'),
  'repetitions of repetitions': expression('/(a{1000}){1000}'),
  'repetitions of repetitions of repetitions': expression('/((a{100}){100}){100}'),
  'a program of 296 instructions': innocent({ 'use-regex': 'true' }, '~/[\\w]{32}/x/[\\w]{64}|/x', '/x'),
  'an expression of 1,200 characters': expression('/.*'.repeat(400)),
  'an expression that is empty': innocent({ 'use-regex': 'true' }, '~', '/'),
  'a group that does not go back': expression('/(?>a)'),
  'a repetition that does not go back': expression('/\\d++'),
  'a repetition of a repetition': expression('/a**'),
  'a comment in an expression': expression('/(?#c)/a'),
  'a line break in a rewrite': annotated({ 'rewrite-target': '/a\nb' }),
  'a header that is %': innocent({ 'x-forwarded-prefix': '%' }),
  'a header that is 100% sure': innocent({ 'x-forwarded-prefix': '100% sure' }),
  'a header with a command of Envoy': innocent({ 'x-forwarded-prefix': '%NOPE%' }),
  'a header with a command that is open': innocent({ 'x-forwarded-prefix': '%REQ(%' }),
  'a header with a line of its own': annotated({ 'x-forwarded-prefix': 'a\r\nX-Evil: 1' }),
  'a header with a line break': annotated({ 'x-forwarded-prefix': 'a\nb' }),
  'a header with a NUL': annotated({ 'x-forwarded-prefix': 'a\u0000b' }),
  'a header with a file': innocent({ 'x-forwarded-prefix': '%FILE_CONTENT(/etc/hostname)%' }),
  'a header without a name': header('', 'x'),
  'a header whose name is two lines': header('x\r\na', 'x'),
  'the header host': header('host', 'x'),
  'the header :path': header(':path', 'x'),
  'the header :authority': header(':authority', 'x'),
  'a host for the backend with a line of its own': annotated({ 'upstream-vhost': 'a\r\nb' }),
  'a timeout below zero': annotated({ 'proxy-read-timeout': '-1' }),
  'a timeout below a nanosecond': annotated({ 'proxy-read-timeout': '0.0000000001' }),
  'a timeout of 10,000 years': annotated({ 'proxy-read-timeout': endless }),
  'a timeout of 30,000 years': annotated({ 'proxy-read-timeout': '999999999999' }),
  'a time for tries below zero': annotated({ 'proxy-next-upstream-timeout': '-1' }),
  'a time for tries of 10,000 years': annotated({ 'proxy-next-upstream-timeout': endless }),
  'weights that are all 0': canary({ 'canary-weight': '0', 'canary-weight-total': '0' }),
  'weights beyond 32 bits': canary({ 'canary-weight': '4294967295', 'canary-weight-total': '4294967296' }),
  'a weight without a backend': (name) => ({
    objects: [
      written(`${name}-main`, {}, '/', `${name}.test`),
      ingress(name, {
        hosts: { [`${name}.test`]: { '/': 'nowhere:80' } },
        annotations: { [`${prefix}/canary`]: 'true', [`${prefix}/canary-weight`]: '50' },
      }),
    ],
    named: `Ingress/${name}`,
  }),
  'a backend that is not there': (name) => ({
    objects: [ingress(name, { hosts: { [`${name}.test`]: { '/': 'nowhere:80' } } })],
    named: `Ingress/${name}`,
  }),
  'an answer with status 100': innocent({ 'permanent-redirect': 'https://a.test', 'permanent-redirect-code': '100' }),
  'an answer with status 99': innocent({ 'permanent-redirect': 'https://a.test', 'permanent-redirect-code': '99' }),
  'an answer with status 600': annotated({ 'custom-http-errors': '600' }),
  'an answer of 5,000 bytes': annotated({ 'configuration-snippet': `return 200 "${'x'.repeat(5_000)}";` }),
  'a redirect to a path with a line of its own': annotated({ 'app-root': '/a\r\nX: 1' }),
  'a redirect to a host with a line of its own': annotated({ 'permanent-redirect': 'https://a\r\nb/' }),
  'a redirect beside a rewrite': innocent(
    { 'permanent-redirect': 'https://a.test', 'rewrite-target': '/$1', 'use-regex': 'true' },
    '~/x|/y',
    '/x',
  ),
  'an address that is none': endpoint('10.0.0.300'),
  'an address that is a name': endpoint('foo'),
  'an address that is empty': endpoint(''),
  'a port beyond 16 bits': endpoint('10.0.0.1', 65_536, 'EndpointSlice'),
  'a port that is 0': endpoint('10.0.0.1', 0),
  'a subset of no backends': annotated({ 'upstream-hash-by': '$request_uri', 'upstream-hash-by-subset-size': '0' }),
  'one backend of two Ingresses': (name) => ({
    objects: [written(`${name}-0`, {}), written(name, {})],
    served: [`${name}.test`, '/'],
  }),
  'a connection that may take no time': annotated({ 'proxy-connect-timeout': '0' }),
  'a cookie without a name': innocent({ affinity: 'cookie', 'session-cookie-name': '' }),
  'a cookie whose name has a line of its own': annotated({ affinity: 'cookie', 'session-cookie-name': 'a\r\nb' }),
  'two certificates for a host': (name) => ({
    objects: [0, 1].map((index) => {
      const made = ingress(`${name}-${index}`, {
        created: `2026-01-0${index + 1}T00:00:00Z`,
        hosts: { [`${name}.test`]: { [`/${index}`]: 'web:80' } },
        tls: [{ hosts: [`${name}.test`], secretName: index === 0 ? 'tls' : 'other-tls' }],
      });
      return made;
    }),
    named: `Ingress/${name}-1`,
  }),
  'the server name *': serverName('*'),
  'a server name with an asterisk in a word': serverName('a*.test'),
  ...Object.fromEntries(
    probes.flatMap(({ name, verdict, title, message }) =>
      name === 'envoy.extensions.transport_sockets.tls.v3.Secret' && verdict === 'refused'
        ? [[`a pair: ${title}`, pairOf(message)]]
        : [],
    ),
  ),
};

function pairOf(message: unknown): Make {
  const { tls_certificate: tls } = Object(message);
  return pair(tls.certificate_chain.inline_string, tls.private_key.inline_string);
}

/** What all of them share: `web` must be there, and the Secrets `tls` and `other-tls`. */
export const refusedObjects: readonly RefusedObject[] = Object.entries(classes).map(([what, make], index) => ({
  what,
  ...make(`bad${index}`),
}));
