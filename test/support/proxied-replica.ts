/** A control plane that reaches the API server through a proxy, which breaks what is between them. */
import { readFile, writeFile } from 'node:fs/promises';
import type { KubeCluster } from './kube-cluster.ts';
import { ControlPlaneReplica } from './control-plane-replica.ts';
import { FaultProxy } from './fault-proxy.ts';

export interface ProxiedReplica {
  readonly controlPlane: ControlPlaneReplica;
  /** Between it and the API server. */
  readonly proxy: FaultProxy;
}

/** @param name sets it apart from others of the cluster */
export async function startProxiedReplica(
  cluster: KubeCluster,
  name: string,
  listen: Parameters<typeof ControlPlaneReplica.start>[1],
): Promise<ProxiedReplica> {
  const proxy = await FaultProxy.start(cluster.port);
  const kubeconfig = `${cluster.kubeconfig}-${name}`;
  const direct = await readFile(cluster.kubeconfig, 'utf8');
  await writeFile(kubeconfig, direct.replaceAll(`:${cluster.port}`, `:${proxy.port}`));
  return { controlPlane: await ControlPlaneReplica.start({ kubeconfig }, listen), proxy };
}
