/** One bad object among good ones: what it costs, and what is said of it. */
import { describe, expect, it } from '@jest/globals';
import type { KubernetesObject } from '../../src/cluster/kubernetes-object.ts';
import { projectObject } from '../../src/cluster/projection.ts';
import { features } from '../../src/features/registry.ts';
import { decode } from '../../src/proto/message.ts';
import { Translation } from '../../src/translation/translation.ts';
import { bodyOf } from '../../src/xds/resource.ts';
import { certificate, certificateAuthority } from '../support/certificates.ts';
import { applied, endpointSlice, ingress, ingressClass, service, tlsSecret } from '../support/objects.ts';
import { translationOptions } from '../support/serving.ts';

const prefix = 'nginx.ingress.kubernetes.io';

const good = [
  service('web', { http: 80 }),
  endpointSlice('web-1', 'web', { http: 8080 }, ['10.0.0.1']),
  ingress('good', { hosts: { 'good.test': { '/': 'web:80' } } }),
];

function translated(...objects: readonly KubernetesObject[]) {
  const translation = new Translation(translationOptions);
  translation.update([ingressClass(), ...good, ...objects].map(applied));
  const resources = new Map(
    translation.commit().flatMap(({ name, resource }) => (resource === undefined ? [] : [[name, resource] as const])),
  );
  return { translation, resources, problems: translation.problems() };
}

/** The paths of a virtual host. */
function routesOf({ resources }: ReturnType<typeof translated>, host: string) {
  const found = resources.get(`http/${host}`);
  const { routes = [] } = found === undefined ? {} : decode('envoy.config.route.v3.VirtualHost', bodyOf(found));
  return routes;
}

function endpointsOf({ resources }: ReturnType<typeof translated>, name: string): readonly string[] {
  const found = [...resources].find(([, { typeUrl, name: own }]) => typeUrl.endsWith('LoadAssignment') && own === name);
  const { endpoints = [] } = found ? decode('envoy.config.endpoint.v3.ClusterLoadAssignment', bodyOf(found[1])) : {};
  return endpoints.flatMap(({ lb_endpoints: all = [] }) =>
    all.map(({ endpoint }) => endpoint?.address?.socket_address?.address ?? ''),
  );
}

describe('an Ingress that is too large', () => {
  const paths = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`=/path-${index}`, 'web:80']));

  it('is served with its first 10,000 paths, and says so', () => {
    const outcome = translated(ingress('large', { hosts: { 'large.test': paths } }));
    expect(routesOf(outcome, 'large.test')).toHaveLength(10_000);
    expect(outcome.problems).toEqual([
      expect.objectContaining({
        reason: 'TooManyPaths',
        object: { kind: 'Ingress', namespace: 'default', name: 'large' },
      }),
    ]);
    expect(routesOf(outcome, 'good.test')).toHaveLength(1);
  });

  it('is served whole when it is as large as an object in etcd may be, 1.4 MB', () => {
    const long = Object.fromEntries(
      Array.from({ length: 4_500 }, (_, index) => [`=/${String(index).padStart(5, '0')}${'x'.repeat(200)}`, 'web:80']),
    );
    const large = ingress('large', { hosts: { 'large.test': long }, annotations: { note: 'x'.repeat(262_144) } });
    expect(JSON.stringify(large).length).toBeGreaterThan(1_400_000);
    const outcome = translated(large);
    expect(routesOf(outcome, 'large.test')).toHaveLength(4_500);
    expect(outcome.problems).toEqual([]);
  });

  it('may have a thousand expressions for one host', () => {
    const many = Object.fromEntries(
      Array.from({ length: 1_000 }, (_, index) => [`~/x${index}/(.*)/[a-z]+(/|$)`, 'web:80']),
    );
    const annotations = { [`${prefix}/use-regex`]: 'true' };
    const outcome = translated(ingress('many', { annotations, hosts: { 'many.test': many } }));
    expect(routesOf(outcome, 'many.test')).toHaveLength(1_000);
    expect(outcome.problems).toEqual([]);
  });
});

describe('an expression', () => {
  it.each([
    '(a+)+$',
    `/${'(a|a)*'.repeat(100)}b`,
    `/${'(.*)'.repeat(100)}x`,
    '/(x+x+)+y',
    `/${'a?'.repeat(150)}${'a'.repeat(150)}`,
  ])('is never run, only read: %s', (text) => {
    const written = text.startsWith('/') ? text : `/${text}`;
    const annotations = { [`${prefix}/use-regex`]: 'true' };
    const outcome = translated(ingress('slow', { annotations, hosts: { 'slow.test': { [`~${written}`]: 'web:80' } } }));
    expect(routesOf(outcome, 'slow.test')).toHaveLength(1);
    expect(outcome.problems).toEqual([]);
  });

  it('whose program would be above what Envoys allow is refused where it is written', () => {
    // 97 characters, a thousand times: RE2 makes more than 32,768 instructions of it, and an Envoy would refuse the host.
    const text = `/(${'a'.repeat(95)}){1000}`;
    const annotations = { [`${prefix}/use-regex`]: 'true' };
    const outcome = translated(
      ingress('big', { annotations, hosts: { 'big.test': { [`~${text}`]: 'web:80', '~/x': 'web:80' } } }),
    );
    expect(routesOf(outcome, 'big.test')).toHaveLength(1);
    expect(outcome.problems).toEqual([
      expect.objectContaining({ reason: 'InvalidPath', message: expect.stringContaining('is too large') }),
    ]);
  });
});

describe('an annotation', () => {
  const values = [
    '',
    'x'.repeat(65_536),
    'a\r\nb',
    '\u0000',
    'ü\u{1F600}',
    '-1',
    '1e309',
    '-1e309',
    'NaN',
    '__proto__',
    'constructor',
    'toString',
  ];
  const names = features.flatMap(({ settings }) =>
    Object.values(settings).flatMap(({ annotation }) => annotation ?? []),
  );

  it.each(values.map((value) => [JSON.stringify(value).slice(0, 20), value]))(
    'of any name may be %s: nothing fails, and every other host is served',
    (_shown, value) => {
      const all = names.map((name, index) =>
        ingress(`i${index}`, {
          annotations: { [`${prefix}/${name}`]: value },
          hosts: { [`h${index}.test`]: { '/': 'web:80' } },
        }),
      );
      const outcome = translated(...all);
      const mistakes = outcome.problems.filter(
        ({ reason }) => reason === 'InternalError' || reason === 'ResourceRefused',
      );
      expect(mistakes).toEqual([]);
      expect(routesOf(outcome, 'good.test')).toHaveLength(1);
      expect(names.filter((_, index) => !outcome.resources.has(`http/h${index}.test`))).toEqual([]);
    },
  );

  it.each(['__proto__', 'constructor', 'toString', `${prefix}/__proto__`, `${prefix}/constructor`])(
    'may be named %s: it changes nothing but itself',
    (name) => {
      const annotations = JSON.parse(`{${JSON.stringify(name)}: "true", "${prefix}/app-root": "/x"}`);
      const raw = { ...ingress('i', { hosts: {} }), metadata: { name: 'i', namespace: 'default', annotations } };
      const spec = {
        rules: [
          {
            host: 'a.test',
            http: {
              paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } }],
            },
          },
        ],
        ingressClassName: 'sluice',
      };
      const { object } = projectObject('Ingress', { ...raw, spec }, 'api');
      const outcome = translated(...(object === undefined ? [] : [object]));
      expect(routesOf(outcome, 'a.test').map((route) => route.direct_response?.status)).toEqual([302, undefined]);
      expect(Reflect.get({}, 'app-root')).toBeUndefined();
    },
  );
});

describe('endpoints', () => {
  const web = (hosts = { 'a.test': { '/': 'many:80' } }) => ingress('a', { hosts });

  it('of 50 slices with 100 addresses each are all there, each once', () => {
    const address = (index: number) => `10.1.${index >> 8}.${index & 255}`;
    const slices = Array.from({ length: 50 }, (_, slice) =>
      // The last address of each slice stands in the next one, too.
      endpointSlice(
        `many-${slice}`,
        'many',
        { http: 80 },
        Array.from({ length: 101 }, (_each, index) => address((slice * 100 + index) % 5_000)),
      ),
    );
    const outcome = translated(service('many', { http: 80 }), web(), ...slices);
    const found = endpointsOf(outcome, 'default/many/80');
    expect(new Set(found).size).toBe(5_000);
    expect(found).toHaveLength(5_000);
  });

  it('may be of both families', () => {
    const slices = [
      endpointSlice('v4', 'many', { http: 80 }, ['10.0.0.1']),
      endpointSlice('v6', 'many', { http: 80 }, ['fd00::1', 'fd00:0:0:0:0:0:0:2']),
    ];
    const outcome = translated(service('many', { http: 80 }), web(), ...slices);
    expect(endpointsOf(outcome, 'default/many/80').toSorted()).toEqual(['10.0.0.1', 'fd00:0:0:0:0:0:0:2', 'fd00::1']);
  });

  it.each(['169.254.169.254', '0.0.0.0', '224.0.0.1', 'fe80::1', '100.100.100.200'])(
    'that are another machine to an Envoy are refused, wherever it runs: %s',
    (address) => {
      const outcome = translated(
        service('many', { http: 80 }),
        web(),
        endpointSlice('s', 'many', { http: 80 }, [address, '10.0.0.9']),
      );
      expect(endpointsOf(outcome, 'default/many/80')).toEqual(['10.0.0.9']);
      expect(outcome.problems.map(({ reason }) => reason)).toEqual(['EndpointRefused']);
    },
  );
});

describe('a certificate', () => {
  const served = (chain: string, key: string) => {
    const tls = [{ hosts: ['a.test'], secretName: 's' }];
    return translated(tlsSecret('s', chain, key), ingress('a', { hosts: { 'a.test': { '/': 'web:80' } }, tls }));
  };

  it('may come with a chain of a hundred', () => {
    const authorities = [certificateAuthority('0')];
    for (let index = 1; index < 100; index += 1) {
      const issuer = authorities.at(-1);
      authorities.push(certificate({ commonName: String(index), authority: true, ...(issuer && { issuer }) }));
    }
    const issuer = authorities.at(-1);
    const leaf = certificate({ names: ['a.test'], ...(issuer && { issuer }) });
    const chain = [leaf, ...authorities.toReversed()].map(({ cert }) => cert).join('');
    const outcome = served(chain, leaf.key);
    expect(outcome.problems).toEqual([]);
    expect(outcome.resources.has('default/s')).toBe(true);
  });

  it.each([
    ['a megabyte of garbage', 'x'.repeat(1_000_000)],
    [
      'a megabyte of something that looks like one',
      `-----BEGIN CERTIFICATE-----\n${'A'.repeat(1_000_000)}\n-----END CERTIFICATE-----\n`,
    ],
  ])('that is %s is named, and never sent', (_what, text) => {
    const outcome = served(text, certificate({ names: ['a.test'] }).key);
    expect(outcome.resources.has('default/s')).toBe(false);
    expect(outcome.problems.map(({ reason }) => reason)).toEqual(['InvalidCertificate']);
    expect(routesOf(outcome, 'good.test')).toHaveLength(1);
  });
});

describe('what the fuzz of objects has found', () => {
  it('is named where it is written: the URL of a rewrite whose host is longer than hosts can be', () => {
    const annotations = { [`${prefix}/rewrite-target`]: `http://${'a'.repeat(300)}.test/` };
    const outcome = translated(ingress('a', { annotations, hosts: { 'a.test': { '~/x': 'web:80' } } }));
    expect(outcome.problems.map(({ reason, field }) => [reason, field])).toEqual([
      ['InvalidAnnotation', `metadata.annotations[${prefix}/rewrite-target]`],
    ]);
    expect(routesOf(outcome, 'a.test')).toHaveLength(1);
  });
});
