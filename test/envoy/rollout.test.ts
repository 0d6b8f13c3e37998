/**
 * Envoys that are replaced one after the other, each drained by `sluice drain`, behind a TCP balancer that goes by their readiness,
 * under constant load. Prints how many requests were sent and failed.
 */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { certificate } from '../support/certificates.ts';
import { requestsPerSecond, underConstantLoad } from '../support/constant-load.ts';
import type { RunningEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { recordFault } from '../support/fault-record.ts';
import { httpRequest } from '../support/http-request.ts';
import { joinEnvoy } from '../support/joined-envoy.ts';
import { endpointSlice, ingress, ingressClass, service, tlsSecret } from '../support/objects.ts';
import { type PodServer, startPodServer } from '../support/pod-server.ts';
import { freePort } from '../support/ports.ts';
import type { RunningProcess } from '../support/process.ts';
import { type Serving, startServing } from '../support/serving.ts';
import { startSluice } from '../support/sluice.ts';
import { startTcpForwarder, type TcpForwarder } from '../support/tcp-forwarder.ts';
import { describeWithEnvoy } from '../support/tools.ts';

/** SLUICE_ENVOY_ROLLOUTS=50 for more of the same. */
const rollouts = Number(process.env['SLUICE_ENVOY_ROLLOUTS'] ?? 3);

const host = 'shop.test';
/** The load comes over both. */
const annotations = { 'nginx.ingress.kubernetes.io/ssl-redirect': 'false' };

describeWithEnvoy('clients of an Envoy that is replaced', () => {
  let pod: PodServer;
  let serving: Serving;
  const envoys: DrainedEnvoy[] = [];
  let http: TcpForwarder;
  let https: TcpForwarder;

  beforeAll(async () => {
    const port = await freePort();
    pod = await startPodServer({ name: 'pod', address: '127.0.0.1', ports: [port] });
    const { cert, key } = certificate({ names: [host] });
    serving = await startServing();
    serving.apply(
      ingressClass(),
      service('shop', { http: 80 }),
      endpointSlice('shop-1', 'shop', { http: port }, ['127.0.0.1']),
      tlsSecret('shop', cert, key),
      ingress('shop', {
        hosts: { [host]: { '/': 'shop:80' } },
        tls: [{ hosts: [host], secretName: 'shop' }],
        annotations,
      }),
    );
    const { httpPort, httpsPort } = await start();
    http = await startTcpForwarder(httpPort);
    https = await startTcpForwarder(httpsPort);
  });

  afterAll(async () => {
    await http?.close();
    await https?.close();
    await Promise.all(envoys.map((each) => each.stop()));
    await serving?.stop();
    pod?.crash();
  });

  async function start(): Promise<DrainedEnvoy> {
    const envoy = await startDrainedEnvoy(serving.port, envoys.length);
    envoys.push(envoy);
    return envoy;
  }

  it('lose nothing, also of what they ask an Envoy that drains', async () => {
    let longest = 0;
    const target = { httpPort: http.port, httpsPort: https.port, host };
    const { requests, failures, unsent } = await underConstantLoad(target, async ({ more }) => {
      for (let round = 1; round <= rollouts; round += 1) {
        const [old] = envoys.slice(-1);
        const next = await start();
        const drained = old?.drain() ?? 0;
        await eventually(async () => expect(await old?.isReady()).toBe(false));
        // The balancer has not noticed yet: the Envoy that drains still gets new connections.
        await more(80);
        http.use(next.httpPort);
        https.use(next.httpsPort);
        longest = Math.max(longest, await drained);
        await old?.stop();
      }
    });
    process.stdout.write(
      `\n${rollouts} Envoys replaced at ${requestsPerSecond} requests a second: ${requests} requests, ` +
        `${failures.length} failed, ${unsent} not sent before GOAWAY, drained within ${Math.ceil(longest)} ms\n\n`,
    );
    recordFault({
      injected: `${rollouts} Envoys replaced, each drained by sluice drain`,
      expected: 'clients notice nothing',
      seen: failures[0] ?? 'they notice nothing',
      requests,
      lost: failures.length,
    });
    expect(failures).toEqual([]);
  }, 600_000);
});

interface DrainedEnvoy {
  readonly httpPort: number;
  readonly httpsPort: number;
  isReady(): Promise<boolean>;
  /** Tells its `sluice drain` to stop; fulfilled when that has ended, with the milliseconds it took. Throws when connections were left. */
  drain(): Promise<number>;
  stop(): Promise<void>;
}

async function startDrainedEnvoy(xdsPort: number, number: number): Promise<DrainedEnvoy> {
  const envoy = await joinEnvoy({ xdsPort, nodeId: `edge-${number}`, drainSeconds: 2 });
  const [drainer, httpPort, httpsPort] = await Promise.all([
    startDrainer(envoy),
    envoy.listenerPort('http'),
    envoy.listenerPort('https'),
  ]);
  return {
    httpPort,
    httpsPort,
    isReady: async () => (await httpRequest({ port: envoy.adminPort, path: '/ready' })).status === 200,
    async drain() {
      const began = performance.now();
      drainer.signal('SIGTERM');
      expect(await drainer.exited).toMatchObject({ code: 0 });
      expect(drainer.output()).toMatch(/drained in \d+ ms/);
      // HTTP/2 clients were told to go, and none of the requests that they had sent was refused.
      expect(await envoy.stat('http2.tx_reset')).toBe(0);
      return performance.now() - began;
    },
    async stop() {
      await drainer.stop(0);
      await envoy.stop();
    },
  };
}

async function startDrainer({ adminPort }: RunningEnvoy): Promise<RunningProcess> {
  const drainer = await startSluice(['drain', '--admin-port', String(adminPort), '--min', '1s', '--max', '60s']);
  await drainer.waitForOutput(/waiting to be stopped/);
  return drainer;
}
