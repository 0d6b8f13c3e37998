import { describe, expect, it } from '@jest/globals';
import { fingerprintOf } from '../../src/cluster/held-object.ts';
import type { HeldForm } from '../../src/cluster/held-object.ts';
import type { KubernetesObject } from '../../src/cluster/kubernetes-object.ts';
import { objectKey } from '../../src/model/object-ref.ts';
import { typeUrl } from '../../src/proto/type-url.ts';
import { Translation } from '../../src/translation/translation.ts';
import { bodyOf } from '../../src/xds/resource.ts';
import { certificate } from '../support/certificates.ts';
import { applied, endpointSlice, ingress, ingressClass, secret, service, tlsSecret } from '../support/objects.ts';
import { translationOptions } from '../support/serving.ts';

const annotation = 'nginx.ingress.kubernetes.io';
const admin = ingress('admin', {
  hosts: { 'a.test': { '/admin': 'web:80' } },
  annotations: { [`${annotation}/whitelist-source-range`]: '10.0.0.0/8' },
});
const shop = ingress('shop', { hosts: { 'a.test': { '/': 'web:80' } } });
const base = [
  ingressClass(),
  service('web', { http: 80 }),
  endpointSlice('web', 'web', { http: 80 }, ['10.0.0.1']),
  admin,
  shop,
];

class Served {
  readonly translation = new Translation(translationOptions);
  readonly resources = new Map<string, string>();

  apply(...objects: readonly KubernetesObject[]): void {
    this.translation.update(objects.map(applied));
    this.commit();
  }

  hold(object: KubernetesObject, form: HeldForm): void {
    const { kind, metadata } = object;
    this.translation.hold({ kind, key: objectKey(metadata), fingerprint: fingerprintOf(object), form });
    this.commit();
  }

  commit(): void {
    for (const { typeUrl: type, name, resource } of this.translation.commit()) {
      const key = `${type.slice(type.lastIndexOf('.') + 1)} ${name}`;
      if (resource === undefined) this.resources.delete(key);
      else this.resources.set(key, `${resource.version} ${bodyOf(resource).toString('latin1')}`);
    }
  }

  get all(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.resources].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
}

function served(...objects: readonly KubernetesObject[]): Served {
  const all = new Served();
  all.apply(...base, ...objects);
  return all;
}

describe('an object that is held', () => {
  it('closes its own paths, and opens none of them to what stands behind', () => {
    const scene = served();
    scene.hold(admin, { kind: 'closed' });
    const host = scene.resources.get('VirtualHost http/a.test') ?? '';
    expect(host).toContain('/admin');
    expect(scene.translation.isOurs('default/admin')).toBe(true);
    const closed = new Served();
    closed.apply(
      ...base.filter((each) => each !== admin),
      ingress('admin', { hosts: { 'a.test': { '/admin': 'none:80' } } }),
    );
    expect(host.length).not.toBe(closed.resources.get('VirtualHost http/a.test')?.length);
    expect(scene.translation.problems()).toEqual([]);
  });

  it('is served as it was before, whatever order its forms come in', () => {
    const before = served();
    const after = served();
    const changed = ingress('shop', { hosts: { 'b.test': { '/': 'web:80' } } });
    after.apply(changed);
    expect(after.all).not.toEqual(before.all);
    after.hold(changed, { kind: 'earlier', object: shop });
    expect(after.all).toEqual(before.all);
    after.apply(changed);
    expect(after.all).toEqual(before.all);
    expect(after.translation.objectOf({ kind: 'Ingress', key: 'default/shop' })).toEqual(changed);
  });

  it('is used as it is as soon as it is anything else', () => {
    const scene = served();
    const before = scene.all;
    scene.hold(shop, { kind: 'absent' });
    expect(scene.all).not.toEqual(before);
    scene.apply({ ...shop, metadata: { ...shop.metadata, annotations: { note: 'changed' } } });
    expect(scene.all).toEqual(before);
    expect(scene.translation.isHeld({ kind: 'Ingress', key: 'default/shop' })).toBe(false);
  });

  it('is held before it is there, when it comes as it was', () => {
    const scene = new Served();
    scene.hold(shop, { kind: 'closed' });
    scene.apply(...base);
    const other = served();
    other.hold(shop, { kind: 'closed' });
    expect(scene.all).toEqual(other.all);
  });

  it('stays held when it is made anew with the same content', () => {
    const scene = served();
    scene.hold(shop, { kind: 'closed' });
    const before = scene.all;
    scene.apply({ ...shop, metadata: { ...shop.metadata, uid: 'another', creationTimestamp: '' } });
    expect(scene.all).toEqual(before);
  });

  it('leaves hosts without their certificate when it is a Secret that never was good, and with the last one when it was', () => {
    const pairs = [certificate({ names: ['t.test'] }), certificate({ names: ['t.test'] })];
    const [first, second] = pairs.map(({ cert, key }) => tlsSecret('t', cert, key));
    if (first === undefined || second === undefined) throw new Error('two pairs are made');
    const host = ingress('t', {
      hosts: { 't.test': { '/': 'web:80' } },
      tls: [{ hosts: ['t.test'], secretName: 't' }],
    });
    const never = served(first, host);
    never.hold(first, { kind: 'closed' });
    expect(never.resources.has('Secret default/t')).toBe(false);
    expect(never.translation.problems()).toMatchObject([{ reason: 'InvalidCertificate' }]);
    const was = served(first, host);
    const good = was.resources.get('Secret default/t');
    was.apply(second);
    was.hold(second, { kind: 'closed' });
    expect(was.resources.get('Secret default/t')).toBe(good);
    expect([...was.translation.keptCertificates().keys()]).toEqual(['default/t']);
  });
});

describe('the suspects for a resource', () => {
  const keysOf = (scene: Served, type: keyof typeof typeUrl, name: string): readonly string[] =>
    scene.translation.suspectsOf(typeUrl[type], name).map(({ kind, key }) => `${kind} ${key}`);

  it('are those that it is made of, and what they name', () => {
    const scene = served(
      secret('users', { auth: 'a:b' }),
      ingress('private', {
        hosts: { 'p.test': { '/': 'web:80' } },
        annotations: { [`${annotation}/auth-type`]: 'basic', [`${annotation}/auth-secret`]: 'users' },
      }),
    );
    expect(keysOf(scene, 'virtualHost', 'http/a.test').toSorted()).toEqual([
      'Ingress default/admin',
      'Ingress default/shop',
    ]);
    expect(keysOf(scene, 'virtualHost', 'http/p.test')).toEqual(['Ingress default/private', 'Secret default/users']);
    expect(keysOf(scene, 'clusterLoadAssignment', 'default/web/80')).toEqual([
      'EndpointSlice default/web',
      'Service default/web',
    ]);
    expect(keysOf(scene, 'cluster', 'default/web/80')).toContain('Service default/web');
    expect(keysOf(scene, 'virtualHost', 'http/unknown.test')).toEqual([]);
  });
});
