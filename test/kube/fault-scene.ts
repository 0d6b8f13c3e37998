/**
 * A fault between the source and a real API server, from before it to after it: what is lost on the way, how often the
 * source tries meanwhile, and how long it takes until it knows what a fresh list shows.
 */
import type { KubeConfig } from '@kubernetes/client-node';
import { kubernetesSource } from '../../src/source/kubernetes.ts';
import type { ReflectorEvent } from '../../src/source/reflector.ts';
import { type RawObject, rawIngress } from '../source/raw-objects.ts';
import { Recorder } from '../source/recorder.ts';
import { keepingLog } from '../source/silent-log.ts';
import { recordFault } from '../support/fault-record.ts';
import type { KubeCluster } from '../support/kube-cluster.ts';

export interface Fault {
  readonly inject: () => void | Promise<void>;
  /** Milliseconds that the fault lasts at least; 3,000 when left out. */
  readonly lastsMs?: number;
  /** How often a list or watch must have failed before the fault ends; 0 when left out. */
  readonly failures?: number;
  /** Makes the cluster itself work again, so that it can be changed while the way to it is still broken. */
  readonly repair?: () => Promise<void>;
  readonly heal: () => void | Promise<void>;
}

/** How a scene gets to the cluster. */
export interface Way {
  readonly kubeConfig: KubeConfig;
  readonly reload?: () => Promise<KubeConfig>;
  /** Where its Ingresses are; default when left out. */
  readonly namespace?: string;
}

/** What was measured, a row of the table for people. */
export interface FaultReport {
  readonly name: string;
  readonly healMs: number;
  readonly faultMs: number;
  readonly failures: number;
  readonly lists: number;
  /** The Ingresses of its namespace that were said to be gone. */
  readonly removed: readonly string[];
  /** How often the source said that it is synced, from its beginning. */
  readonly syncs: number;
  /** What it has logged. */
  readonly lines: readonly string[];
}

/** Five kinds, none of which tries more than about once a second for long: what is more is a hot loop. */
export function mostFailures({ faultMs }: FaultReport): number {
  return 5 * (4 + faultMs / 1_000);
}

/** Several scenes may go on in one cluster, each in a namespace of its own. */
export class FaultScene {
  readonly #cluster: KubeCluster;
  readonly #namespace: string;
  readonly observed: ReflectorEvent[] = [];
  readonly recorder: Recorder;
  readonly lines: readonly string[];

  private constructor(cluster: KubeCluster, { kubeConfig, reload }: Way, namespace: string) {
    const kept = keepingLog();
    this.#cluster = cluster;
    this.#namespace = namespace;
    this.lines = kept.lines;
    this.recorder = new Recorder(
      kubernetesSource({
        kubeConfig,
        ...(reload && { reload }),
        namespaces: [],
        log: kept.log,
        observe: (event) => void this.observed.push(event),
      }),
    );
  }

  /** Puts three Ingresses there and begins to read. */
  static async begin(cluster: KubeCluster, way: Way) {
    const { namespace = 'default' } = way;
    const home: RawObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } };
    const ingresses = ['stays', 'goes', 'changes'].map((name) => rawIngress(name, undefined, namespace));
    await apply(cluster, ...(way.namespace === undefined ? [] : [home]), ...ingresses);
    const scene = new FaultScene(cluster, way, namespace);
    try {
      await scene.recorder.synced(20_000);
      await scene.recorder.until('all kinds are watched', () => scene.count('watching') >= 5);
    } catch (error) {
      scene.recorder.stop();
      throw new Error(`it did not begin; it said: ${scene.lines.join('\n')}`, { cause: error });
    }
    return scene;
  }

  /** Changes the cluster while the fault lasts, and compares with a fresh list when it is over. */
  async play(name: string, { inject, lastsMs = 3_000, failures = 0, repair, heal }: Fault): Promise<FaultReport> {
    const before = {
      failed: this.count('failed'),
      listed: this.count('listed'),
      changes: this.recorder.changes.length,
    };
    const injectedAt = performance.now();
    await inject();
    const { recorder } = this;
    await recorder.until('it failed often enough', () => this.count('failed') - before.failed >= failures, 30_000);
    await recorder.until('the fault has lasted', () => performance.now() - injectedAt > lastsMs, 60_000);
    const duringFault = this.count('failed') - before.failed;
    await repair?.();
    await this.#change();
    const wanted = await this.#freshList();
    await heal();
    const healedAt = performance.now();
    await recorder.until(`it is ${wanted.join()}`, () => this.#known().join() === wanted.join(), 20_000);
    const healMs = performance.now() - healedAt;
    const removed = recorder.changes
      .slice(before.changes)
      .filter(({ object, namespace }) => object === undefined && namespace === this.#namespace);
    return {
      name,
      healMs,
      faultMs: healedAt - injectedAt,
      failures: duringFault,
      lists: this.count('listed') - before.listed,
      removed: removed.map((change) => change.name),
      syncs: recorder.syncs,
      lines: this.lines,
    };
  }

  async end(): Promise<void> {
    this.recorder.stop();
    const path = `/apis/networking.k8s.io/v1/namespaces/${this.#namespace}/ingresses`;
    await this.#cluster.kubectl(['delete', '--raw', path]);
  }

  count(kind: ReflectorEvent['kind']): number {
    return this.observed.filter((event) => event.kind === kind).length;
  }

  async #change(): Promise<void> {
    const comes = rawIngress('comes', undefined, this.#namespace);
    await apply(this.#cluster, comes, rawIngress('changes', 'changed.test', this.#namespace));
    await this.#cluster.kubectl(['delete', 'ingress', 'goes', '-n', this.#namespace]);
  }

  /** `name host`, sorted. */
  async #freshList(): Promise<readonly string[]> {
    const template = '{range .items[*]}{.metadata.name} {.spec.rules[0].host}{"\\n"}{end}';
    const wanted = ['get', 'ingresses', '-n', this.#namespace, '-o', `jsonpath=${template}`];
    return (await this.#cluster.kubectl(wanted)).trim().split('\n').toSorted();
  }

  #known(): readonly string[] {
    return [...this.recorder.objects.values()]
      .filter(({ metadata }) => metadata.namespace === this.#namespace)
      .flatMap((each) => (each.kind === 'Ingress' ? [`${each.metadata.name} ${each.spec.rules[0]?.host}`] : []))
      .toSorted();
  }
}

/** Begins, plays one fault and ends. */
export async function playFault(cluster: KubeCluster, way: Way, name: string, fault: Fault): Promise<FaultReport> {
  const scene = await FaultScene.begin(cluster, way);
  try {
    return await scene.play(name, fault);
  } finally {
    await scene.end();
  }
}

/** To be called inside of a test, of each report. */
export function recordReport({ name, failures, removed, healMs }: FaultReport): void {
  recordFault({
    injected: `between source and API server: ${name}`,
    expected: 'what is known stays; all changes are caught up',
    seen: `caught up after ${failures} failures; removed: ${removed.join(', ')}`,
    healMs,
  });
}

export function apply(cluster: KubeCluster, ...items: readonly RawObject[]): Promise<string> {
  return cluster.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
}

/** Prints what was measured, when `SLUICE_FAULT_TABLE` asks for it. */
export function printReports(reports: readonly FaultReport[]): void {
  if (process.env['SLUICE_FAULT_TABLE'] === undefined) return;
  const rows = reports.map(({ name, healMs, faultMs, failures, lists }) => {
    return `| ${name} | ${(faultMs / 1_000).toFixed(1)} | ${failures} | ${lists} | ${(healMs / 1_000).toFixed(2)} |`;
  });
  const megabytes = Math.round(process.memoryUsage().rss / 1024 / 1024);
  process.stdout.write(
    [
      '',
      '| fault | lasted, s | failures meanwhile | lists | healed after, s |',
      '| --- | --- | --- | --- | --- |',
      ...rows,
      `memory of the test process at the end: ${megabytes} MB`,
      '',
    ].join('\n'),
  );
}
