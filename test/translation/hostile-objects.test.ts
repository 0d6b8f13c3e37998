import { describe, expect, it } from '@jest/globals';
import { projectObject } from '../../src/cluster/projection.ts';
import type { KubernetesObject } from '../../src/cluster/kubernetes-object.ts';
import { toJson } from '../../src/proto/message.ts';
import { messageNameOf } from '../../src/proto/type-url.ts';
import { Translation } from '../../src/translation/translation.ts';
import { bodyOf } from '../../src/xds/resource.ts';
import { certificate } from '../support/certificates.ts';
import { applied, endpointSlice, ingress, ingressClass, service, tlsSecret } from '../support/objects.ts';
import { translationOptions } from '../support/serving.ts';

/** Every resource as JSON by `type name`. */
function translated(
  objects: readonly KubernetesObject[],
  translation = new Translation(translationOptions),
): ReadonlyMap<string, string> {
  translation.update([ingressClass(), ...objects].map(applied));
  return new Map(
    translation.commit().map(({ typeUrl, name, resource }) => {
      const message = messageNameOf(typeUrl);
      const json = message !== undefined && resource !== undefined ? toJson(message, bodyOf(resource)) : undefined;
      return [`${typeUrl.slice(typeUrl.lastIndexOf('.') + 1)} ${name}`, JSON.stringify(json)];
    }),
  );
}

describe('the translation of hostile objects', () => {
  it('lets no Ingress take over the certificate that the operator has chosen for all other hosts', () => {
    const pair = certificate({ names: ['a.test'] });
    const resources = translated(
      [
        tlsSecret('def', pair.cert, pair.key, 'infra'),
        tlsSecret('x', pair.cert, pair.key, 'evil'),
        ingress('i', { namespace: 'evil', hosts: { '': { '/': 'web:80' } }, tls: [{ hosts: [], secretName: 'x' }] }),
      ],
      new Translation({ ...translationOptions, defaults: { certificate: { namespace: 'infra', name: 'def' } } }),
    );
    expect(resources.get('Listener https')).toContain('infra/def');
    expect(resources.get('Listener https')).not.toContain('evil/x');
  });

  it.each(['127.0.0.1', 'localhost', '2130706433', '0x7f.1', '127.1', '[::1]', '169.254.169.254'])(
    'sends neither copies nor questions of authentication to %s',
    (host) => {
      const translation = new Translation({ ...translationOptions, allowLocalEndpoints: false });
      const annotations = {
        'nginx.ingress.kubernetes.io/mirror-target': `http://${host}:9901/quitquitquit`,
        'nginx.ingress.kubernetes.io/auth-url': `http://${host}:9901/quitquitquit`,
      };
      const web = ingress('web', { annotations, hosts: { 'a.test': { '/': 'web:80' } } });
      const resources = translated([service('web', { http: 80 }), web], translation);
      const addressed = [...resources].filter(([key, json]) => key.startsWith('Cluster ') && json.includes('address'));
      expect(addressed).toEqual([]);
      expect(translation.problems().map(({ reason }) => reason)).toContain('EndpointRefused');
    },
  );

  it('lets no canary take requests from an Ingress of another namespace', () => {
    const annotations = {
      'nginx.ingress.kubernetes.io/canary': 'true',
      'nginx.ingress.kubernetes.io/canary-weight': '100',
    };
    const canaryIn = (namespace: string) =>
      translated([
        service('web', { http: 80 }),
        service('mine', { http: 80 }, namespace),
        endpointSlice('web-1', 'web', { http: 8080 }, ['10.0.0.1']),
        endpointSlice('mine-1', 'mine', { http: 8080 }, ['10.0.0.2'], namespace),
        ingress('web', { hosts: { 'a.test': { '/': 'web:80' } } }),
        ingress('mine', { namespace, annotations, hosts: { 'a.test': { '/': 'mine:80' } } }),
      ]).get('VirtualHost http/a.test');
    expect(canaryIn('default')).toContain('default/mine');
    expect(canaryIn('evil')).not.toContain('evil/mine');
    expect(canaryIn('evil')).toContain('default/web');
  });

  it('passes over endpoint addresses that an Envoy would refuse', () => {
    const resources = translated([
      ingress('i', { hosts: { 'a.test': { '/': 'web:80' } } }),
      service('web', { http: 80 }),
      endpointSlice('web-1', 'web', { http: 8080 }, ['fe80::1%eth0', 'name.test', '', 'fd00::1']),
    ]);
    const assignment = resources.get('ClusterLoadAssignment default/web/80') ?? '';
    expect([...assignment.matchAll(/"address":"([^"]+)"/g)].map(([, address]) => address)).toEqual(['fd00::1']);
  });

  it.each([
    '127.0.0.1',
    '127.8.8.8',
    '0.0.0.0',
    '169.254.169.254',
    '224.0.0.1',
    '255.255.255.255',
    '100.100.100.200',
    '168.63.129.16',
    '::',
    '::1',
    '0:0:0:0:0:0:0:1',
    '::ffff:127.0.0.1',
    '::ffff:a9fe:a9fe',
    'fe80::1',
    'ff02::1',
    'fd00:ec2::254',
  ])('refuses in a cluster the endpoint %s, which is where an Envoy finds something else than a pod', (address) => {
    const objects = [
      ingress('i', { hosts: { 'a.test': { '/': 'web:80' } } }),
      service('web', { http: 80 }),
      endpointSlice('web-1', 'web', { http: 8080 }, [address]),
      endpointSlice('web-2', 'web', { http: 8080 }, ['10.0.0.7', 'fd00::7']),
    ];
    const translation = new Translation({ ...translationOptions, allowLocalEndpoints: false });
    const assignment = translated(objects, translation).get('ClusterLoadAssignment default/web/80') ?? '';
    expect([...assignment.matchAll(/"address":"([^"]+)"/g)].map(([, each]) => each)).toEqual(['10.0.0.7', 'fd00::7']);
    expect(translation.problems()).toEqual([
      expect.objectContaining({ reason: 'EndpointRefused', message: expect.stringContaining(address) }),
    ]);
  });

  it.each([
    ['a path', { path: '/\ud800', pathType: 'Exact', backend: { service: { name: 'web', port: { number: 80 } } } }],
    ['a port name', { path: '/', pathType: 'Exact', backend: { service: { name: 'web', port: { name: '\ud800' } } } }],
  ])('reports half a character in %s, which no message can carry', (_what, path) => {
    const raw = { metadata: { name: 'i' }, spec: { rules: [{ host: 'a.test', http: { paths: [path] } }] } };
    const { object, problems } = projectObject('Ingress', raw, 'file');
    expect(object).toBeUndefined();
    expect(problems[0]).toMatchObject({ reason: 'InvalidObject', severity: 'error' });
  });

  it('resolves each backend of a host once, however many the host has', () => {
    const paths = Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`/${index}`, `s${index}:80`]));
    const translation = new Translation(translationOptions);
    translation.update([ingressClass(), ingress('i', { hosts: { 'a.test': paths } })].map(applied));
    translation.commit();
    expect(translation.takeRecomputed().get('backends')).toBe(2_000);
    expect(translation.takeRecomputed().get('routes of hosts by backend') ?? 0).toBeLessThanOrEqual(2);
  });

  it('gathers the claims of each Secret once, however many TLS entries an Ingress has', () => {
    const tls = Array.from({ length: 5_000 }, (_, index) => ({ hosts: [`h${index}.test`], secretName: `s${index}` }));
    const translation = new Translation(translationOptions);
    translation.update([ingressClass(), ingress('i', { hosts: {}, tls })].map(applied));
    translation.commit();
    expect(translation.problems()).toHaveLength(5_000);
    const counts = translation.takeRecomputed();
    expect({ claims: counts.get('claims of readings'), certificates: counts.get('certificates') }).toEqual({
      claims: 2,
      certificates: 5_000,
    });
  });
});

describe('a mistake of the program', () => {
  /** An Ingress that nobody can read the rules of. */
  function broken(name: string): KubernetesObject {
    const object = ingress(name, { hosts: {} });
    const spec = {
      tls: [],
      ingressClassName: 'sluice',
      get rules(): never {
        throw new Error('no such rule');
      },
    };
    return { ...object, spec };
  }

  it('is a problem of the object that it happens with, and everything else goes on', () => {
    const translation = new Translation(translationOptions);
    translation.update(
      [ingressClass(), broken('bad'), ingress('good', { hosts: { 'a.test': { '/': 's:80' } } })].map(applied),
    );
    expect(translation.commit().map(({ name }) => name)).toContain('http/a.test');
    expect(translation.problems()).toContainEqual({
      object: { kind: 'Ingress', namespace: 'default', name: 'bad' },
      field: '',
      severity: 'error',
      reason: 'InternalError',
      message: '"default/bad" of the table "Ingress verdicts" cannot be computed: no such rule',
      fix: 'report it as a bug with this object; until then, try to write the object in another way',
    });
  });

  it('leaves the last good form in use, and is over when the object changes', () => {
    const translation = new Translation(translationOptions);
    const good = ingress('i', { hosts: { 'a.test': { '/': 's:80' } } });
    translation.update([ingressClass(), good].map(applied));
    translation.commit();
    const changes = translation.problemChanges;
    translation.update([applied(broken('i'))]);
    expect(translation.commit()).toEqual([]);
    expect(translation.problems().map(({ reason }) => reason)).toContain('InternalError');
    expect(translation.problemChanges).toBeGreaterThan(changes);
    translation.update([applied(ingress('i', { hosts: { 'b.test': { '/': 's:80' } } }))]);
    expect(translation.commit().map(({ name }) => name)).toEqual(
      expect.arrayContaining(['http/a.test', 'http/b.test']),
    );
    expect(translation.problems().map(({ reason }) => reason)).not.toContain('InternalError');
  });
});
