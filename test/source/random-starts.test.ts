/** Starts in which the kinds answer in any order, late and wrongly: an Envoy must never be sent what only half of them say. */
import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { kubernetesSource } from '../../src/source/kubernetes.ts';
import { FakeApiServer, type Interception, sendStatus } from './fake-api-server.ts';
import { rawEndpointSlice, rawIngress, rawIngressClass, rawSecret, rawService } from './raw-objects.ts';
import { Recorder } from './recorder.ts';
import { silentLog } from './silent-log.ts';

/** SLUICE_STARTS=10000 is the whole of it; so many show the same. */
const starts = Number(process.env['SLUICE_STARTS'] ?? 100);

// A start whose errors add up takes a few tenths of a second.
jest.setTimeout(240_000 + starts * 500);

const limits = {
  listIntervalMs: 1,
  listIntervalCapMs: 2,
  backoffFirstMs: 1,
  backoffCapMs: 4,
  stableMs: 0,
  forbiddenMs: 2,
};

const wrong: readonly Interception[] = [
  (_request, response) => fails(response, 403),
  (_request, response) => fails(response, 429),
  (_request, response) => fails(response, 500),
  (_request, response) => {
    response.destroy();
    return true;
  },
  (_request, response) => {
    response.end('{"metadata":{"resourceVersion":"1"},"items":[');
    return true;
  },
];

function fails(response: Parameters<Interception>[1], code: number): boolean {
  sendStatus(response, code, 'injected');
  return true;
}

const paths = ['ingressclasses', 'ingresses', 'services', 'endpointslices', 'secrets'] as const;
const trouble = fc.array(fc.nat({ max: wrong.length - 1 }), { maxLength: 5 });

describe('a start', () => {
  it('is over when every kind and every named Secret has been read, in whatever order, and not before', async () => {
    const server = await FakeApiServer.start();
    const web = rawIngress('web');
    const tls = [{ hosts: ['web.test'], secretName: 'opaque' }];
    server.put({ ...web, spec: { ...Object(web['spec']), tls } });
    server.put(rawIngressClass('sluice'));
    server.put(rawService('web'));
    server.put(rawEndpointSlice('web-1', 'web', ['10.0.0.1']));
    server.put(rawSecret('typed'));
    server.put({ ...rawSecret('opaque'), type: 'Opaque' });
    const everything = [
      'EndpointSlice default/web-1',
      'Ingress default/web',
      'IngressClass sluice',
      'Secret default/opaque',
      'Secret default/typed',
      'Service default/web',
    ];
    await fc.assert(
      fc.asyncProperty(fc.tuple(...paths.map(() => trouble)), async (troubles) => {
        const left = new Map(paths.map((path, index) => [path as string, [...(troubles[index] ?? [])]]));
        server.intercept = (request, response) => {
          const kind = request.path.slice(request.path.lastIndexOf('/') + 1);
          const next = request.isWatch ? undefined : left.get(kind)?.shift();
          return next === undefined ? false : (wrong[next]?.(request, response) ?? false);
        };
        const recorder = new Recorder(
          kubernetesSource({ kubeConfig: server.kubeConfig, namespaces: [], log: silentLog, limits }),
        );
        try {
          await recorder.synced();
          const before = recorder.events.slice(
            0,
            recorder.events.findIndex(({ kind }) => kind === 'synced'),
          );
          const known = before.flatMap((event) => (event.kind === 'changes' ? event.changes : []));
          const names = known.map(
            ({ kind, namespace, name }) => `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`,
          );
          expect([...new Set(names)].toSorted()).toEqual(everything);
          expect(known.filter(({ object }) => object === undefined)).toEqual([]);
        } finally {
          recorder.stop();
        }
      }),
      { numRuns: starts },
    );
    await server.stop();
  });
});
