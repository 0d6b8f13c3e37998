/** Self-made certificates on real connections: who gets in, and that renewals are noticed by nobody. */
import { Client, credentials, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SelfMadeCertificates } from '../../src/certificates/self-made.ts';
import { hasSigned, makeLeaf, validityOf } from '../../src/certificates/x509.ts';
import { decode, encode } from '../../src/proto/message.ts';
import type { MessageTypes } from '../../src/proto/message.ts';
import { typeUrl } from '../../src/proto/type-url.ts';
import { XdsServer } from '../../src/xds/server.ts';
import { certificate, certificateAuthority } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { changes, cluster } from '../support/resources.ts';
import { type MemorySecretStore, memorySecretStore } from '../support/secret-store.ts';

interface Identity {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

const serverName = 'sluice.sluice-system.svc';
/** Certificates are backdated by an hour, so this clock may run ahead of OpenSSL's by less than that. */
const validityMs = 120_000;
/** SLUICE_ROTATIONS=100 is the whole of it. */
const rotations = Number(process.env['SLUICE_ROTATIONS'] ?? 30);
/** So short that the clock of this many rotations stays within that hour. */
const briefMs = 40_000;
let ahead = 0;
let store: MemorySecretStore;
let replicas: readonly SelfMadeCertificates[];
let server: XdsServer;
let port: number;

function newReplica(life = validityMs): SelfMadeCertificates {
  return new SelfMadeCertificates({
    store,
    authority: { namespace: 'sluice-system', name: 'authority' },
    client: { namespace: 'sluice-system', name: 'envoy' },
    names: [serverName],
    validityMs: life,
    log: { info: () => undefined, warn: () => undefined },
    now: () => Date.now() + ahead,
  });
}

beforeEach(async () => {
  ahead = 0;
  store = memorySecretStore('authority', 'envoy');
  replicas = [newReplica(), newReplica()];
  const [first] = replicas;
  server = new XdsServer({ host: '127.0.0.1', port: 0, observe: () => undefined, ...(first && { tls: first }) });
  port = await server.start();
  server.publish(changes([]));
});

afterEach(() => server.stop());

/** What an Envoy has mounted. */
function mounted(): Identity {
  const data = store.secrets.get('envoy')?.data ?? {};
  return { cert: data['tls.crt'] ?? '', key: data['tls.key'] ?? '', ca: data['ca.crt'] ?? '' };
}

function connect({ cert, key, ca }: Identity, name = serverName): Client {
  const own = credentials.createSsl(Buffer.from(ca), Buffer.from(key), Buffer.from(cert));
  const options = { 'grpc.ssl_target_name_override': name, 'grpc.use_local_subchannel_pool': 1 };
  return new Client(`127.0.0.1:${port}`, own, { ...options, 'grpc.max_reconnect_backoff_ms': 100 });
}

/** The gRPC status of one health check over a connection of its own. */
async function check(identity: Identity, name?: string): Promise<number> {
  const client = connect(identity, name);
  try {
    return await new Promise((fulfil) => {
      client.makeUnaryRequest(
        '/grpc.health.v1.Health/Check',
        Buffer.from,
        (bytes) => bytes,
        Buffer.from(encode('grpc.health.v1.HealthCheckRequest', {})),
        { deadline: Date.now() + 5_000 },
        (error) => fulfil(error?.code ?? status.OK),
      );
    });
  } finally {
    client.close();
  }
}

async function renewAll(): Promise<void> {
  for (const replica of replicas) {
    // oxlint-disable-next-line no-await-in-loop -- in a fixed order
    await replica.renew();
  }
}

describe('self-made certificates', () => {
  it('drop connections until there are some, then serve whom the Secret speaks for', async () => {
    const other = certificateAuthority();
    const stranger = { ...certificate({ names: ['envoy'], issuer: other }), ca: other.cert };
    expect(await check(stranger)).toBe(status.UNAVAILABLE);

    await renewAll();

    expect(await check(mounted())).toBe(status.OK);
  });

  it('are there from the start for a server that starts later', async () => {
    await renewAll();
    await server.stop();
    const [first] = replicas;
    server = new XdsServer({ host: '127.0.0.1', port: 0, observe: () => undefined, ...(first && { tls: first }) });
    port = await server.start();
    expect(await check(mounted())).toBe(status.OK);
  });

  it('refuse who has no certificate, one of another authority, or that of a server', async () => {
    await renewAll();
    const { ca } = mounted();
    const other = certificateAuthority();
    const stranger = { ...certificate({ names: ['envoy'], issuer: other }), ca };
    const data = store.secrets.get('authority')?.data ?? {};
    const issuer = { cert: data['authority.crt'] ?? '', key: data['authority.key'] ?? '' };
    const validity = { notBefore: Date.now() - 1_000, notAfter: Date.now() + 60_000 };
    const asServer = { ...(await makeLeaf({ ...validity, use: 'server', names: ['envoy'], issuer })), ca };

    expect(await check(stranger)).toBe(status.UNAVAILABLE);
    expect(await check(asServer)).toBe(status.UNAVAILABLE);
  });

  it('prove the name by which Envoys call, and no other', async () => {
    await renewAll();
    expect(await check(mounted(), 'other.svc')).toBe(status.UNAVAILABLE);
  });

  it('are the same for all replicas, which write no more than is due', async () => {
    await Promise.all(replicas.map((replica) => replica.renew()));
    await renewAll();
    expect(store.writes.toSorted()).toEqual(['authority', 'envoy']);
  });

  it('are renewed thirty times, authorities included, while streams stay open and newcomers get in', async () => {
    await renewAll();
    const client = connect(mounted());
    const watch = client.makeServerStreamRequest(
      '/grpc.health.v1.Health/Watch',
      Buffer.from,
      (bytes) => bytes,
      Buffer.from(encode('grpc.health.v1.HealthCheckRequest', {})),
    );
    let answers = 0;
    let ended = false;
    watch.on('data', () => (answers += 1));
    watch.on('error', () => (ended = true));
    await eventually(() => expect(answers).toBe(1));

    const leaves = new Set<string>();
    const authorities = new Set<string>();
    const results: number[] = [];
    for (let step = 0; step < 80; step += 1) {
      const before = mounted();
      ahead += 0.35 * validityMs;
      // oxlint-disable-next-line no-await-in-loop -- one step follows another
      await renewAll();
      // An Envoy has the new files a while after the control plane has new certificates.
      // oxlint-disable-next-line no-await-in-loop -- as above
      results.push(await check(before), await check(mounted()));
      leaves.add(mounted().cert);
      authorities.add(store.secrets.get('authority')?.data['authority.crt'] ?? '');
    }

    expect(new Set(results)).toEqual(new Set([status.OK]));
    expect(leaves.size).toBeGreaterThan(30);
    expect(authorities.size).toBeGreaterThan(5);
    expect({ answers, ended }).toEqual({ answers: 1, ended: false });
    watch.cancel();
    client.close();
  }, 60_000);

  it(`are renewed ${rotations} times under an open stream and newcomers without a pause: none fails, and no change is late`, async () => {
    await server.stop();
    replicas = [newReplica(briefMs), newReplica(briefMs)];
    const [first] = replicas;
    server = new XdsServer({ host: '127.0.0.1', port: 0, observe: () => undefined, ...(first && { tls: first }) });
    port = await server.start();
    server.publish(changes([]));
    await renewAll();
    const client = connect(mounted());
    const ads = client.makeBidiStreamRequest(
      '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
    );
    const request = 'envoy.service.discovery.v3.DeltaDiscoveryRequest';
    const ask = (message: MessageTypes[typeof request]): void => void ads.write(Buffer.from(encode(request, message)));
    let changesSeen = 0;
    let streamEnds = 0;
    const gaps: number[] = [];
    let publishedAt = performance.now();
    ads.on('error', () => (streamEnds += 1));
    ads.on('data', (bytes: Buffer) => {
      const { nonce = '' } = decode('envoy.service.discovery.v3.DeltaDiscoveryResponse', bytes);
      ask({ type_url: typeUrl.cluster, response_nonce: nonce });
      gaps.push(performance.now() - publishedAt);
      changesSeen += 1;
    });
    ask({ node: { id: 'steady' }, type_url: typeUrl.cluster });
    await eventually(() => expect(changesSeen).toBe(1));

    const newcomers = new Map<number, number>();
    const servers = new Set<string>();
    const stop = replicas[0]?.watch(({ cert }) => servers.add(cert));
    for (let step = 0; servers.size <= rotations; step += 1) {
      const before = mounted();
      ahead += 0.35 * briefMs;
      const checks = [check(before), renewAll().then(() => check(mounted()))];
      publishedAt = performance.now();
      server.publish(changes([cluster('steady', step + 1)]));
      for (const code of await Promise.all(checks)) newcomers.set(code, (newcomers.get(code) ?? 0) + 1);
      await eventually(() => expect(changesSeen).toBe(step + 2), { every: 1 });
    }
    stop?.();

    expect([...newcomers.keys()]).toEqual([status.OK]);
    expect(newcomers.get(status.OK)).toBeGreaterThan(2 * rotations);
    expect(streamEnds).toBe(0);
    expect(gaps.filter((gap) => gap > 1_000)).toEqual([]);
    ads.cancel();
    client.close();
  }, 120_000);

  it('of a fleet that is left alone for five years are never out of date', async () => {
    const day = 24 * 3_600_000;
    let now = Date.UTC(2026, 0, 1);
    const alone = memorySecretStore('authority', 'envoy');
    const replica = new SelfMadeCertificates({
      store: alone,
      authority: { namespace: 'sluice-system', name: 'authority' },
      client: { namespace: 'sluice-system', name: 'envoy' },
      names: [serverName],
      validityMs: 30 * day,
      log: { info: () => undefined, warn: () => undefined },
      now: () => now,
    });
    let shown = '';
    let trusted = '';
    replica.watch(({ cert, ca }) => {
      shown = cert;
      trusted = ca;
    });
    const wrong: string[] = [];
    let least = Infinity;
    for (const end = now + 5 * 365 * day; now < end; now += day) {
      await replica.renew();
      const envoy = alone.secrets.get('envoy')?.data ?? {};
      for (const [side, cert, ca] of [
        ['server', shown, envoy['ca.crt'] ?? ''],
        ['client', envoy['tls.crt'] ?? '', trusted],
      ] as const) {
        const issuers = ca
          .split(/(?<=-----END CERTIFICATE-----\n)/)
          .filter((each) => each !== '' && hasSigned(each, cert));
        const left = Math.min(validityOf(cert).notAfter, ...issuers.map((each) => validityOf(each).notAfter)) - now;
        least = Math.min(least, left);
        if (issuers.length === 0 || validityOf(cert).notBefore > now)
          wrong.push(`${side} at ${new Date(now).toISOString()}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(least / day).toBeGreaterThanOrEqual(9);
  }, 120_000);

  it('go on without the API server, with the authority that is known', async () => {
    await renewAll();
    const [first] = replicas;
    const seen: string[] = [];
    first?.watch(({ cert }) => seen.push(cert));
    store.secrets.clear();
    ahead += 0.7 * validityMs;

    await expect(first?.renew()).rejects.toThrow(
      'there is no Secret sluice-system/authority: apply the manifests again',
    );

    expect(new Set(seen).size).toBe(2);
  });

  it('are not made anew over what cannot be read', async () => {
    store.secrets.set('authority', { data: { 'authority.crt': 'garbage' }, version: '7' });
    await expect(replicas[0]?.renew()).rejects.toThrow(
      'authority.crt of the Secret sluice-system/authority is no authority: delete its data to have a new one made',
    );
    expect(store.writes).toEqual([]);
  });
});
