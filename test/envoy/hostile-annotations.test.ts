/**
 * Generated Ingresses with every annotation and every kind of bad value: nothing throws, a real Envoy accepts all that comes
 * out, and still answers. `SLUICE_TEST_FUZZ=50000` generates so many instead, `SLUICE_TEST_SEED=random` others.
 */
import * as fc from 'fast-check';
import { expect, it } from '@jest/globals';
import type { Ingress, PathType } from '../../src/cluster/kubernetes-object.ts';
import { ingressNginxAnnotations } from '../../src/features/ingress-nginx-annotations.ts';
import { features } from '../../src/features/registry.ts';
import { eventually } from '../support/eventually.ts';
import { hostilePaths, hostileValues } from '../support/hostile-values.ts';
import { configMap, ingress, serviceBackend } from '../support/objects.ts';
import { describeWithEnvoy } from '../support/tools.ts';
import { prefix, scene } from './features/scene.ts';

const { SLUICE_TEST_FUZZ: wanted = '4000' } = process.env;
const batchSize = 250;
const batches = Math.ceil(Number(wanted) / batchSize);

const settings = features.flatMap((feature) => Object.values(feature.settings));
const owned = settings.flatMap(({ annotation, aliases = [] }) =>
  annotation === undefined ? [] : [annotation, ...aliases],
);
// With it no plain connection would be answered, so that nothing could be asked.
const keys = settings.flatMap(({ configMap: key = 'use-proxy-protocol' }) =>
  key === 'use-proxy-protocol' ? [] : [key],
);

/** What turns policies on, of which the other annotations are details. */
const bases: readonly Readonly<Record<string, string>>[] = [
  {},
  { affinity: 'cookie' },
  { 'auth-secret': 'secret', 'auth-type': 'basic' },
  { 'auth-tls-secret': 'default/secret' },
  { 'auth-url': 'http://web.default.svc.cluster.local/auth' },
  { 'backend-protocol': 'HTTPS', 'proxy-ssl-verify': 'on', 'proxy-ssl-secret': 'default/secret' },
  { canary: 'true' },
  { canary: 'true', 'canary-weight': '50' },
  { 'custom-http-errors': '404,503' },
  { 'enable-cors': 'true' },
  { 'limit-rps': '5' },
  { 'mirror-target': 'https://mirror.test$request_uri' },
  { 'permanent-redirect': 'https://a.test' },
  { 'proxy-next-upstream': 'error http_503' },
  { 'rewrite-target': '/$1' },
  { 'temporal-redirect': 'https://a.test' },
  { 'upstream-hash-by': '$request_uri' },
  { 'use-regex': 'true' },
];

const value = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...hostileValues) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(...hostileValues), fc.constantFrom(...hostileValues))
      .map((each) => each.join('')),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(...hostileValues), fc.constantFrom(...hostileValues))
      .map((each) => each.join(',')),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  { weight: 1, arbitrary: fc.integer().map(String) },
);
const name = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...owned) },
  { weight: 1, arbitrary: fc.constantFrom(...ingressNginxAnnotations) },
);
const path = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('/', '/shop', '/shop/', '/a(/|$)(.*)', '/[a-z]+/x') },
  { weight: 1, arbitrary: fc.constantFrom(...hostilePaths) },
);
const pathType = fc.constantFrom<PathType>('Exact', 'Prefix', 'ImplementationSpecific');

const parts = fc.record({
  base: fc.constantFrom(...bases),
  annotations: fc.dictionary(name, value, { maxKeys: 4 }),
  paths: fc.array(fc.record({ path, pathType }), { minLength: 1, maxLength: 3 }),
  isShared: fc.boolean(),
  hasTls: fc.boolean(),
});
type Parts = typeof parts extends fc.Arbitrary<infer T> ? T : never;

function hostOf(index: number, isShared: boolean): string {
  return isShared ? `shared-${index % 7}.test` : `h${index}.test`;
}

function generated(index: number, { base, annotations, paths, isShared, hasTls }: Parts): Ingress {
  const host = hostOf(index, isShared);
  const written = Object.entries({ ...base, ...annotations }).map(([key, text]) => [`${prefix}/${key}`, text]);
  const empty = ingress(`i${index}`, {
    annotations: Object.fromEntries(written),
    tls: hasTls ? [{ hosts: [host], secretName: 'tls' }] : [],
  });
  const rule = { host, paths: paths.map((each) => ({ ...each, backend: serviceBackend('web:80') })) };
  return { ...empty, spec: { ...empty.spec, rules: [rule] } };
}

/** One annotation each, with each value: those that a feature has, in turns over the batches. */
function swept(): readonly Parts[] {
  return owned.flatMap((annotation) =>
    hostileValues.map((text, index) => ({
      base: bases.find((each) => annotation.startsWith(Object.keys(each)[0]?.split('-')[0] ?? '-')) ?? {},
      annotations: { [annotation]: text },
      paths: [{ path: '/x(/|$)(.*)', pathType: 'ImplementationSpecific' as const }],
      isShared: false,
      hasTls: index % 2 === 0,
    })),
  );
}

describeWithEnvoy('an Envoy that is given hostile Ingresses', () => {
  const s = scene({ configMapNamed: 'settings', tlsNames: ['*.test'] });

  const given = new Map<string, Ingress>();

  /** What the Envoy refused, with what it said. */
  const refusals = () =>
    s.serving.events.flatMap((event) => (event.kind === 'nack' ? [`${event.names.join(' ')}: ${event.message}`] : []));
  const mistakes = () =>
    s.serving.translation.problems().filter(({ reason }) => reason === 'InternalError' || reason === 'ResourceRefused');

  /** A refused response is sent again in halves, down to what is at fault. */
  const culprits = (ingresses: readonly Ingress[]): Promise<string> =>
    eventually(() => {
      const single = refusals().filter((each) => !each.slice(0, each.indexOf(': ')).includes(' '));
      if (single.length === 0) throw new Error(`nothing smaller was refused: ${refusals().join('\n').slice(0, 2_000)}`);
      return single
        .slice(0, 10)
        .map((each) => {
          const own = ingresses.filter(({ spec }) => each.includes(`/${spec.rules[0]?.host ?? '?'}`)).slice(0, 5);
          const written = own.map(({ metadata, spec }) =>
            JSON.stringify({ ...metadata.annotations, rules: spec.rules }),
          );
          return [`${each.slice(0, 100)} … ${each.slice(-500)}`, ...written.map((text) => text.slice(0, 600))].join(
            '\n',
          );
        })
        .join('\n\n');
    });

  const give = async (all: readonly Parts[]): Promise<void> => {
    const ingresses = all.map((each, index) => generated(index, each));
    for (const each of ingresses) given.set(each.metadata.name, each);
    await s.apply({}, ...ingresses);
    expect(mistakes()).toEqual([]);
    if (refusals().length > 0) throw new Error(await culprits(ingresses));
    const hosts = [...new Set(all.map(({ isShared }, index) => hostOf(index, isShared)))].slice(0, 40);
    const answers = await Promise.all(
      hosts.flatMap((host) => [
        s.ask(`${host}/x/y`),
        s.ask(`${host}/`, { method: 'OPTIONS', headers: { origin: 'https://o.test' } }),
      ]),
    );
    expect(answers.filter(({ headers }) => Object.keys(headers).some((each) => each.includes('injected')))).toEqual([]);
  };

  it('accepts each annotation with each value', async () => {
    await s.apply(
      {},
      configMap('headers', {
        'X-A': '%REQ(x)%',
        'bad name': 'x',
        ':path': '/',
        'x-b': 'a\r\nx-injected: 1',
        host: 'x',
      }),
    );
    const all = swept();
    for (let start = 0; start < all.length; start += 1_000) {
      // oxlint-disable-next-line no-await-in-loop -- one Envoy takes one after the other
      await give(all.slice(start, start + 1_000));
    }
    expect(refusals()).toEqual([]);
  }, 300_000);

  it('accepts combinations of them', async () => {
    const all = fc.sample(parts, batches * batchSize);
    for (let batch = 0; batch < batches; batch += 1) {
      // oxlint-disable-next-line no-await-in-loop -- one Envoy takes one after the other
      await give(all.slice(batch * batchSize, (batch + 1) * batchSize));
    }
    expect(refusals()).toEqual([]);
  }, 600_000);

  it('accepts what the ConfigMap says', async () => {
    // What the other cases left would be translated anew with each of them.
    s.serving.remove(...[...given.values()].slice(20));
    const turns = hostileValues.filter((_, index) => index % 5 === 0);
    const all = turns.map((_, turn) =>
      Object.fromEntries(keys.map((key, index) => [key, turns[(turn + index * 7) % turns.length] ?? ''])),
    );
    for (const data of all) {
      // oxlint-disable-next-line no-await-in-loop -- one Envoy takes one after the other
      await s.apply({}, configMap('settings', data));
      expect({ data, refused: refusals(), mistakes: mistakes() }).toEqual({ data, refused: [], mistakes: [] });
    }
    expect(s.envoy.isRunning()).toBe(true);
  }, 300_000);
});
