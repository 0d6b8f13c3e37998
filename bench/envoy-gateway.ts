/**
 * Envoy Gateway as a peer; `bench/envoy-gateway/go.mod` pins its version. It reads HTTPRoutes instead of Ingresses, and it wants mutual
 * TLS with certificates in /certs, which is why it runs in a root directory of its own.
 */
import { copyFile, link, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { certificate, certificateAuthority } from '../test/support/certificates.ts';
import { eventually } from '../test/support/eventually.ts';
import type { KubeCluster } from '../test/support/kube-cluster.ts';
import type { Contender, ControlPlane } from './control-plane.ts';
import { applyKinds, build, foreign, isBuilt, moduleFolder, tools } from './peer.ts';
import { gatewayName } from './workload.ts';

const sources = 'github.com/envoyproxy/gateway';
const controllerName = 'gateway.envoyproxy.io/gatewayclass-controller';
const ownNamespace = 'envoy-gateway-system';
const serverName = 'envoy-gateway';

/** It cannot be told another. */
const port = 18_000;

export function envoyGateway(): Contender {
  const executable = join(tools, 'bin', 'envoy-gateway');
  return {
    name: 'Envoy Gateway',
    protocols: ['delta', 'sotw'],
    hostKind: 'HTTPRoute',
    prepare: () => build('envoy-gateway', `${sources}/cmd/envoy-gateway`, executable),
    isPrepared: () => isBuilt('envoy-gateway', executable),
    declare,
    start: async (cluster, logFile) => {
      const root = await mkdtemp(join(tools, '.envoy-gateway-'));
      const tls = await furnish(root, executable, cluster);
      // Its node's cluster tells which Gateway an Envoy belongs to.
      const access: ControlPlane['access'] = { port, service: 'ads', tls, nodeCluster: `default/${gatewayName}` };
      const command = ['unshare', '--user', '--map-root-user', 'chroot', root, '/envoy-gateway'];
      const env = { KUBECONFIG: '/kubeconfig', ENVOY_GATEWAY_NAMESPACE: ownNamespace };
      const running = await foreign([...command, 'server', '--config-path=/config.json'], access, logFile, env);
      return {
        ...running,
        stop: async () => {
          await running.stop();
          await rm(root, { recursive: true, force: true });
        },
      };
    },
  };
}

/** Everything that it reads. */
async function furnish(
  root: string,
  executable: string,
  cluster: KubeCluster,
): Promise<NonNullable<ControlPlane['access']['tls']>> {
  const authority = certificateAuthority('envoy gateway bench authority');
  const server = certificate({ issuer: authority, names: [serverName] });
  const client = certificate({ issuer: authority, names: ['envoy'] });
  const config = {
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind: 'EnvoyGateway',
    gateway: { controllerName },
    provider: { type: 'Kubernetes', kubernetes: { leaderElection: { disable: true } } },
  };
  await mkdir(join(root, 'certs'));
  await mkdir(join(root, 'tmp'));
  await writeFile(join(root, 'certs/ca.crt'), authority.cert);
  await writeFile(join(root, 'certs/tls.crt'), server.cert);
  await writeFile(join(root, 'certs/tls.key'), server.key, { mode: 0o600 });
  await writeFile(join(root, 'config.json'), JSON.stringify(config));
  await copyFile(cluster.kubeconfig, join(root, 'kubeconfig'));
  await link(executable, join(root, 'envoy-gateway'));
  return { ca: authority.cert, cert: client.cert, key: client.key, servername: serverName };
}

/** The kinds of the Gateway API and its own, from the sources it was built from, and one Gateway. */
async function declare(cluster: KubeCluster): Promise<void> {
  const folder = join(await moduleFolder('envoy-gateway', sources), 'charts/gateway-helm/charts/crds/crds');
  const own = (await readdir(join(folder, 'generated'))).map((name) => join(folder, 'generated', name));
  await applyKinds(cluster, [join(folder, 'gatewayapi-crds.yaml'), ...own]);
  const gatewayApi = 'gateway.networking.k8s.io/v1';
  const objects = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: ownNamespace } },
    { apiVersion: gatewayApi, kind: 'GatewayClass', metadata: { name: gatewayName }, spec: { controllerName } },
    {
      apiVersion: gatewayApi,
      kind: 'Gateway',
      metadata: { name: gatewayName, namespace: 'default' },
      spec: { gatewayClassName: gatewayName, listeners: [{ name: 'http', protocol: 'HTTP', port: 80 }] },
    },
  ];
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  await eventually(() => cluster.kubectl(['apply', '--server-side', '-f', '-'], list), { within: 20_000, every: 500 });
}
