/** Where the objects of a config come from: manifest files, or a cluster. */
import type { Config } from './config.ts';
import { UsageError } from './setting.ts';
import { directorySource } from './source/directory.ts';
import type { Contact } from './source/contact.ts';
import type { SourceLog } from './source/failure-log.ts';
import { type KubeConfig, KubeConfigError, type KubeConnection, loadKubeConfig } from './source/kube-config.ts';
import type { KeptManifests } from './source/manifest-set.ts';
import { kubernetesSource } from './source/kubernetes.ts';
import type { ReflectorEvent } from './source/reflector.ts';
import type { Source } from './source/source.ts';

export interface OpenSource {
  readonly source: Source;
  readonly connection?: KubeConnection;
}

/**
 * @param kept what broken manifest files defined in a run before; it is kept up to date
 * @throws UsageError when the kubeconfig cannot be used.
 */
export async function openSource(
  { source, classes, defaults, configMap }: Config,
  log: SourceLog,
  observe?: (event: ReflectorEvent) => void,
  kept?: KeptManifests,
  contact?: Contact,
): Promise<OpenSource> {
  if (source.kind === 'directory') return { source: directorySource(source.paths, kept && { kept }) };
  const reload = (): Promise<KubeConfig> => loadKubeConfig(source.kubeconfig, source.context);
  const kubeConfig = await reload().catch((error: unknown) => {
    throw error instanceof KubeConfigError ? new UsageError(error.message) : error;
  });
  const connection = { kubeConfig, reload };
  const { certificate } = defaults;
  const secrets = certificate === undefined ? [] : [`${certificate.namespace}/${certificate.name}`];
  const configMaps = configMap === undefined ? [] : [`${configMap.namespace}/${configMap.name}`];
  const options = {
    namespaces: source.namespaces,
    secrets,
    configMaps,
    withoutIngressClasses: classes.byNameOnly === true,
    ...(observe && { observe }),
    ...(contact && { contact }),
  };
  return { source: kubernetesSource({ ...connection, ...options, log }), connection };
}
