/**
 * Tenants of one fleet who do not wish each other well: namespace `a` has its hosts, namespace `b` comes later and says what it can of
 * them. What reaches whom is asked of a real Envoy, for each value of --host-ownership.
 */
import { expect, it } from '@jest/globals';
import type { KubernetesObject } from '../../src/cluster/kubernetes-object.ts';
import { certificateAuthority, certificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { endpointSlice, ingress, secret, service, tlsSecret } from '../support/objects.ts';
import { describeWithEnvoy } from '../support/tools.ts';
import { scene } from './features/scene.ts';
import type { Scene, SceneIngress } from './features/scene.ts';

const old = '2026-01-01T00:00:00Z';
const young = '2026-02-01T00:00:00Z';
const authority = certificateAuthority();

/** The backends `web` of a, and `api` of b. */
function tenantObjects(s: Scene): readonly KubernetesObject[] {
  const backend = (name: string, namespace: string) => [
    service(name, { http: 80 }, namespace),
    endpointSlice(`${name}-1`, name, { http: s.backend(name).port }, [s.backend(name).address], namespace),
  ];
  const ofB = certificate({ names: ['*.test'] });
  return [
    ...backend('web', 'a'),
    ...backend('api', 'b'),
    secret('ca', { 'ca.crt': authority.cert }, 'a'),
    secret('ca', { 'ca.crt': authority.cert }, 'b'),
    tlsSecret('of-b', ofB.cert, ofB.key, 'b'),
  ];
}

const ofA = (host: string, parts: SceneIngress = {}): SceneIngress => ({
  namespace: 'a',
  created: old,
  hosts: { [host]: { '/': 'web:80' } },
  ...parts,
});

const ofB = (host: string, parts: SceneIngress = {}): SceneIngress => ({
  namespace: 'b',
  created: young,
  hosts: { [host]: { '/b': 'api:80' } },
  ...parts,
});

/** What goes for a whole host. */
const hostWide: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'app-root': { 'app-root': '/b/phish' },
  'from-to-www-redirect': { 'from-to-www-redirect': 'true' },
  'auth-tls-secret': { 'auth-tls-secret': 'b/ca' },
  'server-snippet': { 'server-snippet': 'return 403;' },
};

const allowSnippets = { 'allow-snippet-annotations': 'true', 'annotations-risk-level': 'Critical' };

describeWithEnvoy('a host that Ingresses of two namespaces name', () => {
  const s = scene({ configMap: allowSnippets });

  it('has the paths of both, the older one first', async () => {
    await s.apply(
      { a: ofA('paths.test'), b: ofB('paths.test', { hosts: { 'paths.test': { '/': 'api:80', '/b': 'api:80' } } }) },
      ...tenantObjects(s),
    );
    expect(await s.outcome('paths.test/')).toBe('web /');
    expect(await s.outcome('paths.test/b')).toBe('api /b');
    expect(s.problems()).toContain('b spec.rules[0].http.paths[0] PathConflict');
  });

  it('has the paths of the older one as they are, whatever expressions the younger one writes', async () => {
    const host = 'regex.test';
    const paths = { [host]: { '=/admin': 'web:80', '/shop': 'web:80', '/': 'web:80' } };
    const taking = ['~/(.*)', '~/admi[n]$', '~/sho?p/.*x*', '~/nothing|shop', '~/api(/|$)(.*)', '~/shop/sale/.*'];
    await s.apply(
      {
        a: ofA(host, { hosts: paths }),
        b: ofB(host, {
          annotations: { 'use-regex': 'true' },
          hosts: { [host]: Object.fromEntries(taking.map((path) => [path, 'api:80'])) },
        }),
      },
      ...tenantObjects(s),
    );
    const asked = ['/', '/x', '/admin', '/ADMIN', '/shop', '/shop/x', '/api', '/api/x', '/API/x', '/shop/sale/x'];
    const outcomes = await Promise.all(asked.map((path) => s.outcome(`${host}${path}`)));
    const served = outcomes.map((each) => each.split(' ')[0]).join(' ');
    expect(served).toBe('web web web api web web api api api api');
    expect(s.problems()).toContain('b spec.rules[0].http.paths[0] PathConflict');
  });

  it.each(Object.keys(hostWide))('does not get %s from the namespace that came later', async (kind) => {
    const host = `${kind}.test`;
    await s.apply(
      { a: ofA(host), b: ofB(host, { annotations: hostWide[kind] ?? {} }), c: ofA(`www.${host}`) },
      ...tenantObjects(s),
    );
    expect(await s.outcome(`${host}/`)).toBe('web /');
    expect(await s.outcome(`${host}/x`)).toBe('web /x');
    expect(await s.outcome(`www.${host}/`)).toBe('web /');
    expect(s.problems()).toContain('b metadata.annotations HostPolicyConflict');
    // What would be open without its protection is closed.
    const protects = kind === 'auth-tls-secret' || kind === 'server-snippet';
    expect(await s.outcome(`${host}/b`)).toBe(protects ? '503' : 'api /b');
  });

  it.each(Object.keys(hostWide))('gets %s from the namespace of the oldest Ingress, for all paths', async (kind) => {
    const host = `own-${kind}.test`;
    await s.apply(
      {
        a: ofA(host),
        a2: ofA(host, {
          ...ofB(host),
          namespace: 'a',
          hosts: { [host]: { '/2': 'web:80' } },
          annotations: { ...hostWide[kind], ...(kind === 'auth-tls-secret' && { 'auth-tls-secret': 'a/ca' }) },
        }),
        b: ofB(host),
      },
      ...tenantObjects(s),
    );
    const answers = await Promise.all(['/', '/b'].map((path) => s.outcome(`${host}${path}`)));
    const expected: Readonly<Record<string, readonly string[]>> = {
      'app-root': [`302 http://${host}/b/phish`, 'api /b'],
      'from-to-www-redirect': ['web /', 'api /b'],
      'auth-tls-secret': ['403', '403'],
      'server-snippet': ['403', '403'],
    };
    expect(answers).toEqual(expected[kind]);
  });

  it('asks for the certificate of the older one where both ask, and closes the paths of the one that asks for more', async () => {
    await s.apply(
      {
        a: ofA('both.test', { annotations: { 'auth-tls-secret': 'a/ca', 'auth-tls-verify-client': 'optional' } }),
        a2: {
          ...ofA('both.test', { annotations: { 'auth-tls-secret': 'a/ca', 'auth-tls-verify-client': 'on' } }),
          created: young,
          hosts: { 'both.test': { '/strict': 'web:80' } },
        },
      },
      ...tenantObjects(s),
    );
    expect(await s.outcome('both.test/')).toBe('web /');
    expect(await s.outcome('both.test/strict')).toBe('503');
  });

  it('does not lose names that nobody has to the alias of another namespace', async () => {
    const any: SceneIngress = { namespace: 'a', created: old, hosts: { '': { '/': 'web:80' } } };
    const b = ofB('alias.test', { annotations: { 'server-alias': '~., named.test, fresh.test' } });
    await s.apply({ b, a: ofA('named.test') }, ...tenantObjects(s));
    expect(await s.outcome('named.test/b')).toBe('web /b');
    expect(await s.outcome('fresh.test/b')).toBe('api /b');
    expect(await s.outcome('nobody-knows.test/b')).toBe('api /b');
    await s.apply({ any });
    await eventually(async () => expect(await s.outcome('nobody-knows.test/b')).toBe('web /b'));
    expect(await s.outcome('fresh.test/b')).toBe('api /b');
    expect(s.problems()).toContain('b metadata.annotations HostPolicyConflict');
    // With a rule for all hosts, the scene could not tell when the next objects are there.
    s.serving.remove(ingress('any', { namespace: 'a' }));
  });

  it('does not change hands by making it again: equal ages are told apart by namespace and name', async () => {
    const same = { created: old };
    await s.apply(
      {
        b: { ...ofB('age.test'), ...same, annotations: hostWide['app-root'] ?? {} },
        a: { ...ofA('age.test'), ...same },
      },
      ...tenantObjects(s),
    );
    expect(await s.outcome('age.test/')).toBe('web /');
  });

  it.each(['auth-secret', 'auth-tls-secret', 'proxy-ssl-secret', 'auth-proxy-set-headers', 'custom-headers'])(
    'does not give %s of another namespace to anybody',
    async (kind) => {
      const host = `foreign-${kind}.test`;
      const more: Readonly<Record<string, Readonly<Record<string, string>>>> = {
        'auth-secret': { 'auth-type': 'basic' },
        'proxy-ssl-secret': { 'backend-protocol': 'HTTPS', 'proxy-ssl-verify': 'on' },
        'auth-proxy-set-headers': { 'auth-url': 'http://api.b.svc.cluster.local/' },
      };
      await s.apply(
        { b: ofB(host, { annotations: { ...more[kind], [kind]: 'a/private' } }) },
        ...tenantObjects(s),
        secret(
          'private',
          { auth: 'ann:{PLAIN}hidden-password', 'ca.crt': 'hidden-ca', 'tls.crt': 'hidden', 'tls.key': 'hidden-key' },
          'a',
        ),
      );
      expect(await s.outcome(`${host}/b`)).toMatch(/^(?:503|403|502|api \/b)$/);
      const isOpen = (await s.outcome(`${host}/b`)) === 'api /b';
      expect(isOpen && kind.startsWith('auth')).toBe(false);
      expect(JSON.stringify(await s.envoy.configDump())).not.toContain('hidden');
      expect(s.problems().some((each) => each.startsWith(`b ${kind} `))).toBe(true);
    },
  );
});

describeWithEnvoy('a host that belongs to a namespace (--host-ownership=namespace)', () => {
  const s = scene({ configMap: allowSnippets, translation: { hostOwnership: 'namespace' } });

  it('has the paths of its own namespace only', async () => {
    await s.apply(
      {
        a: ofA('a.test'),
        a2: ofA('a.test', { created: young, hosts: { 'a.test': { '/2': 'web:80' } } }),
        b: ofB('a.test'),
        own: ofB('b.test'),
      },
      ...tenantObjects(s),
    );
    expect(await s.outcome('a.test/b')).toBe('web /b');
    expect(await s.outcome('a.test/2')).toBe('web /2');
    expect(await s.outcome('b.test/b')).toBe('api /b');
    expect(s.problems()).toContain('b spec.rules[0].http.paths[0] HostNotOwned');
  });

  it.each([
    [
      'every kind of policy',
      { annotations: { ...hostWide['app-root'], ...hostWide['auth-tls-secret'], 'use-regex': 'true' } },
    ],
    ['a certificate', { tls: [{ hosts: ['kept.test'], secretName: 'of-b' }] }],
    [
      'a canary',
      { annotations: { canary: 'true', 'canary-weight': '100' }, hosts: { 'kept.test': { '/': 'api:80' } } },
    ],
    ['a default backend', { defaultBackend: 'api:80' }],
    ['an alias', { hosts: { 'b.test': { '/': 'api:80' } }, annotations: { 'server-alias': 'kept.test, ~kept' } }],
  ] as const)('answers as before when the other one says %s', async (_, parts) => {
    const kept = { a: ofA('kept.test', { hosts: { 'kept.test': { '/': 'web:80', '=/Exact': 'web:80' } } }) };
    await s.apply({ ...kept, b: ofB('kept.test', { created: young }) }, ...tenantObjects(s));
    const paths = ['/', '/b', '/b/x', '/Exact', '/exact', '/nothing'];
    const ask = () => Promise.all(paths.map((path) => s.outcome(`kept.test${path}`)));
    const before = await ask();
    await s.apply({ ...kept, b: ofB('kept.test', parts) });
    expect(await ask()).toEqual(before);
    expect(before).toEqual(paths.map((path) => `web ${path}`));
  });

  it('passes to the next when its Ingress is gone', async () => {
    const b = ofB('next.test');
    await s.apply({ next: ofA('next.test'), b }, ...tenantObjects(s));
    expect(await s.outcome('next.test/b')).toBe('web /b');
    await s.apply({ next: ofA('moved.test'), b });
    expect(await s.outcome('next.test/b')).toBe('api /b');
  });
});

describeWithEnvoy('a host as ingress-nginx has it (--host-ownership=none)', () => {
  const s = scene({ translation: { hostOwnership: 'none' } });

  it('gets what goes for all of it from any namespace', async () => {
    await s.apply(
      { a: ofA('any.test'), b: ofB('any.test', { annotations: hostWide['app-root'] ?? {} }) },
      ...tenantObjects(s),
    );
    expect(await s.outcome('any.test/')).toBe('302 http://any.test/b/phish');
  });
});
