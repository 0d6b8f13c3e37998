// Loads the connection to a Kubernetes API server. The package behind it takes half a second to load, so only those
// who need it pay: import types from it, and values through here.

import type { KubeConfig } from '@kubernetes/client-node';

/**
 * Reads a kubeconfig file; without one, the service account that Kubernetes puts into every pod.
 * Throws when the file cannot be read or names no cluster.
 */
export async function loadKubeConfig(file: string | undefined): Promise<KubeConfig> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const kubeConfig = new KubeConfig();
  if (file === undefined) kubeConfig.loadFromCluster();
  else kubeConfig.loadFromFile(file);
  if (kubeConfig.getCurrentCluster() === null) {
    throw new Error(`${file ?? 'The pod'} has no current cluster: set current-context to a context that exists`);
  }
  return kubeConfig;
}
