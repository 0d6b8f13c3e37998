/**
 * The kubelet of the tests: it runs a server for each Pod that the real controllers make, says what became of it, and ends it in the
 * order in which a kubelet does. So Deployments roll, and EndpointSlices tell what is ready, serving and terminating.
 */
import { Agent, request } from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';
import type { KubeCluster } from './kube-cluster.ts';
import { podAddress } from './pod-network.ts';
import { type PodServer, startPodServer } from './pod-server.ts';

export interface NodeAgentOptions {
  readonly cluster: KubeCluster;
  /** The addresses of its pods, as numbers of `podAddress`; used in turn. */
  readonly addresses: { readonly first: number; readonly last: number };
  /** For how long a pod that was told to end serves on, as with a preStop hook that sleeps, in milliseconds. */
  readonly lingerMs: number;
  /** Whether anybody may still send requests to that address: as soon as nobody does, a pod lingers no longer. */
  readonly isUsed: (address: string) => Promise<boolean>;
}

export interface NodeAgent {
  /** The pods that run and were not told to end, sorted. */
  readonly running: () => readonly string[];
  /** Whether no pod is ending. */
  readonly isSettled: () => boolean;
  /** The pods started so far. */
  readonly started: () => number;
  /** For how long at most a pod that was told to end was still used, in milliseconds. */
  readonly longestUse: () => number;
  stop(): Promise<void>;
}

/** What pods are bound to with `spec.nodeName`, so that the API server waits with their deletion for the agent. */
export const nodeName = 'node-1';

const lookEveryMs = 50;

export async function startNodeAgent(options: NodeAgentOptions): Promise<NodeAgent> {
  const api = new PodApi(options.cluster);
  const { first, last } = options.addresses;
  const pods = new Map<string, RunningPod>();
  const { lingerMs } = options;
  let longestUse = 0;
  let started = 0;
  const over = new AbortController();

  const say = (error: unknown): void => {
    if (!over.signal.aborted) process.stderr.write(`node agent: ${String(error)}\n`);
  };
  const start = async (pod: Pod): Promise<RunningPod> => {
    const address = podAddress(first + (started++ % (last - first + 1)));
    const ports = pod.spec.containers.flatMap(({ ports: each = [] }) => each.map(({ containerPort }) => containerPort));
    const server = await startPodServer({ name: pod.metadata.name, address, ports });
    await api.report(pod, runningStatus(address));
    return { pod, server, address, end: undefined };
  };
  const linger = async (address: string, server: PodServer): Promise<void> => {
    const began = performance.now();
    const lingered = () => performance.now() - began;
    // Workers of an Envoy learn of it after its admin interface, and close their connections then.
    const isUsed = async () => (await options.isUsed(address)) || server.isConnected();
    while (!over.signal.aborted && lingered() < lingerMs && (await isUsed())) await pause(lookEveryMs);
    longestUse = Math.max(longestUse, lingered());
  };
  const end = async ({ pod, server, address }: RunningPod): Promise<void> => {
    await linger(address, server);
    await server.stop();
    await api.remove(pod);
    pods.delete(pod.metadata.uid);
  };
  const tryAgain = (pod: RunningPod, error: unknown): void => {
    say(error);
    pod.end = undefined;
  };
  const look = async (): Promise<void> => {
    const listed = await api.list();
    const uids = new Set(listed.map(({ metadata }) => metadata.uid));
    for (const [uid, { server, end: ending }] of pods) {
      if (uids.has(uid) || ending !== undefined) continue;
      // Deleted without a grace period.
      server.crash();
      pods.delete(uid);
    }
    for (const pod of listed) {
      const { uid, deletionTimestamp } = pod.metadata;
      const known = pods.get(uid);
      if (known === undefined && deletionTimestamp === undefined) {
        pods.set(uid, await start(pod));
      } else if (known === undefined) {
        await api.remove(pod);
      } else if (deletionTimestamp !== undefined)
        known.end ??= end(known).catch((error: unknown) => tryAgain(known, error));
    }
  };
  const watching = (async () => {
    while (!over.signal.aborted) {
      await look().catch((error: unknown) => {
        say(error);
      });
      await pause(lookEveryMs);
    }
  })();
  return {
    running: () =>
      [...pods.values()]
        .flatMap(({ pod, end: ending }) => (ending === undefined ? [pod.metadata.name] : []))
        .toSorted(),
    isSettled: () => [...pods.values()].every(({ end: ending }) => ending === undefined),
    started: () => started,
    longestUse: () => longestUse,
    async stop() {
      over.abort();
      await watching;
      for (const { server } of pods.values()) server.crash();
      api.close();
    },
  };
}

interface RunningPod {
  readonly pod: Pod;
  readonly server: PodServer;
  readonly address: string;
  /** The end of a pod that was told to end. */
  end: Promise<void> | undefined;
}

interface Pod {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly deletionTimestamp?: string;
  };
  readonly spec: {
    readonly containers: readonly { readonly ports?: readonly { readonly containerPort: number }[] }[];
  };
}

/** PodStatus of a pod whose containers all run and are ready. */
function runningStatus(podIP: string): object {
  const now = new Date().toISOString();
  const types = ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'];
  return {
    phase: 'Running',
    podIP,
    podIPs: [{ ip: podIP }],
    startTime: now,
    conditions: types.map((type) => ({ type, status: 'True', lastTransitionTime: now })),
  };
}

class PodApi {
  readonly #cluster: KubeCluster;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(cluster: KubeCluster) {
    this.#cluster = cluster;
  }

  async list(): Promise<readonly Pod[]> {
    const list: { readonly items: readonly Pod[] } = JSON.parse(await this.#call('GET', '/api/v1/pods'));
    return list.items;
  }

  async report(pod: Pod, status: object): Promise<void> {
    await this.#call('PATCH', `${pathOf(pod)}/status`, { status });
  }

  /** For good: its grace period is over. */
  async remove(pod: Pod): Promise<void> {
    await this.#call('DELETE', pathOf(pod), { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } });
  }

  close(): void {
    this.#agent.destroy();
  }

  #call(method: 'GET' | 'PATCH' | 'DELETE', path: string, body?: object): Promise<string> {
    const { port, ca, token } = this.#cluster;
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const text = body === undefined ? '' : JSON.stringify(body);
    // Node frames no body of a DELETE by itself.
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': type,
      'content-length': Buffer.byteLength(text),
    };
    return new Promise((fulfil, reject) => {
      const call = request({ host: '127.0.0.1', port, ca, agent: this.#agent, method, path, headers }, (response) => {
        let answer = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
        response.once('error', reject);
        response.once('end', () => {
          // What is gone already needs nothing more.
          if (response.statusCode === 200 || response.statusCode === 404) fulfil(answer);
          else reject(new Error(`${method} ${path} answered ${response.statusCode}: ${answer}`));
        });
      });
      call.once('error', reject);
      call.end(text);
    });
  }
}

function pathOf({ metadata: { namespace, name } }: Pod): string {
  return `/api/v1/namespaces/${namespace}/pods/${name}`;
}
