/** Backends: what a path names, and what is behind it. What is missing costs its own paths only. */
import type {
  EndpointSlice,
  Ingress,
  IngressBackend,
  KubernetesObject,
} from '../../../src/cluster/kubernetes-object.ts';
import { endpointSlice, ingress, service } from '../../support/objects.ts';
import { asks, pathCase } from './case.ts';
import type { IngressCase } from './case.ts';

/** The ports of the servers behind the Services that every case has. */
export interface ServerPorts {
  readonly web: number;
  readonly api: number;
  readonly shop: number;
}

const p = pathCase;

const resource: IngressBackend = { resource: { apiGroup: 'k8s.example.com', kind: 'StorageBucket', name: 'icons' } };

function withBackend(object: Ingress, pathIndex: number, backend: IngressBackend): Ingress {
  const rules = object.spec.rules.map((rule) => ({
    ...rule,
    paths: rule.paths.map((each, index) => (index === pathIndex ? { ...each, backend } : each)),
  }));
  return { ...object, spec: { ...object.spec, rules } };
}

/** Its endpoints with other conditions. */
function conditions(slice: EndpointSlice, ready: boolean, serving: boolean, terminating: boolean): EndpointSlice {
  return { ...slice, endpoints: slice.endpoints.map((each) => ({ ...each, ready, serving, terminating })) };
}

const missing: readonly IngressCase[] = [
  p(
    'b1.test',
    'a Service that does not exist costs its own path only',
    { '/': 'web', '/gone': 'nobody' },
    { '/gone': '503', '/gone/x': '503', '/': 'web' },
    {
      problems: ['Ingress default/b1.test spec.rules[0].http.paths[1] ServiceNotFound'],
    },
  ),
  p(
    'b2.test',
    'a port that does not exist costs its own path only',
    { '/': 'web', '/gone': 'web:81' },
    { '/gone': '503', '/': 'web' },
    {
      problems: ['Ingress default/b2.test spec.rules[0].http.paths[1] ServicePortNotFound'],
    },
  ),
  p(
    'b3.test',
    'a port name that does not exist costs its own path only',
    { '/': 'web', '/gone': 'web:admin' },
    { '/gone': '503', '/': 'web' },
    {
      problems: ['Ingress default/b3.test spec.rules[0].http.paths[1] ServicePortNotFound'],
    },
  ),
  {
    title: 'a resource backend costs its own path only',
    objects: [withBackend(ingress('b4', { hosts: { 'b4.test': { '/': 'web:80', '/icons': 'web:80' } } }), 1, resource)],
    requests: asks({ 'b4.test/icons': '503', 'b4.test/icons/a.png': '503', 'b4.test/': 'web' }),
    problems: ['Ingress default/b4 spec.rules[0].http.paths[1].backend.resource UnsupportedBackend'],
  },
  {
    title: 'a resource as the default backend costs the unmatched paths only',
    objects: [
      {
        ...ingress('b5', { hosts: { 'b5.test': { '/a': 'web:80' } } }),
        spec: { ...ingress('b5', { hosts: { 'b5.test': { '/a': 'web:80' } } }).spec, defaultBackend: resource },
      },
    ],
    requests: asks({ 'b5.test/a': 'web', 'b5.test/b': '503' }),
    problems: ['Ingress default/b5 spec.defaultBackend.resource UnsupportedBackend'],
  },
  {
    title: 'a default backend whose Service is missing costs the unmatched paths only',
    objects: [ingress('b6', { hosts: { 'b6.test': { '/a': 'web:80' } }, defaultBackend: 'nobody:80' })],
    requests: asks({ 'b6.test/a': 'web', 'b6.test/b': '503' }),
    problems: ['Ingress default/b6 spec.defaultBackend ServiceNotFound'],
  },
  {
    title: 'a Service of another namespace is out of reach',
    objects: [ingress('b7', { namespace: 'empty', hosts: { 'b7.test': { '/': 'web:80' } } })],
    requests: asks({ 'b7.test/': '503' }),
    problems: ['Ingress empty/b7 spec.rules[0].http.paths[0] ServiceNotFound'],
  },
];

const ports: readonly IngressCase[] = [
  p('b8.test', 'a Service port may be named by its name', { '/': 'web:http' }, { '/': 'web' }),
  p('b9.test', 'a Service port may be named by its number', { '/': 'web:80' }, { '/': 'web' }),
  p(
    'b10.test',
    'paths may go to different ports of one Service',
    { '/a': 'two:80', '/b': 'two:admin' },
    { '/a': 'web', '/b': 'api' },
  ),
];

/** Cases with Services and EndpointSlices of their own. */
export function endpointCases(servers: ServerPorts): readonly IngressCase[] {
  const { web, api, shop } = servers;
  const local = ['127.0.0.1'];
  const slice = (name: string, port: number, portName = 'http'): EndpointSlice =>
    endpointSlice(`${name}-${port}`, name, { [portName]: port }, local);
  /** Host `NAME.test` in front of Service `NAME` with these slices. */
  const e = (
    name: string,
    title: string,
    objects: readonly KubernetesObject[],
    expected: string,
    problems: readonly string[] = [],
    backend = `${name}:80`,
  ): IngressCase => ({
    title,
    objects: [ingress(name, { hosts: { [`${name}.test`]: { '/': backend } } }), ...objects],
    requests: asks({ [`${name}.test/`]: expected }),
    problems,
  });
  const noEndpoints = (name: string) => [`Ingress default/${name} spec.rules[0].http.paths[0] NoEndpoints`];
  return [
    e(
      'x1',
      'a Service without EndpointSlices answers 503, and is reported',
      [service('x1', { http: 80 })],
      '503',
      noEndpoints('x1'),
    ),
    e(
      'x2',
      'a Service whose endpoints are not ready answers 503, and is reported',
      [service('x2', { http: 80 }), conditions(slice('x2', web), false, false, false)],
      '503',
      noEndpoints('x2'),
    ),
    e(
      'x3',
      'an endpoint that is not ready is not used beside one that is',
      [service('x3', { http: 80 }), slice('x3', web), conditions(slice('x3', api), false, false, false)],
      'web',
    ),
    e(
      'x4',
      'an endpoint that terminates is not used beside one that is ready',
      [service('x4', { http: 80 }), slice('x4', web), conditions(slice('x4', api), false, true, true)],
      'web',
    ),
    e(
      'x5',
      'the last endpoints are used while they terminate and serve',
      [service('x5', { http: 80 }), conditions(slice('x5', web), false, true, true)],
      'web',
    ),
    e(
      'x6',
      'endpoints that terminate and do not serve are not used',
      [service('x6', { http: 80 }), conditions(slice('x6', web), false, false, true)],
      '503',
      noEndpoints('x6'),
    ),
    e(
      'x7',
      'an unnamed port is that of the slice without a name',
      [service('x7', { '': 80 }), slice('x7', web, '')],
      'web',
    ),
    e(
      'x8',
      'a slice without the port of the Service has no endpoint of it',
      [service('x8', { http: 80 }), slice('x8', api, 'else'), slice('x8', web)],
      'web',
    ),
    e(
      'x9',
      'a headless Service is served like any other',
      [
        { ...service('x9', { http: 80 }), metadata: { ...service('x9', {}).metadata, annotations: {} } },
        slice('x9', shop),
      ],
      'shop',
    ),
    e(
      'x10',
      'an endpoint in two slices is one endpoint',
      [
        service('x10', { http: 80 }),
        slice('x10', web),
        { ...slice('x10', web), metadata: { ...slice('x10', web).metadata, name: 'x10-again' } },
      ],
      'web',
    ),
    e(
      'x11',
      'a slice of host names is not used beside one of addresses',
      [
        service('x11', { http: 80 }),
        slice('x11', web),
        { ...endpointSlice('x11-fqdn', 'x11', { http: 1 }, ['web.invalid']), addressType: 'FQDN' },
      ],
      'web',
    ),
    e(
      'x12',
      'an endpoint over IPv6 is used',
      [service('x12', { http: 80 }), { ...endpointSlice('x12-6', 'x12', { http: web }, ['::1']), addressType: 'IPv6' }],
      'web',
    ),
    e(
      'x13',
      'a UDP port is none for HTTP',
      [
        {
          ...service('x13', { http: 80 }),
          spec: {
            ...service('x13', { http: 80 }).spec,
            ports: [{ name: 'http', port: 80, protocol: 'UDP', appProtocol: '' }],
          },
        },
        slice('x13', web),
      ],
      '503',
      ['Ingress default/x13 spec.rules[0].http.paths[0] ServicePortNotFound'],
    ),
    {
      title: 'a named port may have another number in each slice',
      objects: [
        ingress('x14', { hosts: { 'x14.test': { '/': 'x14:http' } } }),
        service('x14', { http: 80 }),
        slice('x14', web),
        slice('x14', api),
        slice('x14', shop),
      ],
      requests: Array.from({ length: 12 }, () => ({ host: 'x14.test', path: '/', expected: 'web|api|shop' })),
      problems: [],
    },
  ];
}

export const backendCases: readonly IngressCase[] = [...missing, ...ports];
