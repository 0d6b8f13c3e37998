/** A kubeconfig with nothing but the token of a ServiceAccount, as a Pod has it. */
import { writeFile } from 'node:fs/promises';
import type { KubeCluster } from './kube-cluster.ts';

export async function writeAccountKubeconfig(
  cluster: KubeCluster,
  file: string,
  namespace: string,
  account: string,
): Promise<void> {
  const token = (await cluster.kubectl(['create', 'token', account, '--namespace', namespace])).trim();
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'test',
        cluster: { server: cluster.url, 'certificate-authority-data': Buffer.from(cluster.ca).toString('base64') },
      },
    ],
    users: [{ name: account, user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: account, namespace } }],
    'current-context': 'test',
  };
  await writeFile(file, JSON.stringify(kubeconfig));
}
