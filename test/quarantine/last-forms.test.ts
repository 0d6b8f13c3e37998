import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { Ingress } from '../../src/cluster/kubernetes-object.ts';
import { defaultSettings } from '../../src/features/policies.ts';
import { Translation } from '../../src/translation/translation.ts';
import type { ResourceChange } from '../../src/xds/view.ts';
import { annotated, Judged } from '../support/judged.ts';
import { applied, endpointSlice, ingress, ingressClass, service } from '../support/objects.ts';
import type { IngressParts } from '../support/objects.ts';
import { translationOptions } from '../support/serving.ts';

const base = [
  ingressClass(),
  ...['web', 'api', 'admin'].flatMap((name) => [
    service(name, { http: 80 }),
    endpointSlice(name, name, { http: 80 }, ['10.0.0.1']),
  ]),
];
const shop = (paths: Readonly<Record<string, string>>, parts: IngressParts = {}): Ingress =>
  ingress('shop', { hosts: { 'a.test': paths }, ...parts });
const good = shop({ '/': 'web:80', '/api': 'api:80' });
/** As `good`, but for a path that nobody can ask for. */
const bad = shop({ '/': 'web:80', api: 'api:80' });
const goodRoutes = { '/': 'default/web/80', '/api': 'default/api/80' };

async function open(...objects: readonly Ingress[]): Promise<Judged> {
  const judged = new Judged();
  await judged.apply(...base, ...objects);
  return judged;
}

/** What becomes of an Ingress that was good. */
async function turned(from: Ingress, to: Ingress): Promise<Judged> {
  const judged = await open(from);
  expect(judged.held).toEqual([]);
  await judged.apply(to);
  return judged;
}

describe('an Ingress that turns bad', () => {
  it('is served as it was before, and what is wrong is said, of the object, its field, its fault and the fix', async () => {
    const judged = await open(good);
    const before = judged.versions;
    expect(await judged.apply(bad)).toEqual([]);
    expect(judged.versions).toEqual(before);
    expect(judged.routes('a.test')).toMatchObject(goodRoutes);
    expect(judged.problems).toEqual([
      {
        object: { kind: 'Ingress', namespace: 'default', name: 'shop' },
        field: 'spec.rules[0].http.paths[1].path',
        severity: 'error',
        reason: 'InvalidPath',
        message: expect.stringMatching(
          /^path "api" does not start with "\/"\. Instead of this form, what the Ingress was before \d{4}-\d\d-\d\dT[\d:.]+Z stays in use$/,
        ),
        fix: 'write an absolute path such as "/shop", without a query',
      },
    ]);
    expect(judged.summary).toEqual({ objects: 1, resources: 0, oldest: expect.any(Number) });
  });

  it.each([
    ['a host', ingress('shop', { hosts: { 'a_.*': { '/': 'web:80', '/api': 'api:80' } } }), 'InvalidHost'],
    ['a path more', shop({ '/': 'web:80', '/api': 'api:80', '/x?y': 'web:80' }), 'InvalidPath'],
    [
      'too many paths',
      shop(
        Object.fromEntries([
          ['/', 'web:80'],
          ['/api', 'api:80'],
          ...Array.from({ length: 10_000 }, (_, index) => [`/p${index}`, 'web:80']),
        ]),
      ),
      'TooManyPaths',
    ],
  ])('for %s is held', async (_what, form, reason) => {
    const judged = await turned(good, form);
    expect(judged.routes('a.test')).toMatchObject(goodRoutes);
    expect(judged.held).toEqual(['default/shop']);
    expect(judged.problems.map((problem) => problem.reason)).toEqual([reason]);
  });

  it('for an expression is held, where the earlier form has expressions as well', async () => {
    const regex = { 'use-regex': 'true' };
    const judged = await turned(
      annotated(shop({ '/': 'web:80', '~/api(.*)': 'api:80' }), regex),
      annotated(shop({ '/': 'web:80', '~/api(': 'api:80' }), regex),
    );
    expect(judged.held).toEqual(['default/shop']);
    expect(judged.problems.map((problem) => problem.reason)).toEqual(['InvalidPath']);
  });

  it('is tried with each change, and used as soon as it is good', async () => {
    const judged = await turned(good, bad);
    await judged.apply(shop({ '/': 'web:80', api: 'api:80', more: 'web:80' }));
    expect(judged.held).toEqual(['default/shop']);
    expect(judged.problems).toHaveLength(2);
    await judged.apply(shop({ '/': 'web:80', '/new': 'api:80' }));
    expect(judged.held).toEqual([]);
    expect(judged.problems).toEqual([]);
    expect(judged.summary.oldest).toBeUndefined();
    expect(Object.keys(judged.routes('a.test'))).toEqual(expect.arrayContaining(['/', '/new']));
    expect(judged.routes('a.test')).not.toHaveProperty(['/api']);
  });

  it('costs nobody else anything: what changes with it is live at once', async () => {
    const judged = await open(good, ingress('other', { hosts: { 'a.test': { '/other': 'web:80' } } }));
    await judged.apply(
      bad,
      ingress('other', { hosts: { 'a.test': { '/new': 'web:80' }, 'b.test': { '/': 'web:80' } } }),
    );
    expect(judged.routes('a.test')).toMatchObject({ ...goodRoutes, '/new': 'default/web/80' });
    expect(judged.routes('a.test')).not.toHaveProperty(['/other']);
    expect(judged.routes('b.test')).toMatchObject({ '/': 'default/web/80' });
    expect(judged.held).toEqual(['default/shop']);
  });

  it('is gone when it is deleted, and what is made anew under its name is another object', async () => {
    const judged = await turned(good, bad);
    await judged.remove(bad);
    expect(judged.routes('a.test')).toEqual({});
    expect(judged.held).toEqual([]);
    await judged.apply(bad);
    expect(judged.held).toEqual([]);
    expect(judged.routes('a.test')).not.toHaveProperty(['/api']);
    const withUid = (object: Ingress, uid: string): Ingress => ({ ...object, metadata: { ...object.metadata, uid } });
    const other = await turned(withUid(good, 'one'), withUid(bad, 'two'));
    expect(other.held).toEqual([]);
  });

  it('was never good: its bad paths are left out, the others are served', async () => {
    const judged = await open(bad);
    expect(judged.held).toEqual([]);
    expect(judged.routes('a.test')).toMatchObject({ '/': 'default/web/80' });
    await judged.apply(shop({ '/': 'web:80', api: 'api:80', '/more': 'web:80' }));
    expect(judged.held).toEqual([]);
    expect(judged.routes('a.test')).toMatchObject({ '/': 'default/web/80', '/more': 'default/web/80' });
  });

  it('outlives a restart with what is remembered, also when it has turned bad in another way meanwhile, and is as if it was never good without', async () => {
    const before = await turned(good, bad);
    const worse = shop({ '/': 'web:80', api: 'api:80', more: 'web:80' });
    for (const form of [bad, worse]) {
      const after = new Judged(undefined, before.memory);
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await after.apply(...base, form);
      expect(after.versions).toEqual(before.versions);
      expect(after.held).toEqual(['default/shop']);
      expect(after.summary.objects).toBe(1);
    }
    const healed = new Judged(undefined, before.memory);
    await healed.apply(...base, shop({ '/': 'web:80', '/new': 'api:80' }));
    expect(healed.problems).toEqual([]);
    const forgotten = await open(bad);
    expect(forgotten.routes('a.test')).not.toHaveProperty(['/api']);
  });

  it('follows what else there is: its last good form is read with the Services, Secrets and settings of now', async () => {
    const judged = await turned(good, bad);
    await judged.remove(service('api', { http: 80 }));
    expect(judged.problems.map(({ reason }) => reason).toSorted()).toEqual(['InvalidPath', 'ServiceNotFound']);
    await judged.apply(service('api', { http: 80 }));
    expect(judged.problems.map(({ reason }) => reason)).toEqual(['InvalidPath']);
  });
});

describe('an Ingress that is not held', () => {
  it.each([
    ['an allow-list that it had not', { 'whitelist-source-range': '10.0.0.0/8' }],
    ['a deny-list', { 'denylist-source-range': '10.0.0.0/8' }],
    ['a limit', { 'limit-rps': '5' }],
    ['a redirect to https', { 'force-ssl-redirect': 'true' }],
    ['a redirect in place of what it serves', { 'permanent-redirect': 'https://b.test/' }],
    ['an origin that may read it', { 'enable-cors': 'true', 'cors-allow-origin': 'https://b.test' }],
    ['commands for nginx', { 'server-snippet': 'deny all;' }],
  ])('asks, with a bad path, for %s', async (_what, annotations) => {
    const judged = await turned(good, annotated(bad, annotations));
    expect(judged.held).toEqual([]);
    expect(judged.routes('a.test')).not.toHaveProperty(['/api']);
  });

  it('has a protection that cannot be used: its paths are closed', async () => {
    for (const form of [bad, good]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const judged = await turned(good, annotated(form, { 'whitelist-source-range': 'nowhere' }));
      expect(judged.held).toEqual([]);
      expect(judged.routes('a.test')['/']).toBe('503');
    }
  });

  it('gives up a protection: nothing is guessed about the rest', async () => {
    const judged = await turned(annotated(good, { 'whitelist-source-range': '10.0.0.0/8' }), bad);
    expect(judged.held).toEqual([]);
  });

  it('was held, and asks for protection: that is in force at once', async () => {
    const judged = await turned(good, bad);
    await judged.apply(annotated(bad, { 'whitelist-source-range': '10.0.0.0/8' }));
    expect(judged.held).toEqual([]);
    expect(judged.routes('a.test')).not.toHaveProperty(['/api']);
    await judged.apply(bad);
    expect(judged.held).toEqual([]);
  });

  it.each([
    ['takes a path away', shop({ x: 'web:80' })],
    ['takes two paths away and has one bad one', shop({ api: 'api:80' })],
    ['sends a path elsewhere', shop({ '/': 'admin:80', api: 'api:80' })],
    ['narrows a path', shop({ '=/': 'web:80', api: 'api:80' })],
    ['takes a host away', ingress('shop', { hosts: { 'b.test': { '/': 'web:80', api: 'api:80' } } })],
    ['wants TLS', shop({ '/': 'web:80', api: 'api:80' }, { tls: [{ hosts: ['a.test'], secretName: 'pair' }] })],
    ['is of another class', shop({ '/': 'web:80', api: 'api:80' }, { className: 'other' })],
  ])('%s, with a bad path', async (_what, form) => {
    const judged = await turned(good, form);
    expect(judged.held).toEqual([]);
    expect(judged.routes('a.test')).not.toHaveProperty(['/api']);
  });

  it.each([
    ['a Service that is not there', shop({ '/': 'none:80' }), 'ServiceNotFound'],
    ['an annotation whose default goes', annotated(good, { 'proxy-read-timeout': 'soon' }), 'InvalidAnnotation'],
    [
      'a Secret that is not there',
      shop({ '/': 'web:80' }, { tls: [{ hosts: [], secretName: 'none' }] }),
      'CertificateNotFound',
    ],
  ])('names %s: that is as it was', async (_what, form, reason) => {
    const judged = await turned(good, form);
    expect(judged.held).toEqual([]);
    expect(judged.problems.map((problem) => problem.reason)).toContain(reason);
  });

  it.each([
    [
      'a path below another one elsewhere',
      good,
      shop({ '/': 'web:80', '/api': 'api:80', '/internal': 'admin:80', x: 'web:80' }),
    ],
    [
      'a host of a wildcard elsewhere',
      ingress('shop', { hosts: { '*.test': { '/': 'web:80' }, 'a.test': { '/': 'web:80' } } }),
      ingress('shop', {
        hosts: { '*.test': { '/': 'web:80' }, 'a.test': { '/': 'web:80', x: 'web:80' }, 'b.test': { '/': 'admin:80' } },
      }),
    ],
  ])('sends %s, with a bad path', async (_what, from, form) => {
    const judged = await turned(from, form);
    expect(judged.held).toEqual([]);
  });

  it('reads its paths in another way, with a bad path', async () => {
    const regex = await turned(annotated(good, { 'use-regex': 'true' }), bad);
    expect(regex.held).toEqual([]);
    const target = await turned(
      annotated(shop({ '~/(.*)': 'web:80' }), { 'rewrite-target': '/$1' }),
      annotated(shop({ '~/(.*)': 'web:80', x: 'web:80' }), { 'rewrite-target': '/public/$1' }),
    );
    expect(target.held).toEqual([]);
    const host = await turned(annotated(good, { 'upstream-vhost': 'internal.test' }), bad);
    expect(host.held).toEqual([]);
  });

  it.each(['', '*.test'])('narrows the host "%s" to one that is faulty', async (wide) => {
    const paths = { '/': 'web:80' };
    const judged = await turned(
      ingress('shop', { hosts: { [wide]: paths } }),
      ingress('shop', { hosts: { 'a_.test*': paths } }),
    );
    expect(judged.held).toEqual([]);
  });

  it('says itself what the earlier form has by default, which may change, with a bad path', async () => {
    const judged = await open();
    const byDefault = (configMap: Readonly<Record<string, string>>): void =>
      judged.translation.configure({ ...defaultSettings, configMap });
    byDefault({ 'whitelist-source-range': '10.0.0.0/8' });
    await judged.apply(good);
    await judged.apply(annotated(bad, { 'whitelist-source-range': '10.0.0.0/8' }));
    byDefault({});
    await judged.update([]);
    expect(judged.held).toEqual([]);
  });

  it('loses a path to an older one', async () => {
    const older = ingress('older', { hosts: { 'b.test': { '/': 'web:80' } }, created: '2020-01-01T00:00:00Z' });
    const judged = await open(
      ingress('shop', { hosts: { 'a.test': { '/': 'web:80' } }, created: '2021-01-01T00:00:00Z' }),
      older,
    );
    await judged.apply(ingress('shop', { hosts: { 'b.test': { '/': 'web:80' } }, created: '2021-01-01T00:00:00Z' }));
    expect(judged.held).toEqual([]);
    expect(judged.problems.map(({ reason }) => reason)).toEqual(['PathConflict']);
  });
});

describe('the last good form', () => {
  it('stays with the same protection as the bad one has', async () => {
    const list = { 'whitelist-source-range': '10.0.0.0/8' };
    const judged = await turned(annotated(good, list), annotated(bad, { ...list, 'proxy-read-timeout': '5' }));
    expect(judged.held).toEqual(['default/shop']);
    expect(judged.routes('a.test')).toMatchObject(goodRoutes);
  });

  it('stays where the rules for resources refuse what is asked for', async () => {
    const form = shop({ '/': 'web:80', '/api': 'api:80', [`/${'x'.repeat(9_000)}`]: 'web:80' });
    const alone = await open(form);
    expect(alone.problems.map((problem) => problem.reason)).toEqual(['ResourceRefused']);
    const judged = await open(good);
    const before = judged.versions;
    await judged.apply(form);
    expect(judged.versions).toEqual(before);
    expect(judged.problems).toEqual([
      expect.objectContaining({
        reason: 'ResourceRefused',
        field: 'spec.rules[0].http.paths[2]',
        message: expect.stringMatching(
          /that is not sent: .+\)\. Instead of this form, what the Ingress was before \S+ stays in use$/,
        ),
      }),
    ]);
    await judged.apply(shop({ '/': 'api:80' }));
    expect(judged.problems).toEqual([]);
    expect(judged.routes('a.test')).toMatchObject({ '/': 'default/api/80' });
  });

  it('does not stand for what the program itself fails at: what was computed last stays', async () => {
    const spec = {
      tls: [],
      ingressClassName: 'sluice',
      get rules(): never {
        throw new Error('no such rule');
      },
    };
    const judged = await turned(good, { ...good, spec });
    expect(judged.held).toEqual([]);
    expect(judged.routes('a.test')).toMatchObject(goodRoutes);
    await judged.apply(shop({ '/': 'api:80' }));
    expect(judged.problems).toEqual([]);
  });

  it('is given up again when what makes it good goes in the same moment', async () => {
    // Too long for a prefix, and not for an expression, which the other Ingress makes of it.
    const long = `/${'a{9}'.repeat(1_500)}`;
    const other = annotated(ingress('other', { hosts: { 'a.test': { '~/x(.*)': 'web:80' } } }), {
      'use-regex': 'true',
    });
    const judged = await open(shop({ '/': 'web:80', [long]: 'api:80' }), other);
    expect(judged.problems).toEqual([]);
    await judged.apply(
      shop({ '/': 'web:80', [long]: 'api:80', '/new': 'web:80' }),
      ingress('other', { hosts: { 'a.test': { '/x': 'web:80' } } }),
    );
    expect(judged.held).toEqual([]);
    expect(judged.problems.map(({ reason }) => reason)).toEqual(['ResourceRefused']);
    expect(judged.routes('a.test')).toMatchObject({ '/new': 'default/web/80' });
  });
});

/** What a random edit makes of an Ingress. */
interface Edit {
  readonly key: string;
  /** Those of three paths that it has, each with a backend of its own. */
  readonly paths: readonly number[];
  /** The backend of a path that nobody can ask for, if there is one. */
  readonly fault: number | undefined;
  readonly allowed: string | undefined;
}

const keys = ['one', 'two', 'three'];
const backends = ['web', 'api', 'admin'];

function objectOf({ key, paths, fault, allowed }: Edit): Ingress {
  const sound = paths.map((each) => [`/${key}/${each}`, `${backends[each]}:80`] as const);
  const broken = fault === undefined ? [] : [['nowhere', `${backends[fault]}:80`] as const];
  const object = ingress(key, {
    hosts: { 'shared.test': Object.fromEntries([...sound, ...broken]), [`${key}.test`]: { '/': 'web:80' } },
  });
  return allowed === undefined ? object : annotated(object, { 'whitelist-source-range': allowed });
}

/** What is in use of an Ingress. */
interface Use {
  readonly raw: Edit;
  readonly used: Edit;
}

/** The rule, in other words than those of the program. */
function usedAfter(before: Use | undefined, raw: Edit): Edit {
  if (raw.fault === undefined || before === undefined || before.used.fault !== undefined) return raw;
  const gone = before.used.paths.filter((each) => !raw.paths.includes(each));
  const isKept = gone.length === 0 || (gone.length === 1 && gone[0] === raw.fault);
  const isAlike = raw.allowed === before.used.allowed && raw.allowed !== 'nowhere';
  return isKept && isAlike ? before.used : raw;
}

/** Those of a fresh start. */
function versionsOf(...objects: readonly Ingress[]): Readonly<Record<string, string>> {
  const translation = new Translation(translationOptions);
  translation.update([...base, ...objects].map(applied));
  return Object.fromEntries(
    translation.commit().map(({ typeUrl, name, resource }) => [`${typeUrl} ${name}`, resource?.version ?? '']),
  );
}

const edit: fc.Arbitrary<Edit> = fc.record({
  key: fc.constantFrom(...keys),
  paths: fc.subarray([0, 1, 2], { minLength: 1 }),
  fault: fc.option(fc.nat(2), { nil: undefined }),
  allowed: fc.constantFrom(undefined, undefined, undefined, '10.0.0.0/8', '192.168.0.0/16', 'nowhere'),
});
const removal = fc.record({ gone: fc.constantFrom(...keys) });
const step = fc.oneof(
  { weight: 8, arbitrary: fc.uniqueArray(edit, { minLength: 1, maxLength: 3, selector: ({ key }) => key }) },
  { weight: 1, arbitrary: removal },
  { weight: 1, arbitrary: fc.constant('restart' as const) },
  { weight: 1, arbitrary: fc.constant('again' as const) },
);
const runs = Number(process.env['SLUICE_QUARANTINE_RUNS'] ?? 20);

describe('random edits of several Ingresses', () => {
  it('are served as they are, or as they last were without fault where that opens nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        let judged = await open();
        const uses = new Map<string, Use>();
        /** What writing the same again has published. */
        const repeated: ResourceChange[] = [];
        const all = (): readonly Ingress[] => Array.from(uses.values(), ({ raw }) => objectOf(raw));
        for (const each of steps) {
          /* oxlint-disable no-await-in-loop -- one after the other */
          if (each === 'restart') {
            judged = new Judged(undefined, judged.memory);
            await judged.apply(...base, ...all());
          } else if (each === 'again') {
            repeated.push(...(await judged.apply(...all())));
          } else if ('gone' in each) {
            const use = uses.get(each.gone);
            uses.delete(each.gone);
            if (use !== undefined) await judged.remove(objectOf(use.raw));
          } else {
            const edited = each.filter(({ key, ...form }) => !isDeepStrictEqual(uses.get(key)?.raw, { key, ...form }));
            for (const raw of edited) uses.set(raw.key, { raw, used: usedAfter(uses.get(raw.key), raw) });
            await judged.apply(...edited.map(objectOf));
          }
          /* oxlint-enable no-await-in-loop */
          const held = [...uses.values()]
            .filter(({ raw, used }) => raw !== used)
            .map(({ raw }) => `default/${raw.key}`);
          expect(judged.held).toEqual(held.toSorted());
          expect(repeated).toEqual([]);
          expect(judged.versions).toEqual(versionsOf(...Array.from(uses.values(), ({ used }) => objectOf(used))));
          const named = new Set(judged.problems.map(({ object }) => object.name));
          const faulty = [...uses.values()].filter(({ raw }) => raw.fault !== undefined || raw.allowed === 'nowhere');
          expect([...named].toSorted()).toEqual(faulty.map(({ raw }) => raw.key).toSorted());
        }
      }),
      { numRuns: runs },
    );
  });
});
