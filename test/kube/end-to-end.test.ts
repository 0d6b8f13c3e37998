/** The whole path as people run it: a real API server, `sluice serve` as a process, an Envoy from `sluice bootstrap`, kubectl. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Backend, startBackend } from '../support/backend.ts';
import { certificate } from '../support/certificates.ts';
import {
  type Addresses,
  freeAddresses,
  responsesOf,
  startServe,
  warningsOf,
} from '../support/control-plane-process.ts';
import { type RunningEnvoy, startEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { httpRequest, type HttpRequest } from '../support/http-request.ts';
import { type KubeCluster, startKubeCluster } from '../support/kube-cluster.ts';
import {
  endpointSliceManifest,
  ingressClassManifest,
  ingressManifest,
  type Manifest,
  manifestText,
  namespaceManifest,
  serviceManifest,
  tlsSecretManifest,
} from '../support/kube-manifests.ts';
import { podAddress } from '../support/pod-network.ts';
import type { RunningProcess } from '../support/process.ts';
import { runSluice } from '../support/sluice.ts';
import { type TrafficReport, underTraffic } from '../support/steady-traffic.ts';
import { describeWithKubernetesAndEnvoy } from '../support/tools.ts';

const patience = { within: 20_000 };

/** In state of the world a control plane cannot know what an Envoy has, and sends it everything again. */
const everything: unknown = expect.any(Array);

describeWithKubernetesAndEnvoy('a cluster served by Sluice', () => {
  let cluster: KubeCluster;
  let red: Backend;
  let blue: Backend;
  beforeAll(async () => {
    [cluster, red, blue] = await Promise.all([
      startKubeCluster(),
      startBackend({ name: 'red', address: podAddress(11) }),
      startBackend({ name: 'blue', address: podAddress(12) }),
    ]);
    await apply(ingressClassManifest());
  }, 60_000);
  afterAll(async () => {
    await Promise.all([red?.close(), blue?.close()]);
    await cluster?.stop();
  }, 60_000);

  async function apply(...items: readonly Manifest[]): Promise<void> {
    await cluster.kubectl(['apply', '-f', '-'], manifestText(...items));
  }

  async function servePublished(address: Addresses): Promise<RunningProcess> {
    const sluice = await startServe(cluster.kubeconfig, address);
    await sluice.waitForOutput(/"msg":"published"/, patience);
    return sluice;
  }

  describe.each(['delta', 'sotw'] as const)('with an Envoy that joined over %s', (protocol) => {
    const namespace = `over-${protocol}`;
    const shop = `shop.${protocol}.test`;
    const secure = `secure.${protocol}.test`;
    let pair = certificate({ names: [secure] });
    let address: Addresses;
    let sluice: RunningProcess;
    let envoy: RunningEnvoy;

    beforeAll(async () => {
      address = await freeAddresses();
      sluice = await servePublished(address);
      const { stdout } = await runSluice(['bootstrap', '--xds-address', address.xds, '--node-id', 'edge-1']);
      const bootstrap = protocol === 'delta' ? stdout : stdout.replace('api_type: DELTA_GRPC', 'api_type: GRPC');
      envoy = await startEnvoy({ bootstrap });
    }, 60_000);
    afterAll(async () => {
      await envoy?.stop();
      await sluice?.stop();
    }, 60_000);

    const plain = (host: string): HttpRequest => ({ port: address.httpPort, host });
    const overTls = (host: string): HttpRequest => ({ port: address.httpsPort, host, tls: { ca: pair.cert } });
    const shopIs = (service: string) => ingressManifest(namespace, 'shop', { hosts: { [shop]: `${service}:80` } });

    it('answers 404 before there is an Ingress', async () => {
      expect(await ask(plain(shop))).toBe('404');
    });

    it('routes what is applied, over HTTP and TLS', async () => {
      await apply(
        namespaceManifest(namespace),
        ...[red, blue].flatMap((backend) => [
          serviceManifest(namespace, backend.name),
          endpointSliceManifest(namespace, backend.name, backend),
        ]),
        tlsSecretManifest(namespace, 'secure', pair),
        shopIs('red'),
        ingressManifest(namespace, 'secure', { hosts: { [secure]: 'blue:80' }, tls: { [secure]: 'secure' } }),
      );

      await eventually(async () => expect(await ask(plain(shop))).toBe('red'), patience);
      await eventually(async () => expect(await ask(overTls(secure))).toBe('blue'), patience);
    }, 60_000);

    it('follows an edit of each kind', async () => {
      await apply(shopIs('blue'));
      await eventually(async () => expect(await ask(plain(shop))).toBe('blue'), patience);

      await apply(endpointSliceManifest(namespace, 'blue', red));
      await eventually(async () => expect(await ask(overTls(secure))).toBe('red'), patience);
      await apply(endpointSliceManifest(namespace, 'blue', blue));
      await eventually(async () => expect(await ask(overTls(secure))).toBe('blue'), patience);

      pair = certificate({ names: [secure] });
      await apply(tlsSecretManifest(namespace, 'secure', pair));
      await eventually(async () => expect(await ask(overTls(secure))).toBe('blue'), patience);
    }, 60_000);

    it('stops serving what is deleted', async () => {
      await cluster.kubectl(['delete', 'ingress', 'shop', '-n', namespace]);
      await eventually(async () => expect(await ask(plain(shop))).toBe('404'), patience);

      await cluster.kubectl(['delete', 'endpointslice', 'blue-1', '-n', namespace]);
      await eventually(async () => expect(await ask(overTls(secure))).toBe('503'), patience);

      await apply(shopIs('red'), endpointSliceManifest(namespace, 'blue', blue));
      await eventually(async () => expect(await ask(plain(shop))).toBe('red'), patience);
      await eventually(async () => expect(await ask(overTls(secure))).toBe('blue'), patience);
    }, 60_000);

    it('loses no request and no resource when the control plane is killed and comes back', async () => {
      const before = await removals(envoy);
      const updates = await updatesOf(envoy);
      const isConnected = () => envoy.stat('control_plane.connected_state');

      const traffic = await underTraffic(
        [plain(shop), overTls(secure), plain(shop), overTls(secure)],
        async ({ more }) => {
          await more(100);
          sluice.signal('SIGKILL');
          await sluice.exited;
          await eventually(async () => expect(await isConnected()).toBe(0), patience);
          await more(200);
          sluice = await servePublished(address);
          const back = performance.now();
          await eventually(async () => expect(await isConnected()).toBe(1), patience);
          report(`${protocol}: the Envoy came back after ${since(back)}`);
          await more(300);
        },
      );

      reportTraffic(`${protocol}: kill -9 and restart`, traffic);
      expect(traffic.failures).toEqual([]);
      expect(await removals(envoy)).toEqual(before);
      const sent = responsesOf(sluice);
      report(`${protocol}: what the second process sent: ${sent.map(({ type }) => type).join(', ') || 'nothing'}`);
      // In delta the Envoy says which versions it has. In state of the world it says nothing, and takes what is equal for equal.
      expect(sent.map(({ type }) => type).toSorted()).toEqual(
        protocol === 'delta' ? [] : ['Cluster', 'ClusterLoadAssignment', 'Listener', 'RouteConfiguration', 'Secret'],
      );
      expect(await updatesOf(envoy)).toEqual(protocol === 'delta' ? updates : everything);
    }, 60_000);

    it('is told, by a control plane that comes back, what has changed meanwhile', async () => {
      const before = await removals(envoy);

      const traffic = await underTraffic([plain(shop), overTls(secure)], async () => {
        sluice.signal('SIGKILL');
        await sluice.exited;
        await apply(endpointSliceManifest(namespace, 'blue', red));
        sluice = await servePublished(address);
        await eventually(async () => expect(await ask(overTls(secure))).toBe('red'), patience);
      });

      reportTraffic(`${protocol}: kill -9, an edit while away, and restart`, traffic);
      expect(traffic.failures).toEqual([]);
      expect(await removals(envoy)).toEqual(before);
      const onlyThat = [{ type: 'ClusterLoadAssignment', resources: 1, removed: 0 }];
      expect(responsesOf(sluice)).toEqual(protocol === 'delta' ? onlyThat : everything);
    }, 60_000);

    it('keeps serving, and catches up, when the API server restarts in the middle of edits', async () => {
      await apply(endpointSliceManifest(namespace, 'blue', blue));
      await eventually(async () => expect(await ask(overTls(secure))).toBe('blue'), patience);

      const traffic = await underTraffic([plain(shop), overTls(secure)], async ({ more }) => {
        await apply(shopIs('blue'));
        await cluster.stopApiServer();
        await more(100);
        expect((await httpRequest({ port: address.adminPort, path: '/readyz' })).status).toBe(200);
        await cluster.startApiServer();
        await eventually(async () => expect(await ask(plain(shop))).toBe('blue'), patience);
        await apply(endpointSliceManifest(namespace, 'blue', red));
        const edited = performance.now();
        await eventually(async () => expect(await ask(plain(shop))).toBe('red'), patience);
        await eventually(async () => expect(await ask(overTls(secure))).toBe('red'), patience);
        report(`${protocol}: an edit right after the API server's restart was served after ${since(edited)}`);
      });

      reportTraffic(`${protocol}: API server restart`, traffic);
      expect(traffic.failures).toEqual([]);
      const warnings = warningsOf(sluice);
      report(`${protocol}: ${JSON.stringify(warnings)}`);
      expect(warnings).not.toHaveLength(0);
      // However many reflectors try however often, the same is said once.
      expect(new Set(warnings).size).toBe(warnings.length);
    }, 90_000);

    it('keeps serving while a control plane that comes back finds no API server and waits for it', async () => {
      const before = await removals(envoy);
      const readyz = () => httpRequest({ port: address.adminPort, path: '/readyz' });

      const traffic = await underTraffic([plain(shop), overTls(secure)], async ({ more }) => {
        sluice.signal('SIGKILL');
        await Promise.all([sluice.exited, cluster.stopApiServer()]);
        sluice = await startServe(cluster.kubeconfig, address);
        await sluice.waitForOutput(/xDS stream opened/, patience);
        await more(100);
        expect(await readyz()).toMatchObject({
          status: 503,
          body: expect.stringMatching(
            /^not ready\nthe first complete reading of all objects\nReading from Kubernetes fails: cannot reach .*\n$/,
          ),
        });
        expect((await httpRequest({ port: address.adminPort, path: '/healthz' })).status).toBe(200);
        expect(responsesOf(sluice)).toEqual([]);
        expect(warningsOf(sluice)).toEqual([
          expect.stringMatching(/^Reading from Kubernetes fails: cannot reach the Kubernetes API server at https:/),
        ]);
        await cluster.startApiServer();
        await eventually(async () => expect((await readyz()).status).toBe(200), { within: 40_000 });
        await more(100);
      });

      reportTraffic(`${protocol}: control plane and API server away, the former back first`, traffic);
      expect(traffic.failures).toEqual([]);
      expect(await removals(envoy)).toEqual(before);
    }, 90_000);

    it('keeps serving when the control plane is told to end, which it does with exit code 0', async () => {
      const asked = performance.now();
      sluice.signal('SIGTERM');
      const exit = await sluice.exited;

      report(`${protocol}: SIGTERM, and over after ${since(asked)}`);
      expect(exit).toEqual({ code: 0, signal: undefined });
      expect(await ask(plain(shop))).toBe('red');
    }, 30_000);
  });
});

/** The backend that answers, or the status when it is not 200. */
async function ask(request: HttpRequest): Promise<string> {
  const { status, body } = await httpRequest(request);
  if (status !== 200) return String(status);
  const echo: { readonly backend: string } = JSON.parse(body);
  return echo.backend;
}

async function statsThatMatch(envoy: RunningEnvoy, pattern: RegExp): Promise<readonly string[]> {
  return (await envoy.admin('/stats')).split('\n').filter((line) => pattern.test(line));
}

/** What was taken away, refused or drained so far. */
function removals(envoy: RunningEnvoy): Promise<readonly string[]> {
  return statsThatMatch(
    envoy,
    /^(cluster_manager\.cluster_removed|listener_manager\.(listener_removed|listener_modified|total_\w+_draining)|.*\.update_rejected):/,
  );
}

/** What was taken over so far, by kind of resource. */
function updatesOf(envoy: RunningEnvoy): Promise<readonly string[]> {
  return statsThatMatch(envoy, /(\.update_success|\.config_reload|_modified|_added|_updated):/);
}

/** Numbers for whoever reads the output of the test. */
function report(line: string): void {
  process.stdout.write(`${line}\n`);
}

function reportTraffic(what: string, { sent, failures }: TrafficReport): void {
  report(`${what}: ${sent} requests sent, ${failures.length} failed`);
}

/** `1.2 s` since a time of the monotonic clock. */
function since(start: number): string {
  return `${((performance.now() - start) / 1_000).toFixed(1)} s`;
}
