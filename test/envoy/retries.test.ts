/**
 * Whose retry policy holds when clusters, virtual hosts and routes have one: the cluster's, alone. So a route that is to retry in
 * another way needs a cluster that says so.
 */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { encode } from '../../src/proto/message.ts';
import type { MessageTypes } from '../../src/proto/message.ts';
import { typeUrl } from '../../src/proto/type-url.ts';
import { noPolicies } from '../../src/model/policy.ts';
import { translateClusterLoadAssignment } from '../../src/translate/cluster-load-assignment.ts';
import { translateCluster } from '../../src/translate/cluster.ts';
import { translateHttpListener } from '../../src/translate/listener.ts';
import { translateVhdsRouteConfiguration } from '../../src/translate/route-configuration.ts';
import { createResource } from '../../src/xds/resource.ts';
import type { Resource } from '../../src/xds/resource.ts';
import { XdsServer } from '../../src/xds/server.ts';
import { startBackend } from '../support/backend.ts';
import type { Backend } from '../support/backend.ts';
import type { RunningEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { httpRequest } from '../support/http-request.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { freePort } from '../support/ports.ts';
import { changes } from '../support/resources.ts';
import { describeWithEnvoy } from '../support/tools.ts';

type RetryPolicy = MessageTypes['envoy.config.route.v3.RetryPolicy'];

/** `dead` takes no connections, `failing` and `bare` answer every request with 503; `bare` has no retry policy, as our clusters have. */
type Backing = 'dead' | 'failing' | 'bare';

interface Case {
  readonly title: string;
  readonly on: Backing;
  readonly virtualHost?: RetryPolicy;
  readonly route?: RetryPolicy;
  readonly retries: number;
}

const often: RetryPolicy = { retry_on: '5xx', num_retries: 3 };
const once: RetryPolicy = { retry_on: '5xx', num_retries: 1 };
const never: RetryPolicy = { retry_on: '5xx', num_retries: 0 };

const cases: readonly Case[] = [
  { title: 'twice by the cluster when there is no connection', on: 'dead', retries: 2 },
  { title: 'never by the cluster when the answer is 503', on: 'failing', retries: 0 },
  { title: 'by the cluster, whatever the route says to do more', on: 'failing', route: often, retries: 0 },
  { title: 'by the cluster, whatever the route says to do less', on: 'dead', route: never, retries: 2 },
  { title: 'by the cluster, whatever the virtual host says', on: 'failing', virtualHost: often, retries: 0 },
  { title: 'never where nobody says so', on: 'bare', retries: 0 },
  { title: 'by the virtual host where the cluster says nothing', on: 'bare', virtualHost: often, retries: 3 },
  { title: 'by the route before the virtual host', on: 'bare', virtualHost: often, route: once, retries: 1 },
];

function hostOf(index: number): string {
  return `case-${index}.test`;
}

function virtualHost({ on, virtualHost: policy, route }: Case, index: number): Resource {
  const name = `http/${hostOf(index)}`;
  const body = encode('envoy.config.route.v3.VirtualHost', {
    name,
    domains: [hostOf(index)],
    ...(policy && { retry_policy: policy }),
    routes: [{ match: { prefix: '/' }, route: { cluster: on, ...(route && { retry_policy: route }) } }],
  });
  return createResource(typeUrl.virtualHost, name, body);
}

function backendAt(name: Backing, port: number): readonly Resource[] {
  const transport = { protocol: 'http1', prefer: 'any' } as const;
  const address = { socket_address: { address: '127.0.0.1', port_value: port } };
  const assignment = {
    ...translateClusterLoadAssignment(name, []),
    endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
  };
  const { typed_extension_protocol_options: options, ...bare } = translateCluster(name, transport);
  const cluster = name === 'bare' ? bare : { ...bare, ...(options && { typed_extension_protocol_options: options }) };
  return [
    createResource(typeUrl.cluster, name, encode('envoy.config.cluster.v3.Cluster', cluster)),
    createResource(
      typeUrl.clusterLoadAssignment,
      name,
      encode('envoy.config.endpoint.v3.ClusterLoadAssignment', assignment),
    ),
  ];
}

function routing(): readonly Resource[] {
  const listener = translateHttpListener({ address: '127.0.0.1', httpPort: 0, httpsPort: 0 }, noPolicies);
  const table = translateVhdsRouteConfiguration('http', {});
  return [
    createResource(typeUrl.listener, 'http', encode('envoy.config.listener.v3.Listener', listener)),
    createResource(typeUrl.routeConfiguration, 'http', encode('envoy.config.route.v3.RouteConfiguration', table)),
    ...cases.map(virtualHost),
  ];
}

describeWithEnvoy('a request that fails is tried again', () => {
  let backend: Backend;
  let server: XdsServer;
  let envoy: RunningEnvoy;

  beforeAll(async () => {
    backend = await startBackend({ handler: (_request, response) => response.writeHead(503).end() });
    server = new XdsServer({ host: '127.0.0.1', port: 0, observe: () => undefined });
    const xdsPort = await server.start();
    const failing = (['failing', 'bare'] as const).flatMap((name) => backendAt(name, backend.port));
    server.publish(changes([...backendAt('dead', await freePort()), ...failing, ...routing()]));
    envoy = await joinEnvoy({ xdsPort });
  });

  afterAll(async () => {
    await envoy?.stop();
    await server?.stop();
    await backend?.close();
  });

  it.each(cases.map((each, index) => ({ ...each, host: hostOf(index) })))('$title', async ({ host, on, retries }) => {
    const port = await envoy.listenerPort('http');
    const retried = async () => (await envoy.stat(`cluster.${on}.upstream_rq_retry`)) ?? 0;
    const failure = on === 'dead' ? 502 : 503;
    await eventually(async () => expect((await httpRequest({ port, host })).status).toBe(failure));
    const before = await retried();
    await httpRequest({ port, host });
    expect((await retried()) - before).toBe(retries);
  });
});
