/** What every part of a measurement works on. */
import type { KubeCluster } from '../test/support/kube-cluster.ts';
import type { ApiClient } from './api-client.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Fleet } from './fleet.ts';
import type { Workload } from './workload.ts';

export interface Testbed {
  readonly cluster: KubeCluster;
  readonly api: ApiClient;
  readonly workload: Workload;
  readonly resultsDirectory: string;
}

/** A control plane that runs, and the Envoys that are connected to it. */
export interface Subject {
  readonly server: ControlPlane;
  readonly fleet: Fleet;
  readonly streams: number;
}
