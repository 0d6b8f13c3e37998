/** A real API server behind an HTTP/1.1 proxy that answers wrongly, late or not at all: what HTTP/2's PINGs do not help against. */
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { KubeConfig } from '@kubernetes/client-node';
import { sendStatus } from '../source/fake-api-server.ts';
import { ApiProxy, type Meddling } from '../support/api-proxy.ts';
import { type KubeCluster, startKubeCluster } from '../support/kube-cluster.ts';
import { describeWithKubernetes } from '../support/tools.ts';
import { type FaultReport, mostFailures, playFault, printReports, recordReport } from './fault-scene.ts';

jest.setTimeout(120_000);

/** Answers everything, or only watches or lists, with an HTTP status. */
function status(
  code: number,
  what: 'all' | 'watch' | 'list',
  headers: Readonly<Record<string, string>> = {},
): Meddling {
  return ({ isWatch }, response) => {
    if (what !== 'all' && isWatch !== (what === 'watch')) return false;
    sendStatus(response, code, `injected ${code}`, headers);
    return true;
  };
}

/** Begins every watch well and sends this into it. */
function inWatch(text: string): Meddling {
  return ({ isWatch }, response) => {
    if (!isWatch) return false;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(text);
    return true;
  };
}

/** Watches are answered with 410, so that lists are needed, and these come late. */
function slowList(ms: number): Meddling {
  return ({ isWatch }, response, through) => {
    if (isWatch) sendStatus(response, 410, 'injected 410');
    else setTimeout(through, ms).unref();
    return true;
  };
}

/** Every other line of a watch is cut in half. */
const brokenLines: Meddling = ({ isWatch }, _response, through) => {
  if (!isWatch) return false;
  through((chunk) => chunk.subarray(0, chunk.length / 2));
  return true;
};

const frozen: Meddling = ({ isWatch }, _response, through) => {
  if (!isWatch) return false;
  through(() => undefined);
  return true;
};

const silent: Meddling = () => true;

const status410 = '{"type":"ERROR","object":{"kind":"Status","code":410,"message":"injected"}}\n';
const status500 = '{"type":"ERROR","object":{"kind":"Status","code":500,"message":"injected"}}\n';

/** What is injected, and how often lists and watches have to fail before it ends. */
const faults: readonly (readonly [name: string, meddle: Meddling, failures: number])[] = [
  ['HTTP 500 to everything', status(500, 'all'), 5],
  ['HTTP 502 to watches', status(502, 'watch'), 5],
  ['HTTP 500 to lists, 410 to watches', (...given) => status(given[0].isWatch ? 410 : 500, 'all')(...given), 10],
  ['HTTP 429 with Retry-After: 1', status(429, 'all', { 'retry-after': '1' }), 10],
  ['HTTP 401 to everything', status(401, 'all'), 10],
  ['HTTP 410 to watches', status(410, 'watch'), 10],
  ['410 inside watches', inWatch(status410), 10],
  ['500 inside watches', inWatch(status500), 10],
  ['garbage inside watches', inWatch('<html>not an event</html>\n'), 10],
  [
    'an unknown type of event',
    inWatch('{"type":"NEWS","object":{"metadata":{"name":"x","resourceVersion":"9"}}}\n'),
    10,
  ],
  ['lines cut in half', brokenLines, 0],
  ['watches that end at once', inWatch(''), 0],
  ['lists 7 s late, and needed', slowList(7_000), 5],
  ['watches that are half-open', frozen, 2],
  ['nothing is answered', silent, 5],
];

/** Through a proxy of its own, from a namespace of its own. */
async function play(cluster: KubeCluster, index: number): Promise<FaultReport> {
  const [name, meddle, failures] = faults[index] ?? ['', () => false, 0];
  const proxy = await ApiProxy.start(cluster);
  const kubeConfig = new KubeConfig();
  const user = { name: 'user', token: cluster.token };
  kubeConfig.loadFromClusterAndUser({ name: 'proxied', server: proxy.url, skipTLSVerify: true }, user);
  try {
    return await playFault(cluster, { kubeConfig, namespace: `fault-${index}` }, name, {
      inject: () => {
        proxy.meddle = meddle;
        proxy.cut();
      },
      lastsMs: 8_000,
      failures,
      heal: () => {
        proxy.meddle = () => false;
      },
    });
  } finally {
    await proxy.stop();
  }
}

describeWithKubernetes('a source behind a proxy that answers wrongly', () => {
  let cluster: KubeCluster;
  let plays: readonly PromiseSettledResult<FaultReport>[] = [];
  const reports: FaultReport[] = [];

  beforeAll(async () => {
    cluster = await startKubeCluster();
    // All at once, because nearly all of each is waiting.
    plays = await Promise.allSettled(faults.map((_fault, index) => play(cluster, index)));
  });
  afterAll(async () => {
    printReports(reports);
    await cluster.stop();
  });

  it.each(faults.map(([name], index) => [name, index] as const))('recovers from: %s', (_name, index) => {
    const played = plays[index];
    if (played?.status !== 'fulfilled') throw new Error('it could not be played', { cause: played?.reason });
    const report = played.value;
    reports.push(report);
    recordReport(report);
    expect(report.removed).toEqual(['goes']);
    expect(report.failures).toBeLessThan(mostFailures(report));
    // Whatever was heard of on the way: it was synced once, and that stays.
    expect(report.syncs).toBe(1);
  });
});
