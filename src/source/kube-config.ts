// Loads the connection to a Kubernetes API server. The package behind it takes half a second to load, so only those
// who need it pay: import types from it, and values through here.

import type { KubeConfig } from '@kubernetes/client-node';

export type { KubeConfig } from '@kubernetes/client-node';

/** A kubeconfig that can't be used; the message says why, in one line. */
export class KubeConfigError extends Error {}

/**
 * Reads a kubeconfig file; without one, the service account that Kubernetes puts into every pod.
 *
 * @param context one of the file's contexts; the current one when undefined.
 * @throws KubeConfigError when the file can't be parsed, or names no cluster or no such context.
 */
export async function loadKubeConfig(file: string | undefined, context?: string): Promise<KubeConfig> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const kubeConfig = new KubeConfig();
  const origin = file ?? 'the service account of the pod';
  try {
    if (file === undefined) kubeConfig.loadFromCluster();
    else kubeConfig.loadFromFile(file);
  } catch (error) {
    const [reason = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new KubeConfigError(`${origin} is no kubeconfig: ${reason}`);
  }
  const contexts = kubeConfig.getContexts().map(({ name }) => name);
  if (context !== undefined && !contexts.includes(context)) {
    throw new KubeConfigError(`${origin} has no context "${context}"; it has: ${contexts.join(', ') || 'none'}`);
  }
  if (context !== undefined) kubeConfig.setCurrentContext(context);
  if (kubeConfig.getCurrentCluster() === null) {
    throw new KubeConfigError(`${origin} has no current cluster: set current-context to a context that exists`);
  }
  return kubeConfig;
}

/** The namespace of the current context: that of our Pod inside a cluster. `default` when it says none. */
export function namespaceOf(kubeConfig: KubeConfig): string {
  const context = kubeConfig.getContextObject(kubeConfig.getCurrentContext());
  return context?.namespace?.trim() || 'default';
}
