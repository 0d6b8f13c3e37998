import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { type Kind, kinds } from '../../src/cluster/kubernetes-object.ts';
import { type Projection, projectObject } from '../../src/cluster/projection.ts';

const metadata = { name: 'web' };
const known = { namespace: 'default', name: 'web', uid: '', creationTimestamp: '', annotations: {} };
const service = { name: 'web', port: { number: 80 } };

/** Of all depths together, so that random objects look a little like real ones. */
const fieldNames = [
  'metadata name namespace annotations labels spec rules host http paths path pathType backend service port number tls',
  'hosts endpoints addresses conditions ready ports protocol data tls.key stringData __proto__ constructor',
].flatMap((names) => names.split(' '));

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function project(kind: Kind, raw: unknown): Projection {
  return projectObject(kind, raw, 'file');
}

/** The fields that are complained about. */
function complaints(kind: Kind, raw: unknown): readonly string[] {
  const { object, problems } = project(kind, raw);
  expect(object === undefined).toBe(problems.length > 0);
  return problems.map(({ field }) => field);
}

function ingressWithPath(path: unknown): unknown {
  return { metadata, spec: { rules: [{ http: { paths: [path] } }] } };
}

describe('projectObject', () => {
  describe('of metadata', () => {
    const projectMetadata = (raw: object, origin: 'api' | 'file' = 'api'): unknown =>
      projectObject('Service', { metadata: { ...metadata, ...raw }, spec: {} }, origin).object?.metadata;

    it('keeps what identifies an object', () => {
      const raw = {
        namespace: 'blue',
        uid: '7f3a',
        creationTimestamp: '2026-01-31T12:00:00Z',
        annotations: { a: 'b' },
      };
      expect(projectMetadata(raw)).toEqual({ name: 'web', ...raw });
    });

    it('takes no uid from a file: it may be a copy from some other cluster', () => {
      expect(projectMetadata({ uid: '7f3a' }, 'file')).toEqual(known);
    });

    it.each([
      ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00Z'],
      ['2026-01-31T14:00:00.123456+02:00', '2026-01-31T12:00:00Z'],
      ['', ''],
      [null, ''],
    ])('writes the time %j as %j', (creationTimestamp, expected) => {
      expect(projectMetadata({ creationTimestamp })).toEqual({ ...known, creationTimestamp: expected });
    });

    it('drops the copy of the object that kubectl keeps', () => {
      expect(
        projectMetadata({ annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}', a: 'b' } }),
      ).toEqual({
        ...known,
        annotations: { a: 'b' },
      });
    });

    it.each([
      [{}, ['metadata.name']],
      [{ name: '' }, ['metadata.name']],
      [{ name: 7 }, ['metadata.name']],
      [{ name: 'a/b' }, ['metadata.name']],
      [{ name: 'A' }, ['metadata.name']],
      [{ name: 'a'.repeat(254) }, ['metadata.name']],
      [{ ...metadata, namespace: 'a.b' }, ['metadata.namespace']],
      [{ ...metadata, namespace: ['a'] }, ['metadata.namespace']],
      [{ ...metadata, creationTimestamp: 'yesterday' }, ['metadata.creationTimestamp']],
      [{ ...metadata, creationTimestamp: '2026-99-99T00:00:00Z-' }, ['metadata.creationTimestamp']],
      [{ ...metadata, annotations: [] }, ['metadata.annotations']],
      [
        { ...metadata, annotations: { a: 1, 'b.c/d': null } },
        ['metadata.annotations["a"]', 'metadata.annotations["b.c/d"]'],
      ],
      ['web', ['metadata']],
      [undefined, ['metadata']],
    ])('of %j complains about %j', (given, fields) => {
      expect(complaints('Service', { metadata: given, spec: {} })).toEqual(fields);
    });

    it.each([null, undefined, 7, 'text', []])('refuses %j for an object', (raw) => {
      expect(complaints('Service', raw)).toEqual(['']);
    });
  });

  describe('of an Ingress', () => {
    it('keeps the whole routing', () => {
      const spec = {
        ingressClassName: 'sluice',
        defaultBackend: { resource: { apiGroup: 'example.test', kind: 'Bucket', name: 'b' } },
        rules: [
          { host: 'a.test', http: { paths: [{ path: '/', pathType: 'Exact', backend: { service } }] } },
          { host: 'b.test' },
        ],
        tls: [{ hosts: ['a.test'], secretName: 'a-tls' }, {}],
      };
      expect(project('Ingress', { metadata, spec, status: {} })).toEqual({
        object: {
          kind: 'Ingress',
          metadata: known,
          spec: {
            ...spec,
            rules: [
              { host: 'a.test', paths: [{ path: '/', pathType: 'Exact', backend: { service } }] },
              { host: 'b.test', paths: [] },
            ],
            tls: [
              { hosts: ['a.test'], secretName: 'a-tls' },
              { hosts: [], secretName: '' },
            ],
          },
        },
        problems: [],
      });
    });

    it('takes an unset path that is ImplementationSpecific for every path', () => {
      const { object } = project(
        'Ingress',
        ingressWithPath({ pathType: 'ImplementationSpecific', backend: { service } }),
      );
      expect(object).toMatchObject({ spec: { rules: [{ host: '', paths: [{ path: '/' }] }] } });
    });

    it.each(['80', 'Http', 'a-name-longer-than-15', '-a', 'a/b'])('complains about a port named %j', (name) => {
      const backend = { service: { name: 'web', port: { name } } };
      const { object, problems } = project('Ingress', { metadata, spec: { defaultBackend: backend } });
      expect(object).toBeUndefined();
      expect(problems).toMatchObject([{ field: 'spec.defaultBackend.service.port.name' }]);
    });

    it('takes a port by name', () => {
      const backend = { service: { name: 'web', port: { name: 'http', number: null } } };
      const { object } = project('Ingress', { metadata, spec: { defaultBackend: backend } });
      expect(object).toMatchObject({ spec: { defaultBackend: { service: { name: 'web', port: { name: 'http' } } } } });
    });

    const path = 'spec.rules[0].http.paths[0]';
    it.each([
      [{ path: '/', backend: { service } }, [`${path}.pathType`]],
      [{ path: '/', pathType: 'Regex', backend: { service } }, [`${path}.pathType`]],
      [{ pathType: 'Prefix', backend: { service } }, [`${path}.path`]],
      [{ path: 7, pathType: 'Prefix', backend: { service } }, [`${path}.path`, `${path}.path`]],
      [{ path: '/', pathType: 'Prefix' }, [`${path}.backend`]],
      [{ path: '/', pathType: 'Prefix', backend: {} }, [`${path}.backend.service`]],
      [{ path: '/', pathType: 'Prefix', backend: 'web' }, [`${path}.backend`]],
      [{ path: '/', pathType: 'Prefix', backend: { service: 'web' } }, [`${path}.backend.service`]],
      [
        { path: '/', pathType: 'Prefix', backend: { service: { port: { number: 1 } } } },
        [`${path}.backend.service.name`],
      ],
      [
        { path: '/', pathType: 'Prefix', backend: { service: { name: 'ns/web', port: { number: 1 } } } },
        [`${path}.backend.service.name`],
      ],
      [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web' } } }, [`${path}.backend.service.port`]],
      [
        { path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: {} } } },
        [`${path}.backend.service.port`],
      ],
      [
        { path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { name: 'a', number: 1 } } } },
        [`${path}.backend.service.port`],
      ],
      [
        { path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 0 } } } },
        [`${path}.backend.service.port.number`],
      ],
      [
        { path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: '80' } } } },
        [`${path}.backend.service.port.number`],
      ],
      [
        { path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 8.5 } } } },
        [`${path}.backend.service.port.number`],
      ],
      [
        { path: '/', pathType: 'Prefix', backend: { service, resource: { kind: 'a', name: 'b' } } },
        [`${path}.backend`],
      ],
      [
        { path: '/', pathType: 'Prefix', backend: { resource: {} } },
        [`${path}.backend.resource.kind`, `${path}.backend.resource.name`],
      ],
      ['/', [path]],
    ])('with the path %j complains about %j', (given, fields) => {
      expect(complaints('Ingress', ingressWithPath(given))).toEqual(fields);
    });

    it.each([
      [undefined, ['spec']],
      [{}, ['spec']],
      [{ rules: [] }, ['spec']],
      [{ rules: 'all' }, ['spec.rules']],
      [{ rules: [7] }, ['spec.rules[0]']],
      [{ rules: [{ http: {} }] }, ['spec.rules[0].http.paths']],
      [{ rules: [{ host: ['a'] }] }, ['spec.rules[0].host']],
      [{ rules: [{}], ingressClassName: 7 }, ['spec.ingressClassName']],
      [{ rules: [{}], tls: {} }, ['spec.tls']],
      [{ rules: [{}], tls: [{ hosts: 'a.test' }] }, ['spec.tls[0].hosts']],
      [{ rules: [{}], tls: [{ hosts: ['a.test', 7] }] }, ['spec.tls[0].hosts[1]']],
      [{ rules: [{}], tls: [{ secretName: 'other/secret' }] }, ['spec.tls[0].secretName']],
    ])('with the spec %j complains about %j', (spec, fields) => {
      expect(complaints('Ingress', { metadata, spec })).toEqual(fields);
    });
  });

  describe('of an IngressClass', () => {
    it('has no namespace, whatever it says', () => {
      const raw = { metadata: { ...metadata, namespace: 'blue' }, spec: { controller: 'a/b' } };
      expect(project('IngressClass', raw).object).toEqual({
        kind: 'IngressClass',
        metadata: { ...known, namespace: '' },
        spec: { controller: 'a/b' },
      });
    });

    it('may have no spec', () => {
      expect(project('IngressClass', { metadata }).object).toMatchObject({ spec: { controller: '' } });
    });
  });

  describe('of a Service', () => {
    it('fills in what the API server would', () => {
      expect(project('Service', { metadata, spec: { ports: [{ port: 80 }] } }).object).toEqual({
        kind: 'Service',
        metadata: known,
        spec: {
          type: 'ClusterIP',
          externalName: '',
          ports: [{ name: '', port: 80, protocol: 'TCP', appProtocol: '' }],
        },
      });
    });

    it('keeps the external name of that type only', () => {
      const spec = { type: 'ExternalName', externalName: 'a.test' };
      expect(project('Service', { metadata, spec }).object).toMatchObject({ spec: { ...spec, ports: [] } });
      expect(project('Service', { metadata, spec: { externalName: 'a.test' } }).object).toMatchObject({
        spec: { type: 'ClusterIP', externalName: '' },
      });
    });

    it.each([
      [undefined, ['spec']],
      [{ type: 'External' }, ['spec.type']],
      [{ type: 'ExternalName' }, ['spec.externalName']],
      [{ ports: [{}] }, ['spec.ports[0].port']],
      [{ ports: [{ port: 65_536 }] }, ['spec.ports[0].port']],
      [{ ports: [{ port: 80, protocol: 'tcp' }] }, ['spec.ports[0].protocol']],
      [{ ports: [{ port: 80, appProtocol: 2 }] }, ['spec.ports[0].appProtocol']],
      [{ ports: [{ port: 80, name: 'a' }, { port: 81 }] }, ['spec.ports[1].name']],
    ])('with the spec %j complains about %j', (spec, fields) => {
      expect(complaints('Service', { metadata, spec })).toEqual(fields);
    });

    it('keeps what the Service says of its traffic', () => {
      const spec = {
        ports: [{ port: 80, targetPort: 8080 }],
        sessionAffinity: 'ClientIP',
        internalTrafficPolicy: 'Local',
        trafficDistribution: 'PreferClose',
        ipFamilies: ['IPv6', 'IPv4'],
      };
      const { object } = project('Service', { metadata, spec });
      expect(object).toMatchObject({
        spec: {
          sessionAffinity: 'ClientIP',
          internalTrafficPolicy: 'Local',
          trafficDistribution: 'PreferClose',
          ipFamily: 'IPv6',
        },
      });
      expect(object).not.toHaveProperty('spec.ports[0].targetPort');
      const annotations = { 'service.kubernetes.io/topology-mode': 'Auto' };
      expect(project('Service', { metadata: { ...metadata, annotations }, spec: {} }).object).toMatchObject({
        spec: { trafficDistribution: 'PreferSameZone' },
      });
    });

    it('keeps the number of the port that a host outside of the cluster listens on', () => {
      const ports = [
        { name: 'a', port: 80, targetPort: 8080 },
        { name: 'b', port: 81, targetPort: 'web' },
      ];
      const { object } = project('Service', {
        metadata,
        spec: { type: 'ExternalName', externalName: 'a.test', ports },
      });
      expect(object).toMatchObject({ spec: { ports: [{ targetPort: 8080 }, { name: 'b' }] } });
      expect(object).not.toHaveProperty('spec.ports[1].targetPort');
    });
  });

  describe('of an EndpointSlice', () => {
    it('fills in what the API means by unset conditions and ports', () => {
      const raw = {
        metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'web' }, annotations: { noisy: '1' } },
        addressType: 'IPv4',
        endpoints: [
          { addresses: ['10.0.0.1'] },
          { addresses: ['10.0.0.2'], conditions: { ready: false, serving: null, terminating: true }, zone: 'a' },
        ],
        ports: [{}, { name: 'http', port: 8080, protocol: 'UDP' }],
      };
      expect(project('EndpointSlice', raw).object).toEqual({
        kind: 'EndpointSlice',
        metadata: known,
        serviceName: 'web',
        addressType: 'IPv4',
        endpoints: [
          { addresses: ['10.0.0.1'], ready: true, serving: true, terminating: false, zone: '' },
          { addresses: ['10.0.0.2'], ready: false, serving: true, terminating: true, zone: 'a' },
        ],
        ports: [
          { name: '', port: 0, protocol: 'TCP' },
          { name: 'http', port: 8080, protocol: 'UDP' },
        ],
      });
    });

    it.each([
      ['endpointslice-controller.k8s.io', true],
      ['endpointslicemirroring-controller.k8s.io', undefined],
    ])('managed by %s follows its Service: %s', (manager, followsService) => {
      const raw = { metadata: { ...metadata, labels: { 'endpointslice.kubernetes.io/managed-by': manager } } };
      const { object } = project('EndpointSlice', { ...raw, addressType: 'IPv4' });
      expect(object).toEqual(expect.objectContaining({ kind: 'EndpointSlice' }));
      expect(object?.kind === 'EndpointSlice' && object.followsService).toBe(followsService);
    });

    it('may have neither endpoints nor ports, which the API server writes as null', () => {
      const raw = { metadata, addressType: 'IPv6', endpoints: null, ports: null };
      expect(project('EndpointSlice', raw).object).toMatchObject({ serviceName: '', endpoints: [], ports: [] });
    });

    it.each([
      [{}, ['addressType']],
      [{ addressType: 'IPv5' }, ['addressType']],
      [{ addressType: 'IPv4', endpoints: {} }, ['endpoints']],
      [{ addressType: 'IPv4', endpoints: [{}] }, ['endpoints[0].addresses']],
      [{ addressType: 'IPv4', endpoints: [{ addresses: [1] }] }, ['endpoints[0].addresses[0]']],
      [
        { addressType: 'IPv4', endpoints: [{ addresses: ['a'], conditions: { ready: 'yes' } }] },
        ['endpoints[0].conditions.ready'],
      ],
      [{ addressType: 'IPv4', ports: [{ port: 'http' }] }, ['ports[0].port']],
    ])('with %j complains about %j', (raw, fields) => {
      expect(complaints('EndpointSlice', { metadata, ...raw })).toEqual(fields);
    });
  });

  describe('of a Secret', () => {
    it('decodes the certificate and its key, and keeps nothing else', () => {
      const data = { 'tls.crt': base64('grün'), 'tls.key': base64('key'), password: base64('hunter2') };
      expect(project('Secret', { metadata, type: 'kubernetes.io/tls', data }).object).toEqual({
        kind: 'Secret',
        metadata: known,
        type: 'kubernetes.io/tls',
        certificate: 'grün',
        privateKey: 'key',
      });
    });

    it('keeps what annotations may ask for, unless the Secret is for others', () => {
      const entries = (type: string) =>
        project('Secret', { metadata, type, stringData: { auth: 'a:b', 'ca.crt': 'ca' } }).object;
      expect(entries('Opaque')).toMatchObject({ entries: { auth: 'a:b', 'ca.crt': 'ca' } });
      expect(entries('kubernetes.io/tls')).toHaveProperty('entries', { 'ca.crt': 'ca' });
      for (const type of [
        'kubernetes.io/service-account-token',
        'kubernetes.io/dockerconfigjson',
        'helm.sh/release.v1',
      ]) {
        expect(entries(type)).not.toHaveProperty('entries');
      }
    });

    it('lets stringData win, as the API server does', () => {
      const raw = { metadata, data: { 'tls.crt': base64('old') }, stringData: { 'tls.crt': 'new' } };
      expect(project('Secret', raw).object).toMatchObject({ type: 'Opaque', certificate: 'new', privateKey: '' });
    });

    it.each([
      [{ data: { 'tls.crt': 'not base64' } }, ['data.tls.crt']],
      [{ data: { 'tls.key': 'abc' } }, ['data.tls.key']],
      [{ data: { 'tls.key': 7 } }, ['data.tls.key']],
      [{ data: 'x' }, ['data']],
      [{ stringData: { 'tls.key': ['x'] } }, ['stringData.tls.key']],
      [{ type: 7 }, ['type']],
    ])('with %j complains about %j', (raw, fields) => {
      expect(complaints('Secret', { metadata, ...raw })).toEqual(fields);
    });
  });

  it('never fails, keeps the types it promises, and says the same twice, whatever it is given', () => {
    const key = fc.constantFrom(...fieldNames);
    const value = fc.object({
      key,
      maxDepth: 7,
      maxKeys: 6,
      values: [fc.string(), fc.double(), fc.constant(null), fc.boolean()],
    });
    fc.assert(
      fc.property(fc.constantFrom(...kinds), value, (kind, raw) => {
        const whole = { metadata, ...raw };
        const first = project(kind, whole);
        expect(project(kind, whole)).toEqual(first);
        expect(first.object === undefined).toBe(first.problems.length > 0);
        expect(first.problems.length).toBeLessThanOrEqual(20);
      }),
    );
  });

  it('is not changed by what happens to the raw object afterwards', () => {
    const raw = {
      metadata: { ...metadata, annotations: { a: 'b' } },
      spec: { rules: [{ host: 'a.test' }], tls: [{ hosts: ['a.test'] }] },
    };
    const { object } = project('Ingress', raw);
    const before = structuredClone(object);
    raw.metadata.annotations.a = 'c';
    raw.spec.tls[0]?.hosts.push('b.test');
    raw.spec.rules.pop();
    expect(object).toEqual(before);
  });
});
