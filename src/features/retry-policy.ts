/** When a request is tried again, on another endpoint. */
import { any } from '../proto/message.ts';
import type { MessageTypes } from '../proto/message.ts';

export type RetryPolicy = MessageTypes['envoy.config.route.v3.RetryPolicy'];

/**
 * Only what has not reached a backend is tried again, so that it is safe for every method. It stands in the clusters and
 * not with the virtual hosts, because an Envoy reads all of these anew when one of them changes (docs/performance.md).
 * What is to be retried, and how often, is then the cluster's word alone (test/envoy/retries.test.ts); the timeouts of a try
 * are still those of the route. A cluster whose routes retry otherwise says nothing (`ClusterPlan.leavesRetriesToRoutes`).
 */
export const defaultRetryPolicy: RetryPolicy = {
  retry_on: 'connect-failure,refused-stream,reset-before-request',
  num_retries: 2,
  retry_host_predicate: [
    {
      name: 'envoy.retry_host_predicates.previous_hosts',
      typed_config: any('envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate', {}),
    },
  ],
  // A hash finds another endpoint by chance: of two, three attempts would miss it one time in eight.
  host_selection_retry_max_attempts: 20,
};
