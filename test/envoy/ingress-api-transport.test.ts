/** How requests reach backends: the protocol of a port, the traffic policies of a Service, and names outside of the cluster. */
import { createServer as createHttp2Server, createSecureServer, connect as connectHttp2 } from 'node:http2';
import type { Http2Server } from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import type { Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { EndpointSlice, KubernetesObject, Service } from '../../src/cluster/kubernetes-object.ts';
import { startBackend } from '../support/backend.ts';
import type { Backend } from '../support/backend.ts';
import { certificate } from '../support/certificates.ts';
import type { RunningEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { httpRequest } from '../support/http-request.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { endpointSlice, ingress, ingressClass, service } from '../support/objects.ts';
import { portOf } from '../support/ports.ts';
import { startServing, translationOptions } from '../support/serving.ts';
import type { Serving } from '../support/serving.ts';
import { describeWithEnvoy } from '../support/tools.ts';

const pair = certificate({ names: ['backend.test'] });

/** Answers with the protocol that it was asked in. */
function tell(
  request: { readonly httpVersion: string; readonly socket: object },
  response: { end(body: string): unknown },
): void {
  const secure = 'encrypted' in request.socket ? 'tls' : 'plain';
  response.end(`${secure} ${request.httpVersion}`);
}

interface Listening {
  readonly port: number;
  close(): void;
}

async function listening(server: Server | Http2Server): Promise<Listening> {
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  return { port: portOf(server), close: () => server.close() };
}

function withSpec(object: Service, spec: Partial<Service['spec']>): Service {
  return { ...object, spec: { ...object.spec, ...spec } };
}

function withProtocol(object: Service, appProtocol: string): Service {
  return withSpec(object, { ports: object.spec.ports.map((port) => ({ ...port, appProtocol })) });
}

/** One endpoint on a loopback address. */
function slice(name: string, server: { readonly port: number }, more: Partial<EndpointSlice['endpoints'][0]> = {}) {
  const made = endpointSlice(`${name}-${server.port}`, name, { http: server.port }, ['127.0.0.1']);
  return { ...made, endpoints: made.endpoints.map((each) => ({ ...each, ...more })) };
}

function route(name: string): KubernetesObject {
  return ingress(name, { hosts: { [`${name}.test`]: { '/': `${name}:80` } } });
}

describeWithEnvoy('a request on its way to a backend', () => {
  let serving: Serving;
  let envoy: RunningEnvoy;
  let backends: readonly Backend[];
  let others: readonly Listening[];

  beforeAll(async () => {
    backends = await Promise.all(['a', 'b', 'c', 'd'].map((name) => startBackend({ name })));
    const names = { key: pair.key, cert: pair.cert };
    others = await Promise.all([
      listening(createHttp2Server(tell)),
      listening(createTlsServer(names, tell)),
      listening(createSecureServer({ ...names, allowHTTP1: false }, tell)),
    ]);
    serving = await startServing({ ...translationOptions, allowExternalNames: true });
    serving.apply(ingressClass());
    envoy = await joinEnvoy({ xdsPort: serving.port, zone: 'zone-1' });
  });

  afterAll(async () => {
    await envoy?.stop();
    await serving?.stop();
    others?.forEach((each) => each.close());
    await Promise.all((backends ?? []).map((backend) => backend.close()));
  });

  async function get(host: string): Promise<{ readonly status: number; readonly body: string }> {
    return httpRequest({ port: await envoy.listenerPort('http'), host });
  }

  /** How often each backend answered. */
  async function tally(host: string, requests: number, headers: Record<string, string> = {}) {
    const port = await envoy.listenerPort('http');
    const counts: Record<string, number> = {};
    for (let index = 0; index < requests; index++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other, so that the order of balancing shows
      const { status, body } = await httpRequest({ port, host, headers });
      const echo: { backend: string } = status === 200 ? JSON.parse(body) : { backend: String(status) };
      const name = echo.backend;
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }

  function server<T>(list: readonly T[], index: number): T {
    const found = list[index];
    if (found === undefined) throw new Error(`there is no server ${index}`);
    return found;
  }

  it.each([
    ['kubernetes.io/h2c', 0, 'plain 2.0'],
    ['grpc', 0, 'plain 2.0'],
    ['https', 1, 'tls 1.1'],
    ['HTTPS', 1, 'tls 1.1'],
    ['kubernetes.io/wss', 1, 'tls 1.1'],
    ['grpcs', 2, 'tls 2.0'],
  ])('to a port of appProtocol %s speaks that', async (appProtocol, index, expected) => {
    const name = `app-${appProtocol.toLowerCase().replaceAll(/[^a-z0-9]/g, '-')}-${expected.length}-${appProtocol.length}`;
    const at = server(others, index);
    serving.apply(withProtocol(service(name, { http: 80 }), appProtocol), slice(name, at), route(name));
    await eventually(async () => expect(await get(`${name}.test`)).toMatchObject({ status: 200, body: expected }));
  });

  it.each(['kubernetes.io/ws', 'http', 'constructor', 'example.com/own'])(
    'to a port of appProtocol %s speaks HTTP/1.1',
    async (appProtocol) => {
      const name = `app1-${appProtocol.replaceAll(/[^a-z]/g, '-')}`;
      serving.apply(
        withProtocol(service(name, { http: 80 }), appProtocol),
        slice(name, server(backends, 0)),
        route(name),
      );
      await eventually(async () => expect((await get(`${name}.test`)).status).toBe(200));
    },
  );

  it('carries gRPC: the trailers of the answer arrive', async () => {
    const grpc = createHttp2Server();
    grpc.on('stream', (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.from([0, 0, 0, 0, 0]));
    });
    const at = await listening(grpc);
    serving.apply(withProtocol(service('rpc', { http: 80 }), 'grpc'), slice('rpc', at), route('rpc'));
    try {
      const port = await envoy.listenerPort('http');
      await eventually(async () => expect(await grpcStatus(port, 'rpc.test')).toBe('0'));
    } finally {
      at.close();
    }
  });

  it('goes to the same endpoint for the same client when the Service asks for that', async () => {
    const sticky = withSpec(service('sticky', { http: 80 }), { sessionAffinity: 'ClientIP' });
    serving.apply(sticky, ...backends.map((each) => slice('sticky', each)), route('sticky'));
    await eventually(async () => expect((await get('sticky.test')).status).toBe(200));
    expect(Object.values(await tally('sticky.test', 40))).toEqual([40]);
    const answered = Object.keys(await tally('sticky.test', 1))[0];
    const gone = backends.find(({ name }) => name !== answered);
    if (gone === undefined) throw new Error('there are four backends');
    serving.remove(slice('sticky', gone));
    await eventually(async () =>
      expect(await envoy.admin('/clusters')).not.toContain(`sticky/80::127.0.0.1:${gone.port}::`),
    );
    expect(Object.keys(await tally('sticky.test', 10))).toEqual([answered]);
  });

  it('goes to all endpoints in turn when the Service says nothing', async () => {
    serving.apply(service('even', { http: 80 }), ...backends.map((each) => slice('even', each)), route('even'));
    await eventually(async () => expect((await get('even.test')).status).toBe(200));
    expect(await tally('even.test', 40)).toEqual({ a: 10, b: 10, c: 10, d: 10 });
  });

  describe('of a Service that prefers its own zone', () => {
    const near = (name: string) => withSpec(service(name, { http: 80 }), { trafficDistribution: 'PreferSameZone' });

    it('stays in the zone of the Envoy', async () => {
      const slices = ['zone-2', 'zone-1', 'zone-2', 'zone-1'].map((zone, index) =>
        slice('near', server(backends, index), { zone }),
      );
      serving.apply(near('near'), ...slices, route('near'));
      await eventually(async () => expect((await get('near.test')).status).toBe(200));
      expect(await tally('near.test', 20)).toEqual({ b: 10, d: 10 });
    });

    it('leaves it while nobody is there, and comes back', async () => {
      const far = [0, 1].map((index) => slice('far', server(backends, index), { zone: `zone-${index + 2}` }));
      const own = slice('far', server(backends, 2), { zone: 'zone-1' });
      serving.apply(near('far'), ...far, route('far'));
      await eventually(async () => expect(Object.keys(await tally('far.test', 10)).toSorted()).toEqual(['a', 'b']));
      serving.apply(own);
      await eventually(async () => expect(await tally('far.test', 10)).toEqual({ c: 10 }));
      serving.remove(own);
      await eventually(async () => expect(Object.keys(await tally('far.test', 10)).toSorted()).toEqual(['a', 'b']));
    });

    it('goes by hints when every endpoint has one', async () => {
      const slices = [0, 1].map((index) =>
        slice('hinted', server(backends, index), { zone: 'zone-2', zoneHint: `zone-${index + 1}` }),
      );
      serving.apply(near('hinted'), ...slices, route('hinted'));
      await eventually(async () => expect(await tally('hinted.test', 10)).toEqual({ a: 10 }));
    });
  });

  it('counts a Pod with two addresses once, and finds it by the second when the first is silent', async () => {
    const pod = { target: 'pod-a' };
    const six = {
      ...endpointSlice('dual-6', 'dual', { http: server(backends, 0).port }, ['::1']),
      addressType: 'IPv6',
    } as const;
    const dual = await startBackend({ name: 'six', address: '::1' });
    try {
      serving.apply(
        service('dual', { http: 80 }),
        slice('dual', dual, pod),
        {
          ...six,
          ports: [{ name: 'http', port: dual.port, protocol: 'TCP' }],
          endpoints: six.endpoints.map((each) => ({ ...each, ...pod })),
        },
        slice('dual', server(backends, 1), { target: 'pod-b' }),
        route('dual'),
      );
      await eventually(async () => expect(await tally('dual.test', 10)).toEqual({ six: 5, b: 5 }));
    } finally {
      await dual.close();
    }
  });

  it('goes to the host that a Service of type ExternalName names, whose addresses come from DNS', async () => {
    const { port } = server(backends, 3);
    const external = (name: string, externalName: string, ports: Service['spec']['ports'] = []) =>
      withSpec(service(name, {}), { type: 'ExternalName', externalName, ports });
    const named = { name: 'http', port: 80, protocol: 'TCP', appProtocol: '', targetPort: port } as const;
    serving.apply(
      external('outside', 'nowhere.invalid', [named]),
      external('local', 'localhost', [named]),
      external('address', '127.0.0.1', [named]),
      ...['outside', 'local', 'address'].map(route),
    );
    await eventually(async () => expect((await get('local.test')).status).toBe(503));
    expect((await get('address.test')).status).toBe(503);
    const reasons = serving.translation.problems().map(({ object, reason }) => `${object.name} ${reason}`);
    expect(reasons).toEqual(expect.arrayContaining(['address UnsupportedBackend', 'local UnsupportedBackend']));
    expect(reasons.filter((each) => each.startsWith('outside'))).toEqual([]);
    await eventually(async () =>
      expect(JSON.stringify(await envoy.configDump())).toContain('"address":"nowhere.invalid"'),
    );
  });

  it('has been refused nothing, and Envoy knows every field', async () => {
    expect(serving.events.filter(({ kind }) => kind === 'nack')).toEqual([]);
    expect(await envoy.stat('server.dynamic_unknown_fields')).toBe(0);
  });
});

/** The `grpc-status` of an empty call over HTTP/2 without TLS. */
function grpcStatus(port: number, authority: string): Promise<string | undefined> {
  return new Promise((fulfil, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.once('error', reject);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/a.Service/Method',
      ':authority': authority,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.once('trailers', (trailers) => fulfil(trailers['grpc-status']?.toString()));
    stream.once('error', reject);
    stream.resume();
    stream.once('close', () => {
      session.close();
      fulfil(undefined);
    });
    stream.end(Buffer.from([0, 0, 0, 0, 0]));
  });
}
