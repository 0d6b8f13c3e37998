import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { KubernetesObject } from '../../src/cluster/kubernetes-object.ts';
import { defaultSettings } from '../../src/features/policies.ts';
import { Translation } from '../../src/translation/translation.ts';
import type { ObjectUpdate } from '../../src/translation/translation.ts';
import { certificate } from '../support/certificates.ts';
import { applied, deleted, endpointSlice, ingress, ingressClass, service, tlsSecret } from '../support/objects.ts';
import { translationOptions } from '../support/serving.ts';

/** What a translation has published in all, by type and name. */
class Published {
  readonly resources = new Map<string, string>();

  take(translation: Translation): this {
    for (const { typeUrl, name, resource } of translation.commit()) {
      if (resource === undefined) this.resources.delete(`${typeUrl} ${name}`);
      else this.resources.set(`${typeUrl} ${name}`, resource.record.toString('base64'));
    }
    return this;
  }
}

const pairs = [certificate({ names: ['a.test', '*.w.test'] }), certificate({ names: ['b.test'] })];
const hosts = ['', 'a.test', 'b.test', '*.w.test', 'x.w.test', 'BAD_'];
const services = ['web', 'api', 'gone'];

const anyPaths = fc.dictionary(
  fc.constantFrom('/', '/a', '/a/', '=/a', '~/b', '~/a(.*)|/(b', '~/(.*)', 'relative'),
  fc.tuple(fc.constantFrom(...services), fc.constantFrom('80', 'http', '81')).map((parts) => parts.join(':')),
  { maxKeys: 3 },
);
const anyTls = fc.record({
  hosts: fc.subarray(hosts.slice(1)),
  secretName: fc.constantFrom('', 'first', 'second', 'missing'),
});
const anyAnnotations = fc
  .dictionary(
    fc.constantFrom(
      'app-root',
      'backend-protocol',
      'cors-allow-origin',
      'denylist-source-range',
      'enable-cors',
      'limit-rps',
      'permanent-redirect',
      'proxy-read-timeout',
      'rewrite-target',
      'server-alias',
      'ssl-redirect',
      'use-regex',
      'unknown',
    ),
    fc.constantFrom(
      'true',
      'false',
      '/x/$1',
      '/a',
      '7',
      'HTTPS',
      'b.test',
      'alias.test, x.w.test',
      'https://*.a.test',
      '10.0.0.0/8',
      'bad value',
    ),
    { maxKeys: 3 },
  )
  .map((entries) =>
    Object.fromEntries(Object.entries(entries).map(([name, value]) => [`${defaultSettings.prefix}/${name}`, value])),
  );
const anyIngress = fc
  .record({
    name: fc.constantFrom('i1', 'i2', 'i3'),
    created: fc.constantFrom('2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z'),
    className: fc.constantFrom('sluice', 'sluice', 'other', null),
    annotations: fc.oneof(fc.constant({}), anyAnnotations),
    hosts: fc.dictionary(fc.constantFrom(...hosts), anyPaths, { maxKeys: 3 }),
    tls: fc.array(anyTls, { maxLength: 2 }),
    defaultBackend: fc.option(fc.constantFrom('web:80', 'api:http'), { nil: undefined }),
  })
  .map(({ name, defaultBackend, ...parts }) =>
    ingress(name, { ...parts, ...(defaultBackend === undefined ? {} : { defaultBackend }) }),
  );
const anyObject: fc.Arbitrary<KubernetesObject> = fc.oneof(
  { weight: 4, arbitrary: anyIngress },
  fc
    .record({ name: fc.constantFrom('web', 'api'), port: fc.constantFrom(80, 81) })
    .map(({ name, port }) => service(name, { http: port })),
  fc
    .record({
      name: fc.constantFrom('s1', 's2'),
      of: fc.constantFrom('web', 'api', 'gone', ''),
      port: fc.constantFrom('http', 'other'),
      number: fc.constantFrom(8080, 9090),
      addresses: fc.subarray(['10.0.0.1', '10.0.0.2', '10.0.0.3']),
    })
    .map(({ name, of, port, number, addresses }) => endpointSlice(name, of, { [port]: number }, addresses)),
  fc
    .record({ name: fc.constantFrom('first', 'second'), certificate: fc.nat(1), key: fc.nat(1) })
    .map(({ name, ...pick }) => tlsSecret(name, pairs[pick.certificate]?.cert ?? '', pairs[pick.key]?.key ?? '')),
  fc
    .record({ name: fc.constantFrom('sluice', 'other'), ours: fc.boolean(), byDefault: fc.boolean() })
    .map(({ name, ours, byDefault }) => ingressClass(name, ours ? 'sluice.dev/ingress-controller' : 'else', byDefault)),
);
const anyEdit: fc.Arbitrary<ObjectUpdate> = fc
  .record({ object: anyObject, isDeleted: fc.boolean() })
  .map(({ object, isDeleted }) => (isDeleted ? deleted(object) : applied(object)));

function keyOf({ kind, namespace, name }: ObjectUpdate): string {
  return `${kind} ${namespace}/${name}`;
}

describe('Translation', () => {
  it('arrives by any sequence of edits at the bytes and problems of a fresh start, in any order of arrival', () => {
    const edits = fc.array(fc.array(anyEdit, { minLength: 1, maxLength: 4 }), { maxLength: 12 });
    const anyConfigMap = fc.dictionary(
      fc.constantFrom('ssl-redirect', 'proxy-read-timeout', 'hsts'),
      fc.constantFrom('false', '70'),
    );
    fc.assert(
      fc.property(edits, fc.infiniteStream(fc.nat()), anyConfigMap, (bursts, shuffle, configMap) => {
        const incremental = new Translation(translationOptions);
        const published = new Published().take(incremental);
        const state = new Map<string, ObjectUpdate>();
        for (const burst of bursts) {
          incremental.update(burst);
          published.take(incremental);
          for (const edit of burst) state.set(keyOf(edit), edit);
        }
        incremental.configure({ ...defaultSettings, configMap });
        published.take(incremental);
        const full = new Translation({ ...translationOptions, features: { configMap } });
        // What was served before a pair went bad is an input, too.
        full.rememberCertificates(incremental.lastGoodCertificates());
        const order = [...state.values()].map((update) => ({ update, rank: shuffle.next().value }));
        full.update(order.toSorted((a, b) => a.rank - b.rank).map(({ update }) => update));
        const fresh = new Published().take(full);
        expect(published.resources).toEqual(fresh.resources);
        expect(incremental.problems()).toEqual(full.problems());
      }),
      { numRuns: 300 },
    );
  });

  describe.each([100, 10_000])('with %d Ingresses', (size) => {
    const pair = certificate({ names: ['tls.test'] });
    const other = certificate({ names: ['tls.test'] });
    let translation = new Translation(translationOptions);

    beforeAll(() => {
      translation = new Translation(translationOptions);
      const objects = Array.from({ length: size }, (_, index) => [
        ingress(`i${index}`, { hosts: { [`h${index}.test`]: { '/': `s${index}:80` } } }),
        service(`s${index}`, { http: 80 }),
        endpointSlice(`s${index}-1`, `s${index}`, { http: 8080 }, ['10.0.0.1']),
      ]);
      const tls = [{ hosts: ['tls.test'], secretName: 'pair' }];
      const secure = ingress('secure', { hosts: { 'tls.test': { '/': 's1:80' } }, tls });
      translation.update(
        [ingressClass(), ...objects.flat(), secure, tlsSecret('pair', pair.cert, pair.key)].map(applied),
      );
      translation.commit();
      translation.takeRecomputed();
    }, 30_000);

    /** What a change of endpoints computes; whether there are any is all that hosts look at. */
    const ofEndpoints = { endpoints: 1, 'backends with endpoints': 1, ClusterLoadAssignment: 1 };

    /** What an edit publishes and computes. */
    function costOf(...edits: readonly ObjectUpdate[]) {
      translation.update(edits);
      const names = translation.commit().map(({ name }) => name);
      return { names, computed: Object.fromEntries(translation.takeRecomputed()) };
    }

    it('computes one load assignment anew when an EndpointSlice changes', () => {
      const { names, computed } = costOf(applied(endpointSlice('s7-1', 's7', { http: 8080 }, ['10.0.0.2'])));
      expect(names).toEqual(['default/s7/80']);
      expect(computed).toEqual({ EndpointSlice: 1, ...ofEndpoints });
    });

    it('computes one group and one load assignment more when an EndpointSlice comes or goes', () => {
      const second = endpointSlice('s8-2', 's8', { http: 8080 }, ['10.0.0.9']);
      const once = { EndpointSlice: 1, 'EndpointSlices by Service': 1, ...ofEndpoints };
      expect(costOf(applied(second))).toEqual({ names: ['default/s8/80'], computed: once });
      expect(costOf(deleted(second))).toEqual({ names: ['default/s8/80'], computed: once });
    });

    it('computes one Ingress and its host anew when an Ingress changes', () => {
      const { names, computed } = costOf(applied(ingress('i7', { hosts: { 'h7.test': { '/x': 's7:80' } } })));
      expect(names).toEqual(['http/h7.test']);
      expect(Object.values(computed).reduce((sum, count) => sum + count, 0)).toBeLessThan(20);
    });

    it('computes a Secret anew, and no host or listener, when a certificate is renewed', () => {
      const { names, computed } = costOf(applied(tlsSecret('pair', other.cert, other.key)));
      expect(names).toEqual(['default/pair']);
      expect(computed).toEqual({
        Secret: 1,
        'last good certificates': 1,
        'certificate pairs': 1,
        certificates: 1,
        'own certificates': 1,
        'served certificates': 1,
        'TLS Secret': 1,
        'usable certificates': 1,
      });
    });

    it('computes nothing but the class when a class comes that no Ingress names', () => {
      const { names, computed } = costOf(applied(ingressClass('unused', 'else')));
      expect(names).toEqual([]);
      expect(computed).toEqual({ IngressClass: 1 });
    });

    it('computes nothing anew when an object is what it was', () => {
      const { names, computed } = costOf(applied(service('s9', { http: 80 })));
      expect(names).toEqual([]);
      expect(computed).toEqual({ Service: 1 });
    });
  });

  describe('in steps', () => {
    it('loses no change that comes while a commit is under way', () => {
      const translation = new Translation(translationOptions);
      const [old, latest] = ['/old', '/new'].map((path) => ingress('i', { hosts: { 'h.test': { [path]: 's:80' } } }));
      if (old === undefined || latest === undefined) throw new Error('there are two');
      const others = Array.from({ length: 200 }, (_, index) => ingress(`i${index}`, { hosts: {} }));
      translation.update([ingressClass(), ...others, old].map(applied));
      const steps = translation.commitInSteps();
      let step = steps.next();
      for (let count = 0; step.done !== true; count++, step = steps.next()) {
        if (count % 2 === 0) translation.update([applied(count % 4 === 0 ? latest : old)]);
      }
      translation.update([applied(latest)]);
      translation.commit();
      const fresh = new Translation(translationOptions);
      fresh.update([ingressClass(), ...others, latest].map(applied));
      expect(translation.objectCounts()).toEqual({ ...fresh.objectCounts(), IngressClass: 1, Ingress: 201 });
      const again = new Published().take(fresh).resources;
      translation.update([deleted(latest)]);
      translation.commit();
      translation.update([applied(latest)]);
      const readded = new Published().take(translation).resources;
      expect([...readded].every(([name, bytes]) => again.get(name) === bytes)).toBe(true);
      expect([...readded.keys()].some((name) => name.endsWith('http/h.test'))).toBe(true);
    });
  });
});
