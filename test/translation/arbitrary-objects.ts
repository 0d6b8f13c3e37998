/**
 * Sets of raw Kubernetes objects, from plain to hostile: what an API server, or a folder of manifests, might hand over. The names of
 * a set carry its number, so that many sets can stand side by side.
 */
import * as fc from 'fast-check';
import type { Arbitrary } from 'fast-check';
import type { Kind } from '../../src/cluster/kubernetes-object.ts';
import { ingressNginxAnnotations } from '../../src/features/ingress-nginx-annotations.ts';
import { features } from '../../src/features/registry.ts';
import { certificate, certificateAuthority } from '../support/certificates.ts';
import { hostilePaths, hostileValues } from '../support/hostile-values.ts';

export interface RawObject {
  readonly kind: Kind;
  readonly raw: unknown;
}

/** For the number of a set. */
export type MadeSet = (set: number) => readonly RawObject[];

type Text = (set: number) => string;

const prefix = 'nginx.ingress.kubernetes.io';

function mostly<T, U>(good: Arbitrary<T>, bad: Arbitrary<U>, weight = 20): Arbitrary<T | U> {
  return fc.oneof({ weight, arbitrary: good }, { weight: 1, arbitrary: bad });
}

const hostile = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...hostileValues) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 30 }) },
  { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', '1e309', '-1e309', 'toString', '\u0000') },
);

/** What is in a place where something else is expected. */
const wrongType = fc.constantFrom<unknown>(
  null,
  0,
  -1,
  Infinity,
  true,
  '',
  'x',
  [],
  {},
  [null],
  { x: 1 },
  'x'.repeat(1_000),
);

const serviceName = mostly(fc.constantFrom('web', 'web', 'api', 'gone', 'headless', 'outside', 'canary'), hostile, 80);
const nameOfSecret = mostly(fc.constantFrom('tls', 'tls', 'auth', 'ca', 'gone'), hostile, 40);

const host: Arbitrary<Text> = mostly(
  fc.constantFrom<Text>(
    (set) => `a${set}.test`,
    (set) => `b${set}.test`,
    (set) => `*.a${set}.test`,
    (set) => `x.a${set}.test`,
    (set) => `A${set}.Test`,
    () => '',
  ),
  fc.oneof(
    hostile.map(
      (text): Text =>
        (set) =>
          `${text}.h${set}`,
    ),
    fc.constantFrom<Text>(
      (set) => `h${set}.test.`,
      (set) => `10.${set % 250}.0.1`,
      (set) => `h${set}.test:80`,
      (set) => `*.*.h${set}.test`,
      (set) => `h*.h${set}.test`,
      (set) => `${'a'.repeat(64)}.h${set}`,
      (set) => `${'a.'.repeat(130)}h${set}`,
      (set) => `ü${set}.test`,
      (set) => `xn--nxasmq6b.h${set}`,
      (set) => `a_b.h${set}`,
      () => '*',
      () => '[::1]',
    ),
  ),
  8,
);

const servicePort = mostly(
  fc.oneof(
    fc.record({ number: fc.constantFrom(80, 443, 8_080) }),
    fc.record({ name: fc.constantFrom('http', 'https', 'grpc') }),
  ),
  fc.oneof(
    fc.record({ number: fc.constantFrom(0, -1, 65_536, 1.5, Infinity) }),
    fc.record({ name: hostile }),
    wrongType,
  ),
  80,
);
const backend = mostly(
  fc.record({ service: fc.record({ name: serviceName, port: servicePort }) }),
  fc.oneof(fc.constant({ resource: { kind: 'Bucket', name: 'b' } }), wrongType),
  60,
);

const path = fc
  .record({
    path: mostly(
      fc.constantFrom('/', '/shop', '/shop/', '/a/b', '/x(/|$)(.*)', '/[a-z]+'),
      fc.constantFrom(...hostilePaths, 'x', ''),
      4,
    ),
    pathType: mostly(fc.constantFrom('Exact', 'Prefix', 'ImplementationSpecific'), wrongType, 150),
    backend,
    isAsWritten: fc.integer({ min: 0, max: 20 }).map((number) => number === 0),
  })
  // An API server lets no path of these types begin otherwise.
  .map(({ isAsWritten, ...written }) => {
    const isSpecific = isAsWritten || written.pathType === 'ImplementationSpecific' || written.path.startsWith('/');
    return isSpecific ? written : { ...written, path: `/${written.path}` };
  });

const owned = features.flatMap((feature) =>
  Object.values(feature.settings).flatMap(({ annotation, aliases = [] }) =>
    annotation === undefined ? [] : [annotation, ...aliases],
  ),
);
const annotationName = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...owned).map((each) => `${prefix}/${each}`) },
  { weight: 2, arbitrary: fc.constantFrom(...ingressNginxAnnotations).map((each) => `${prefix}/${each}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'kubernetes.io/ingress.class',
      `${prefix}/`,
      '__proto__',
      'constructor',
      `${prefix}/no-such`,
    ),
  },
);

/** What turns policies on, with values that they can use: the other annotations are details of these. */
const usual: readonly Readonly<Record<string, string>>[] = [
  {},
  { affinity: 'cookie', 'session-cookie-name': 'c' },
  { 'auth-secret': 'auth', 'auth-type': 'basic' },
  { 'auth-tls-secret': 'default/ca', 'auth-tls-verify-client': 'on' },
  { 'auth-url': 'http://web.default.svc.cluster.local/auth', 'auth-signin': 'https://a.test/in' },
  { 'backend-protocol': 'HTTPS', 'proxy-ssl-verify': 'on', 'proxy-ssl-secret': 'default/ca' },
  { canary: 'true', 'canary-weight': '20' },
  { canary: 'true', 'canary-by-header': 'x-canary', 'canary-by-header-pattern': '^v[0-9]+$' },
  { 'custom-http-errors': '404,503', 'default-backend': 'api' },
  { 'enable-cors': 'true', 'cors-allow-origin': 'https://*.a.test' },
  { 'limit-rps': '5', 'limit-connections': '3' },
  { 'mirror-target': 'https://mirror.test$request_uri' },
  { 'permanent-redirect': 'https://a.test' },
  { 'rewrite-target': '/$1', 'use-regex': 'true' },
  { 'server-alias': 'c.test' },
  { 'upstream-hash-by': '$request_uri' },
  { 'upstream-vhost': '$host' },
  { 'whitelist-source-range': '10.0.0.0/8' },
  { 'custom-headers': 'default/headers' },
  { 'configuration-snippet': 'add_header X-A b;' },
];
const annotations = fc
  .tuple(fc.constantFrom(...usual), fc.dictionary(annotationName, mostly(hostile, wrongType, 60), { maxKeys: 4 }))
  .map(([base, more]) => ({
    ...Object.fromEntries(Object.entries(base).map(([key, value]) => [`${prefix}/${key}`, value])),
    ...more,
  }));

function metadata(own: string, more: object = {}): object {
  return { namespace: 'default', name: own, uid: `u-${own}`, creationTimestamp: '2026-01-01T00:00:00Z', ...more };
}

const ingress: Arbitrary<(set: number, index: number) => RawObject> = fc
  .record({
    annotations,
    rules: fc.array(fc.record({ host, paths: fc.array(path, { minLength: 1, maxLength: 4 }) }), {
      minLength: 1,
      maxLength: 3,
    }),
    tls: fc.array(
      fc.record({ hosts: fc.array(host, { maxLength: 2 }), secretName: fc.option(nameOfSecret, { freq: 8 }) }),
      {
        maxLength: 2,
      },
    ),
    defaultBackend: mostly(fc.constant(null), backend, 6),
    className: mostly(fc.constant('sluice'), fc.constantFrom(undefined, 'other', '')),
    damage: mostly(
      fc.constant(null),
      fc.record({ field: fc.constantFrom('metadata', 'spec', 'rules', 'tls'), value: wrongType }),
      60,
    ),
  })
  .map(({ annotations: written, rules, tls, defaultBackend, className, damage }) => (set, index) => {
    const spec: Record<string, unknown> = {
      ...(className !== undefined && { ingressClassName: className }),
      ...(defaultBackend !== null && { defaultBackend }),
      rules: rules.map((rule) => ({ host: rule.host(set), http: { paths: rule.paths } })),
      tls: tls.map(({ hosts, secretName }) => ({
        hosts: hosts.map((each) => each(set)),
        ...(secretName !== null && { secretName }),
      })),
    };
    if (damage?.field === 'rules' || damage?.field === 'tls') spec[damage.field] = damage.value;
    const raw: Record<string, unknown> = { metadata: metadata(`i${index}`, { annotations: written }), spec };
    if (damage?.field === 'metadata' || damage?.field === 'spec') raw[damage.field] = damage.value;
    return { kind: 'Ingress', raw };
  });

const portNumber = mostly(fc.constantFrom(80, 443, 8_080), fc.constantFrom<unknown>(0, -1, 65_536, 'x', null), 60);
const service: Arbitrary<RawObject> = fc
  .record({
    name: fc.constantFrom('web', 'web', 'api', 'headless', 'outside', 'canary'),
    type: mostly(
      fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer'),
      fc.constantFrom<unknown>('ExternalName', 'x', null),
      6,
    ),
    externalName: mostly(fc.constant('ext.test'), hostile, 3),
    clusterIP: mostly(fc.constant('10.1.2.3'), fc.constantFrom('None', '', 'x', '127.0.0.1', '::1'), 3),
    ports: fc.uniqueArray(
      fc.record({
        name: mostly(fc.constantFrom('http', 'https', 'grpc'), fc.oneof(hostile, fc.constant('')), 60),
        port: portNumber,
        protocol: mostly(fc.constant('TCP'), fc.constant('UDP'), 5),
        appProtocol: mostly(fc.constantFrom('', 'kubernetes.io/h2c', 'http'), hostile, 8),
      }),
      { minLength: 1, maxLength: 3, selector: (port) => port.name },
    ),
    annotations: fc.oneof(
      { weight: 4, arbitrary: fc.constant({}) },
      { weight: 1, arbitrary: fc.dictionary(hostile, hostile, { maxKeys: 2 }) },
    ),
    affinity: mostly(fc.constant('None'), fc.constantFrom<unknown>('ClientIP', null, 5)),
  })
  .map(({ name: own, annotations: written, affinity, ...spec }) => ({
    kind: 'Service',
    raw: { metadata: metadata(own, { annotations: written }), spec: { ...spec, sessionAffinity: affinity } },
  }));

const address = mostly(
  fc.constantFrom('10.0.0.1', '10.0.0.2', 'fd00::1', '10.0.0.1'),
  fc.oneof(
    hostile,
    fc.constantFrom(
      '169.254.169.254',
      '127.0.0.1',
      '::1',
      'fe80::1%eth0',
      '0.0.0.0',
      'a.test',
      '::ffff:10.0.0.1',
      '010.0.0.1',
      '224.0.0.1',
    ),
  ),
  5,
);
const slice: Arbitrary<(index: number) => RawObject> = fc
  .record({
    service: mostly(fc.constantFrom('web', 'web', 'api', 'headless', 'canary'), hostile),
    addressType: mostly(fc.constantFrom('IPv4', 'IPv6'), fc.constantFrom<unknown>('FQDN', 'x', null)),
    endpoints: fc.array(
      fc.record({
        addresses: mostly(fc.array(address, { minLength: 1, maxLength: 2 }), wrongType),
        conditions: fc.record(
          { ready: fc.boolean(), serving: fc.boolean(), terminating: fc.boolean() },
          { requiredKeys: [] },
        ),
        zone: mostly(fc.constantFrom('a', 'b'), hostile),
      }),
      { maxLength: 4 },
    ),
    ports: fc.array(
      fc.record({
        name: mostly(fc.constantFrom('http', 'https', 'grpc', ''), hostile),
        port: portNumber,
        protocol: fc.constantFrom('TCP', 'UDP'),
      }),
      { maxLength: 2 },
    ),
    isLabelled: mostly(fc.constant(true), fc.constant(false)),
  })
  .map(({ service: owner, isLabelled, ...fields }) => (index) => ({
    kind: 'EndpointSlice',
    raw: {
      metadata: metadata(`slice${index}`, isLabelled ? { labels: { 'kubernetes.io/service-name': owner } } : {}),
      ...fields,
    },
  }));

const root = certificateAuthority();
const pairs = [
  certificate({ names: ['*.test'] }),
  certificate({ names: ['a.test'], key: 'rsa-2048' }),
  certificate({ names: ['a.test'], issuer: root }),
  certificate({ names: ['a.test'], key: 'rsa-1024' }),
  certificate({ names: ['a.test'], key: 'ed25519' }),
  certificate({ names: ['a.test'], notAfter: new Date(1_600_000_000_000), notBefore: new Date(1_500_000_000_000) }),
  certificate({ commonName: '' }),
];
const pem = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...pairs.map(({ cert }) => cert)) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ...pairs.map(({ key }) => key),
      root.cert,
      root.cert + root.cert,
      `${pairs[0]?.cert ?? ''}x`,
      '',
    ),
  },
  { weight: 1, arbitrary: hostile },
);
const inSecret = fc.oneof(
  pem,
  hostile,
  fc.constantFrom(
    'user:$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy',
    'user:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=',
    'a:b\nc:d',
  ),
);
const secret: Arbitrary<RawObject> = fc
  .record({
    name: fc.constantFrom('tls', 'tls', 'tls', 'auth', 'ca'),
    type: fc.constantFrom('kubernetes.io/tls', 'Opaque', 'x'),
    pair: fc.option(mostly(fc.constantFrom(...pairs.slice(0, 3)), fc.constantFrom(...pairs), 2), { freq: 6 }),
    data: fc.dictionary(fc.constantFrom('tls.crt', 'tls.key', 'ca.crt', 'ca.crl', 'auth', '__proto__'), inSecret, {
      maxKeys: 3,
    }),
    damage: mostly(fc.constant(undefined), wrongType, 30),
  })
  .map(({ name: own, type, pair, data, damage }) => {
    const texts = { ...(pair && { 'tls.crt': pair.cert, 'tls.key': pair.key }), ...data };
    const encoded = Object.fromEntries(
      Object.entries(texts).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
    );
    return { kind: 'Secret', raw: { metadata: metadata(own), type, data: damage ?? encoded } };
  });

const keys = features.flatMap((feature) => Object.values(feature.settings).flatMap(({ configMap }) => configMap ?? []));
const configMap: Arbitrary<RawObject> = fc.oneof(
  fc
    .dictionary(fc.constantFrom(...keys), mostly(hostile, wrongType), { maxKeys: 4 })
    .map((data): RawObject => ({ kind: 'ConfigMap', raw: { metadata: metadata('settings'), data } })),
  fc
    .dictionary(mostly(fc.constantFrom('X-A', 'X-B', 'x-c'), hostile, 4), hostile, { maxKeys: 3 })
    .map((data): RawObject => ({ kind: 'ConfigMap', raw: { metadata: metadata('headers'), data } })),
);

const ingressClass: RawObject = {
  kind: 'IngressClass',
  raw: { metadata: { name: 'sluice' }, spec: { controller: 'sluice.dev/ingress-controller' } },
};
const otherClass: Arbitrary<RawObject> = fc
  .record({ name: mostly(fc.constantFrom('other', 'sluice'), hostile), controller: hostile, isDefault: hostile })
  .map(({ name: own, controller, isDefault }) => ({
    kind: 'IngressClass',
    raw: {
      metadata: { name: own, annotations: { 'ingressclass.kubernetes.io/is-default-class': isDefault } },
      spec: { controller },
    },
  }));

export const objectSet: Arbitrary<MadeSet> = fc
  .record({
    ingresses: fc.array(ingress, { minLength: 1, maxLength: 4 }),
    services: fc.array(service, { minLength: 1, maxLength: 4 }),
    slices: fc.array(slice, { minLength: 1, maxLength: 4 }),
    secrets: fc.array(secret, { minLength: 1, maxLength: 4 }),
    configMaps: fc.array(configMap, { maxLength: 2 }),
    classes: fc.array(otherClass, { maxLength: 1 }),
  })
  .map(({ ingresses, services, slices, secrets, configMaps, classes }) => (set) => [
    ...classes,
    ingressClass,
    ...ingresses.map((make, index) => make(set, index)),
    ...services,
    ...slices.map((make, index) => make(index)),
    ...secrets,
    ...configMaps,
  ]);
