/**
 * The shipped manifests on a real API server: all of them are accepted as they are, their Pods pass Pod Security, and the control plane
 * and an Envoy run with what they bring: the rights of the ServiceAccount, the bootstrap of the ConfigMap, self-made certificates.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { writeAccountKubeconfig } from '../support/account-kubeconfig.ts';
import { type Backend, startBackend } from '../support/backend.ts';
import { certificate } from '../support/certificates.ts';
import { freeAddresses, warningsOf } from '../support/control-plane-process.ts';
import { type RunningEnvoy, startEnvoy } from '../support/envoy.ts';
import { eventually } from '../support/eventually.ts';
import { httpRequest } from '../support/http-request.ts';
import { type KubeCluster, startKubeCluster } from '../support/kube-cluster.ts';
import {
  endpointSliceManifest,
  ingressManifest,
  manifestText,
  namespaceManifest,
  serviceManifest,
  tlsSecretManifest,
} from '../support/kube-manifests.ts';
import { findObject, podsOf, type RenderedObject, renderedObjects, serveArguments } from '../support/manifest-tree.ts';
import { mountSecret } from '../support/mounted-secret.ts';
import { podAddress } from '../support/pod-network.ts';
import type { RunningProcess } from '../support/process.ts';
import { startSluice } from '../support/sluice.ts';
import { describeWithKubernetes, describeWithKubernetesAndEnvoy } from '../support/tools.ts';

const manifests = resolve(import.meta.dirname, '..', '..', 'manifests');
const overlays = ['overlays/cloud', 'overlays/node-port', 'overlays/host-network', 'overlays/watch-namespace'];
const account = 'system:serviceaccount:sluice-system:sluice';

async function render(cluster: KubeCluster, overlay: string): Promise<readonly RenderedObject[]> {
  return renderedObjects(await cluster.kubectl(['kustomize', join(manifests, overlay)]));
}

function apply(cluster: KubeCluster, overlay: string): Promise<string> {
  return cluster.kubectl(['apply', '--validate=strict', '-k', join(manifests, overlay)]);
}

interface Installed {
  readonly sluice: RunningProcess;
  readonly httpPort: number;
  readonly httpsPort: number;
}

async function mayI(cluster: KubeCluster, as: string, question: string): Promise<boolean> {
  // kubectl says no with an exit code as well.
  const answer = await cluster.kubectl(['auth', 'can-i', ...question.split(' '), '--as', as]).catch(String);
  return answer.trim() === 'yes';
}

describeWithKubernetes('the manifests', () => {
  let cluster: KubeCluster;
  beforeAll(async () => {
    cluster = await startKubeCluster();
    await cluster.kubectl(['apply', '-f', '-'], manifestText(namespaceManifest('shop'), namespaceManifest('other')));
  }, 60_000);
  afterAll(() => cluster.stop(), 60_000);

  it.each(overlays)(
    'in %s are accepted by the API server, and their Pods by Pod Security',
    async (overlay) => {
      await apply(cluster, overlay);
      const objects = await render(cluster, overlay);
      const pods = podsOf(objects);
      const level = findObject(objects, 'Namespace', 'sluice-system').metadata.labels;

      expect(level).toMatchObject({
        'pod-security.kubernetes.io/enforce': overlay === 'overlays/host-network' ? 'privileged' : 'restricted',
      });
      expect(pods).toHaveLength(2);
      for (const pod of pods) {
        const created = ['create', '--dry-run=server', '--validate=strict', '-o', 'name', '-f', '-'];
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        expect(await cluster.kubectl(created, JSON.stringify(pod))).toMatch(/^pod\/sluice/);
      }
    },
    60_000,
  );

  it('say rightly what of the host network Pod Security refuses', async () => {
    await apply(cluster, 'overlays/cloud');
    const pods = podsOf(await render(cluster, 'overlays/host-network'));
    const envoy = JSON.stringify(pods.find((pod) => JSON.stringify(pod).includes('hostNetwork')));
    await expect(cluster.kubectl(['create', '--dry-run=server', '-f', '-'], envoy)).rejects.toThrow(
      /violates PodSecurity/,
    );
  }, 60_000);

  it('leave what the control plane has written when they are applied again', async () => {
    await apply(cluster, 'overlays/cloud');
    const secret = ['secret', 'sluice-xds-authority', '--namespace', 'sluice-system'];
    await cluster.kubectl(['patch', ...secret, '-p', '{"stringData":{"authority.crt":"kept"}}']);
    await apply(cluster, 'overlays/cloud');
    expect(await cluster.kubectl(['get', ...secret, '-o', String.raw`jsonpath={.data.authority\.crt}`])).toBe(
      Buffer.from('kept').toString('base64'),
    );
  }, 60_000);

  it('grant the control plane what it uses and nothing else, and Envoys nothing', async () => {
    await apply(cluster, 'overlays/cloud');
    const allowed = [
      ...['ingresses', 'ingressclasses', 'services', 'endpointslices', 'secrets', 'configmaps'].flatMap((kind) => [
        `list ${kind} --all-namespaces`,
        `watch ${kind} --all-namespaces`,
      ]),
      'patch ingresses --subresource=status -n shop',
      'create events.events.k8s.io -n shop',
      'get secret/sluice-xds-authority -n sluice-system',
      'patch secret/sluice-xds-envoy -n sluice-system',
      'get service/sluice-envoy -n sluice-system',
      'update lease/sluice-leader -n sluice-system',
    ];
    const denied = [
      'get secrets -n shop',
      'create secrets -n sluice-system',
      'patch secrets -n sluice-system',
      'delete secret/sluice-xds-envoy -n sluice-system',
      'get configmaps -n sluice-system',
      'list pods -n shop',
      'update ingresses -n shop',
      'delete ingresses -n shop',
      'update lease/other -n sluice-system',
      'create leases -n shop',
      'create pods -n sluice-system',
      'impersonate users',
    ];
    const answers = async (as: string, questions: readonly string[]) => {
      const all = await Promise.all(questions.map((question) => mayI(cluster, as, question)));
      return questions.filter((_, index) => all[index]);
    };
    expect(await answers(account, [...allowed, ...denied])).toEqual(allowed);
    expect(await answers(`${account}-envoy`, [...allowed, ...denied])).toEqual([]);
  }, 120_000);

  it('give an Envoy no token', async () => {
    const objects = await render(cluster, 'overlays/cloud');
    expect(findObject(objects, 'Deployment', 'sluice-envoy').spec?.template?.spec.automountServiceAccountToken).toBe(
      false,
    );
    expect(findObject(objects, 'Deployment', 'sluice').spec?.template?.spec.automountServiceAccountToken).toBe(true);
  });
});

describeWithKubernetesAndEnvoy('a control plane with the rights of the manifests', () => {
  let cluster: KubeCluster;
  let backend: Backend;
  let folder: string;
  const running: (RunningProcess | RunningEnvoy)[] = [];
  const pairs = { shop: certificate({ names: ['shop.test'] }), other: certificate({ names: ['other.test'] }) };

  beforeAll(async () => {
    cluster = await startKubeCluster();
    backend = await startBackend({ name: 'shop', address: podAddress(60) });
    folder = await mkdtemp(join(tmpdir(), 'sluice-manifests-'));
    await cluster.kubectl(['apply', '-f', '-'], manifestText(namespaceManifest('shop'), namespaceManifest('other')));
    const objects = (['shop', 'other'] as const).flatMap((namespace) => [
      serviceManifest(namespace, 'web'),
      endpointSliceManifest(namespace, 'web', { address: podAddress(60), port: backend.port }),
      // A Secret of this type is read by its name.
      { ...tlsSecretManifest(namespace, 'web-tls', pairs[namespace]), type: 'Opaque' },
      ingressManifest(namespace, 'web', {
        hosts: { [`${namespace}.test`]: 'web:80' },
        tls: { [`${namespace}.test`]: 'web-tls' },
      }),
      ingressManifest(namespace, 'broken', { hosts: { [`broken.${namespace}.test`]: 'nobody:80' } }),
    ]);
    await cluster.kubectl(['apply', '-f', '-'], manifestText(...objects));
  }, 90_000);
  afterAll(async () => {
    await Promise.all(running.map((each) => each.stop()));
    await backend.close();
    await cluster.stop();
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  /** The control plane and an Envoy as an overlay describes them, less kubelet: on loopback, with files in a folder. */
  async function install(overlay: string): Promise<Installed> {
    await apply(cluster, overlay);
    // What a cloud would do.
    const balanced = { status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } };
    const service = ['service', 'sluice-envoy', '--namespace', 'sluice-system', '--subresource=status'];
    await cluster.kubectl(['patch', ...service, '--type=merge', '-p', JSON.stringify(balanced)]);
    const objects = await render(cluster, overlay);
    const kubeconfig = join(folder, 'kubeconfig');
    await writeAccountKubeconfig(cluster, kubeconfig, 'sluice-system', 'sluice');
    const { xds, adminPort, httpPort, httpsPort } = await freeAddresses();
    const here = [
      ['--kubeconfig', kubeconfig],
      ['--xds-address', xds],
      ['--admin-address', `127.0.0.1:${adminPort}`],
      ['--listen-address', '127.0.0.1'],
      ['--http-port', String(httpPort)],
      ['--https-port', String(httpsPort)],
      ['--log-format', 'json'],
    ].flat();
    const sluice = await startSluice([...serveArguments(objects), ...here]);
    running.push(sluice);
    await sluice.waitForOutput(/"msg":"published"/, { within: 20_000 });

    const configMap = findObject(objects, 'ConfigMap', 'sluice-envoy-bootstrap');
    const secret = await mountSecret(join(folder, `xds-${running.length}`), await envoySecret());
    const files = Object.entries(configMap.data ?? {}).map(async ([name, text]) => {
      const moved = text
        .replaceAll('/etc/sluice/envoy', folder)
        .replaceAll('/etc/sluice/xds', resolve(secret.path('.')))
        .replaceAll('/run/sluice', folder)
        .replace('address: sluice-xds', 'address: 127.0.0.1')
        .replace('port_value: 18000', `port_value: ${xds.split(':')[1] ?? ''}`)
        .replace('port_value: 8002', 'port_value: 0');
      await writeFile(join(folder, name), moved);
      return [name, moved] as const;
    });
    const bootstrap = Object.fromEntries(await Promise.all(files))['bootstrap.yaml'] ?? '';
    const envoy = await startEnvoy({ bootstrap, flags: ['--service-node', `pod-of-${overlay}`] });
    running.push(envoy);
    const sessions = await httpRequest({ port: adminPort, path: '/debug/sessions' });
    expect(sessions.body).toContain(`pod-of-${overlay}`);
    return { sluice, httpPort, httpsPort };
  }

  function envoySecret(): Promise<Readonly<Record<string, string>>> {
    return eventually(async () => {
      const secret = ['secret', 'sluice-xds-envoy', '--namespace', 'sluice-system'];
      const { data }: RenderedObject = JSON.parse(await cluster.kubectl(['get', ...secret, '-o', 'json']));
      const decoded = Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]);
      const keys: Readonly<Record<string, string>> = Object.fromEntries(decoded);
      expect(Object.keys(keys).toSorted()).toEqual(['ca.crt', 'tls.crt', 'tls.key']);
      return keys;
    });
  }

  /** Over TLS with the certificate of the namespace, with an address in the status, and told what is wrong. */
  async function isWhole(namespace: 'shop' | 'other', httpsPort: number): Promise<void> {
    const request = { port: httpsPort, host: `${namespace}.test`, tls: { ca: pairs[namespace].cert } };
    await eventually(async () => expect((await httpRequest(request)).status).toBe(200));
    await eventually(async () => expect(await addressOf(namespace)).toBe('192.0.2.1'), { within: 20_000 });
    const events = ['get', 'events', '--namespace', namespace, '-o', 'jsonpath={.items[*].reason}'];
    await eventually(async () => expect(await cluster.kubectl(events)).toContain('ServiceNotFound'), {
      within: 20_000,
    });
    const lease = ['get', 'lease', 'sluice-leader', '-n', 'sluice-system', '-o', 'jsonpath={.spec.holderIdentity}'];
    expect(await cluster.kubectl(lease)).not.toBe('');
  }

  /** Hosts with TLS redirect to it. */
  const statusOf = async (port: number, host: string): Promise<number> => (await httpRequest({ port, host })).status;

  const addressOf = (namespace: string): Promise<string> =>
    cluster.kubectl([
      'get',
      'ingress',
      'web',
      '--namespace',
      namespace,
      '-o',
      'jsonpath={.status.loadBalancer.ingress[0].ip}',
    ]);

  it('serves the whole cluster over self-made mutual TLS', async () => {
    const { sluice, httpPort, httpsPort } = await install('overlays/cloud');
    await eventually(async () => {
      expect(await statusOf(httpPort, 'shop.test')).toBe(308);
      expect(await statusOf(httpPort, 'other.test')).toBe(308);
    });
    await isWhole('shop', httpsPort);
    await isWhole('other', httpsPort);
    expect(warningsOf(sluice)).toEqual([]);
    await sluice.stop();
  }, 90_000);

  it('serves one namespace with no rights outside of it', async () => {
    await cluster.kubectl(['delete', 'clusterrolebinding,clusterrole', 'sluice']);
    await cluster.kubectl(['delete', 'ingressclass', 'sluice']);
    // Nothing that the control plane before this one has written is there any more.
    const ours = ['ingress', 'web', '--namespace', 'shop', '--subresource=status', '--type=merge'];
    await cluster.kubectl(['patch', ...ours, '-p', '{"status":{"loadBalancer":null}}']);
    await cluster.kubectl(['delete', 'events', '--all', '--namespace', 'shop']);
    await cluster.kubectl(['delete', 'events', '--all', '--namespace', 'other']);
    const { sluice, httpPort, httpsPort } = await install('overlays/watch-namespace');
    await eventually(async () => expect(await statusOf(httpPort, 'shop.test')).toBe(308));
    await isWhole('shop', httpsPort);
    expect(await statusOf(httpPort, 'other.test')).toBe(404);
    expect((await httpRequest({ port: httpsPort, host: 'other.test', tls: {} })).status).toBe(404);
    expect(await cluster.kubectl(['get', 'events', '--namespace', 'other', '-o', 'name'])).toBe('');
    expect(warningsOf(sluice)).toEqual([]);
    const rights = await cluster.kubectl(['auth', 'can-i', '--list', '--as', account, '--namespace', 'other']);
    expect(rights).not.toMatch(/secrets|ingresses|services /);
  }, 90_000);
});
