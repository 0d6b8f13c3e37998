/** Opens what writes into the cluster: by the flags, over connections of its own, so that writes never hold up watches. */
import type { Metrics } from './admin/metrics.ts';
import type { Logger } from './log.ts';
import type { Problem } from './model/problem.ts';
import { ApiClient } from './source/api-client.ts';
import { type KubeConnection, namespaceOf } from './source/kube-config.ts';
import { realTiming } from './source/timing.ts';
import type { StatusConfig } from './status-config.ts';
import { Reporter } from './status/reporter.ts';

interface ReportingOptions {
  readonly config: StatusConfig | undefined;
  readonly connection: KubeConnection | undefined;
  /** Whether the Ingress (`namespace/name`) is served. */
  readonly isOurs: (ingress: string) => boolean;
  readonly problems: () => readonly Problem[];
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Undefined without a cluster, and when the flags say that nothing is to be written. */
export function openReporter({ config, connection, metrics, ...rest }: ReportingOptions): Reporter | undefined {
  if (config === undefined || connection === undefined) return undefined;
  if (config.addresses === undefined && !config.writesEvents) return undefined;
  const { election, ...settings } = config;
  const { kubeConfig, reload } = connection;
  return new Reporter({
    ...rest,
    ...settings,
    api: new ApiClient(kubeConfig, realTiming, reload),
    identity: election.identity,
    namespace: election.namespace ?? namespaceOf(kubeConfig),
    electionId: election.id,
    leaseMs: election.leaseMs,
    observe: metrics.written,
  });
}
