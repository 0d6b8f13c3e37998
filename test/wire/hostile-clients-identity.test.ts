/**
 * Who must not be let in: each of them tries every method of every service, because a control plane has been seen that asked for
 * certificates on some of them only (GHSA-22xc-xg2r-9j7v).
 */
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeLeaf } from '../../src/certificates/x509.ts';
import { serviceDefinition } from '../../src/proto/service.ts';
import { typeUrl } from '../../src/proto/type-url.ts';
import type { TlsMaterial } from '../../src/xds/mutual-tls.ts';
import { XdsServer } from '../../src/xds/server.ts';
import { certificate, certificateAuthority } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { grpcFrame, requestHeaders } from '../support/grpc-frame.ts';
import { changes, cluster, secret } from '../support/resources.ts';

const day = 24 * 3_600_000;
const authority = certificateAuthority('xds');
const other = certificateAuthority('xds');
const good = certificate({ names: ['envoy.edge'], issuer: authority });
const serverSide = certificate({ names: ['localhost'], issuer: authority });
const clientNames = ['envoy.edge', 'spiffe://edge/envoy'];

/** What came back. */
interface Outcome {
  readonly headers: boolean;
  readonly bytes: number;
}

const nothing: Outcome = { headers: false, bytes: 0 };

let server: XdsServer;
let port: number;
const refusals: string[] = [];

beforeAll(async () => {
  const material: TlsMaterial = { ...serverSide, ca: authority.cert };
  server = new XdsServer({
    host: '127.0.0.1',
    port: 0,
    clientNames,
    limits: { handshakeMs: 500 },
    tls: {
      watch: (listener) => {
        listener(material);
        return () => undefined;
      },
    },
    observe: () => undefined,
    observeRefusal: (reason) => refusals.push(reason),
  });
  port = await server.start();
  server.publish(changes([cluster('one'), secret('key')]));
});

afterAll(() => server.stop());

/** A request that each method understands: all that are read here have no required field. */
const asks = [
  grpcFrame(Buffer.alloc(0)),
  // Field 4 of a DiscoveryRequest, field 2 of a DeltaDiscoveryRequest, as text.
  grpcFrame(Buffer.concat([Buffer.of(0x22, typeUrl.cluster.length), Buffer.from(typeUrl.cluster)])),
];

/** Calls one method, and waits until the server ends it or answers something. */
function call(path: string, tls: ConnectionOptions | undefined, ask: Buffer): Promise<Outcome> {
  return new Promise((resolve) => {
    const outcome = { headers: false, bytes: 0 };
    const session =
      tls === undefined
        ? connectHttp2(`http://127.0.0.1:${port}`)
        : connectHttp2(`https://127.0.0.1:${port}`, {
            createConnection: () =>
              connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'], ...tls }),
          });
    const finish = (): void => {
      session.destroy();
      resolve(outcome);
    };
    session.on('error', () => undefined);
    session.on('close', finish);
    const stream = session.request(requestHeaders(path), { endStream: false });
    stream.on('error', () => undefined);
    stream.on('response', () => (outcome.headers = true));
    stream.on('data', (bytes: Buffer) => {
      outcome.bytes += bytes.length;
      finish();
    });
    stream.on('end', finish);
    stream.on('close', finish);
    stream.end(ask);
  });
}

async function callAll(tls: ConnectionOptions | undefined): Promise<readonly (readonly [string, Outcome])[]> {
  const found: (readonly [string, Outcome])[] = [];
  for (const path of server.methods) {
    for (const ask of asks) found.push([path, await call(path, tls, ask)]);
  }
  return found;
}

describe('every method of every service', () => {
  it('is on the list that the cases below go through', () => {
    const services = ['cluster.v3.Cluster', 'endpoint.v3.Endpoint', 'listener.v3.Listener', 'route.v3.Route'].map(
      (name) => `envoy.service.${name}DiscoveryService`,
    );
    const all = [
      ...services,
      'envoy.service.discovery.v3.AggregatedDiscoveryService',
      'envoy.service.route.v3.VirtualHostDiscoveryService',
      'envoy.service.secret.v3.SecretDiscoveryService',
      'envoy.service.status.v3.ClientStatusDiscoveryService',
      'grpc.health.v1.Health',
      'grpc.reflection.v1.ServerReflection',
      'grpc.reflection.v1alpha.ServerReflection',
    ].flatMap((name) => Object.values(serviceDefinition(name)).map(({ path }) => path));
    expect(server.methods.toSorted()).toEqual(all.toSorted());
    expect(all.length).toBeGreaterThan(20);
  });

  it('answers an Envoy whose certificate is accepted', async () => {
    const found = await callAll({ ...good, ca: authority.cert });
    expect(found.filter(([, { headers }]) => !headers)).toEqual([]);
    expect(found.some(([path, { bytes }]) => path.endsWith('/StreamClusters') && bytes > 0)).toBe(true);
  }, 30_000);

  it('answers one that has the right name among others', async () => {
    const [path = ''] = server.methods;
    const named = certificate({ names: ['other', 'envoy.edge'], issuer: authority });
    expect((await call(path, named, asks[0] ?? Buffer.alloc(0))).headers).toBe(true);
  });

  const expired = { notBefore: new Date(Date.now() - 2 * day), notAfter: new Date(Date.now() - day) };
  const future = { notBefore: new Date(Date.now() + day), notAfter: new Date(Date.now() + 2 * day) };
  const strangers: readonly (readonly [string, ConnectionOptions | undefined])[] = [
    ['has no certificate', {}],
    ['has one of another authority of the same name', certificate({ names: ['envoy.edge'], issuer: other })],
    ['has one that it has signed itself', certificate({ names: ['envoy.edge'] })],
    ['has one that has run out', certificate({ names: ['envoy.edge'], issuer: authority, ...expired })],
    ['has one that is not valid yet', certificate({ names: ['envoy.edge'], issuer: authority, ...future })],
    ['has one of the right authority for another name', certificate({ names: ['web.edge'], issuer: authority })],
    [
      'has one with the right name as its subject only',
      certificate({ names: [], commonName: 'envoy.edge', issuer: authority }),
    ],
    ['has one for a wildcard that covers the right name', certificate({ names: ['*.edge'], issuer: authority })],
    [
      'has one for a name that begins with the right one',
      certificate({ names: ['envoy.edge.evil.test'], issuer: authority }),
    ],
    [
      'has one for names with a comma between them',
      certificate({ names: ['web.edge, DNS:envoy.edge'], issuer: authority }),
    ],
    ['has the right one and speaks TLS 1.2', { ...good, maxVersion: 'TLSv1.2' }],
    [
      'has the right one and speaks TLS 1.1',
      { ...good, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' },
    ],
    ['has the right one and speaks HTTP/1.1', { ...good, ALPNProtocols: ['http/1.1'] }],
    ['has the right one and names no protocol', { ...good, ALPNProtocols: [] }],
    ['speaks plaintext', undefined],
  ];
  it.each(strangers)(
    'sends nothing to a client that %s',
    async (_what, tls) => {
      const found = await callAll(tls);
      expect(found.filter(([, outcome]) => JSON.stringify(outcome) !== JSON.stringify(nothing))).toEqual([]);
      expect(server.streams()).toEqual([]);
    },
    60_000,
  );

  it('sends nothing to a client with the certificate of a server', async () => {
    const validity = { notBefore: Date.now() - 1_000, notAfter: Date.now() + day };
    const asServer = await makeLeaf({ ...validity, use: 'server', names: ['envoy.edge'], issuer: authority });
    const found = await callAll({ ...asServer });
    expect(found.filter(([, outcome]) => JSON.stringify(outcome) !== JSON.stringify(nothing))).toEqual([]);
  }, 30_000);

  it('leaves no connection behind, and says why who was refused', async () => {
    await eventually(() => expect(server.connections).toBe(0));
    expect([...new Set(refusals)].toSorted()).toEqual(['certificate', 'handshake', 'stranger']);
  });
});
