/** The admin server over real HTTP, on a picture of the control plane that the test writes down. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { type AdminServer, startAdminServer } from '../../src/admin/server.ts';
import { createMetrics } from '../../src/admin/metrics.ts';
import type { AdminView, Readiness } from '../../src/admin/admin-view.ts';
import { httpRequest } from '../support/http-request.ts';

const clusterType = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
const secretType = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';

const followed = {
  kind: 'Ingress',
  namespace: '',
  state: 'watching',
  objects: 2,
  lastContactMs: 1_500,
  failure: '',
} as const;

const view: AdminView = {
  readiness: () => ({ ready: true, waitingFor: [] }),
  problems: () => [
    {
      object: { kind: 'Ingress', namespace: 'default', name: 'web' },
      field: 'spec.rules[0].host',
      severity: 'error',
      reason: 'InvalidHost',
      message: 'bad',
      fix: 'mend it',
    },
  ],
  objectCounts: () => ({ IngressClass: 1, Ingress: 2, Service: 3, EndpointSlice: 4, ConfigMap: 0, Secret: 5 }),
  resources: () => [
    { typeUrl: clusterType, name: 'a', version: 'v1', size: 10 },
    { typeUrl: clusterType, name: 'b', version: 'v1', size: 20 },
    { typeUrl: secretType, name: 'tls', version: 'v1', size: 30 },
  ],
  resource: (_, name) => ({ name, tls_certificate: { private_key: { inline_string: 'very private' } } }),
  sources: () => [followed],
  contact: () => ({ isCutOff: true }),
  connections: () => 3,
  certificates: () => [{ name: 'server', notAfter: 0 }],
  quarantine: () => ({ objects: 2, resources: 3, oldestSeconds: 7.5 }),
  sessions: () => [
    {
      id: 1,
      peer: '127.0.0.1:1',
      nodeId: 'edge-1',
      nodeCluster: 'default',
      protocol: 'delta',
      connectedAt: '2026-01-31T12:00:00Z',
      isBehind: true,
      subscriptions: [],
    },
  ],
};

let server: AdminServer | undefined;

afterEach(async () => {
  await server?.stop();
  server = undefined;
});

async function get(path: string, from: AdminView = view, method = 'GET') {
  server = await startAdminServer({ host: '127.0.0.1', port: 0 }, from, createMetrics().registry);
  return httpRequest({ port: server.port, path, method });
}

describe('the admin server', () => {
  it('is alive', async () => {
    expect(await get('/healthz')).toMatchObject({ status: 200, body: 'ok\n' });
  });

  it('is ready when the control plane is, and says what it waits for until then', async () => {
    expect(await get('/readyz')).toMatchObject({ status: 200, body: 'ready\n' });
    await server?.stop();
    const readiness: Readiness = { ready: false, waitingFor: ['Secrets have not been listed yet'] };
    expect(await get('/readyz', { ...view, readiness: () => readiness })).toMatchObject({
      status: 503,
      body: 'not ready\nSecrets have not been listed yet\n',
    });
  });

  it('stays ready when Kubernetes cannot be read, and says so', async () => {
    const failing = { ...followed, state: 'failing', failure: 'Reading from Kubernetes fails' } as const;
    expect(await get('/readyz', { ...view, sources: () => [failing, failing] })).toMatchObject({
      status: 200,
      body: 'ready\nReading from Kubernetes fails\n',
    });
  });

  it('shows Prometheus how reading from Kubernetes goes', async () => {
    const { body } = await get('/metrics');
    expect(body).toContain('sluice_source_up{kind="Ingress",namespace=""} 1');
    expect(body).toContain('sluice_source_cut_off 1');
    expect(body).toContain('sluice_source_objects{kind="Ingress",namespace=""} 2');
    expect(body).toContain('sluice_source_last_contact_timestamp_seconds{kind="Ingress",namespace=""} 1.5');
  });

  it.each([
    ['/debug/source', view.sources()],
    ['/debug/problems', view.problems()],
    ['/debug/objects', view.objectCounts()],
    ['/debug/objects?kind=ingress', { Ingress: view.objectCounts().Ingress }],
    ['/debug/sessions', view.sessions()],
    ['/debug/resources', view.resources()],
    ['/debug/resources?type=Cluster', view.resources().slice(0, 2)],
    [`/debug/resources?type=${clusterType}`, view.resources().slice(0, 2)],
  ])('shows %s as JSON', async (path, expected) => {
    const { status, headers, body } = await get(path);
    expect([status, headers['content-type'], JSON.parse(body)]).toEqual([200, 'application/json', expected]);
  });

  it('says which kinds there are to who asks for another', async () => {
    const { status, body } = await get('/debug/objects?kind=Pod');
    expect([status, body]).toEqual([404, expect.stringContaining('there are IngressClass, Ingress, ')]);
  });

  it('shows one resource with its content but without its private key', async () => {
    const { body } = await get('/debug/resources?type=Secret&name=tls');
    expect(JSON.parse(body)).toEqual([
      {
        typeUrl: secretType,
        name: 'tls',
        version: 'v1',
        size: 30,
        resource: { name: 'tls', tls_certificate: { private_key: '[redacted]' } },
      },
    ]);
  });

  it('lists what there is when asked for something else', async () => {
    expect(await get('/debug/resources?name=c')).toMatchObject({ status: 404 });
    await server?.stop();
    const { status, body } = await get('/nothing');
    expect(status).toBe(404);
    expect(body).toContain('/debug/sessions\n');
  });

  it('reads only', async () => {
    expect(await get('/healthz', view, 'POST')).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
    await server?.stop();
    expect(await get('/healthz', view, 'HEAD')).toMatchObject({ status: 200, body: '' });
  });

  it('answers 500 and stays alive when a page fails', async () => {
    const broken: AdminView = {
      ...view,
      problems: () => {
        throw new Error('no problems today');
      },
    };
    expect(await get('/debug/problems', broken)).toMatchObject({ status: 500 });
    expect(await httpRequest({ port: server?.port ?? 0, path: '/healthz' })).toMatchObject({ status: 200 });
  });

  it('counts events as they are told and states as they are', async () => {
    const metrics = createMetrics();
    server = await startAdminServer({ host: '127.0.0.1', port: 0 }, view, metrics.registry);
    metrics.response(clusterType, 'delta', 100, false);
    metrics.ack(clusterType);
    metrics.nack(secretType);
    metrics.published(0.02);
    metrics.recomputed('hosts', 3);
    const read = async () => (await httpRequest({ port: server?.port ?? 0, path: '/metrics' })).body.split('\n');
    await read();
    expect(await read()).toEqual(
      expect.arrayContaining([
        'sluice_xds_responses_total{type="Cluster",protocol="delta"} 1',
        'sluice_xds_response_bytes_total{type="Cluster",protocol="delta"} 100',
        'sluice_xds_responses_encoded_total{type="Cluster",protocol="delta"} 1',
        'sluice_xds_acks_total{type="Cluster"} 1',
        'sluice_xds_nacks_total{type="Secret"} 1',
        'sluice_publications_total 1',
        'sluice_publish_duration_seconds_count 1',
        'sluice_recomputed_total{table="hosts"} 3',
        'sluice_objects{kind="Service"} 3',
        'sluice_problems{severity="error",reason="InvalidHost"} 1',
        'sluice_resources{type="Cluster"} 2',
        'sluice_resource_bytes{type="Cluster"} 30',
        'sluice_xds_streams{protocol="sotw"} 0',
        'sluice_xds_streams{protocol="delta"} 1',
        'sluice_xds_streams_behind 1',
        'sluice_xds_shared_node_ids 0',
      ]),
    );
  });
});
