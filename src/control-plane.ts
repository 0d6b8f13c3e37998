/** The whole wiring on one page: source, settle, translate, publish, and what can be seen of it from outside. */
import { Subject, map } from 'rxjs';
import type { Observable, Subscription } from 'rxjs';
import type { AdminView } from './admin/admin-view.ts';
import { createMetrics } from './admin/metrics.ts';
import { startAdminServer } from './admin/server.ts';
import { CommitLoop } from './commit-loop.ts';
import type { Config } from './config.ts';
import { controlPlaneView } from './control-plane-view.ts';
import type { Logger } from './log.ts';
import { ProblemBook } from './problem-book.ts';
import { ProblemLog } from './problem-log.ts';
import { openReporter } from './reporting.ts';
import { UsageError } from './setting.ts';
import { directorySource } from './source/directory.ts';
import { type KubeConfig, KubeConfigError, loadKubeConfig } from './source/kube-config.ts';
import { kubernetesSource } from './source/kubernetes.ts';
import { settle } from './source/settle.ts';
import type { Source, SourceEvent } from './source/source.ts';
import { Translation } from './translation/translation.ts';
import { observeStreams } from './stream-log.ts';
import { openTls } from './xds-tls.ts';
import { XdsServer } from './xds/server.ts';
import type { ResourceChange } from './xds/view.ts';

export interface ControlPlane {
  /** The ports that were bound. */
  readonly xdsPort: number;
  readonly adminPort: number;
  readonly view: AdminView;
  readonly published$: Observable<Publication>;
  stop(): Promise<void>;
}

/** What one publication changed. */
export interface Publication {
  /** The first is 1. */
  readonly sequence: number;
  readonly changed: readonly ResourceName[];
  readonly removed: readonly ResourceName[];
}

export interface ResourceName {
  readonly typeUrl: string;
  readonly name: string;
}

/** Rejects with the system's error when an address can't be bound, and when the kubeconfig can't be read. */
export async function startControlPlane(config: Config, log: Logger): Promise<ControlPlane> {
  const { source, kubeConfig } = await openSource(config, log);
  const tls = await openTls(config.xds.tls, kubeConfig, log);
  const metrics = createMetrics();
  const translation = new Translation(config);
  const sourceProblems = new ProblemBook();
  const server = new XdsServer({
    host: config.xds.host,
    port: config.xds.port,
    ...(tls.source && { tls: tls.source }),
    observe: observeStreams(log, metrics),
  });
  const routingView = controlPlaneView(translation, sourceProblems, server);
  const reporter = openReporter({
    config: config.status,
    kubeConfig,
    isOurs: (ingress) => translation.isOurs(ingress),
    problems: routingView.problems,
    log,
    metrics,
  });
  const view: AdminView = reporter === undefined ? routingView : { ...routingView, status: () => reporter.summary() };
  const published$ = new Subject<Publication>();
  const problemLog = new ProblemLog(log);
  let problemChanges = 0;
  const publish = (changes: readonly ResourceChange[], since: number): void => {
    if (changes.length === 0 && server.store.sequence > 0) return;
    server.publish(changes);
    const { sequence } = server.store;
    const changed = changes.filter(({ resource }) => resource !== undefined);
    const removed = changes.filter(({ resource }) => resource === undefined);
    metrics.published((performance.now() - since) / 1_000);
    for (const [table, entries] of translation.takeRecomputed()) metrics.recomputed(table, entries);
    log.info({ sequence, changed: changed.length, removed: removed.length }, 'published');
    published$.next({ sequence, changed, removed });
  };
  const commits = new CommitLoop(translation, (changes, since) => {
    const allProblemChanges = translation.problemChanges + sourceProblems.changes;
    const haveProblemsChanged = allProblemChanges !== problemChanges;
    if (haveProblemsChanged) problemLog.note(view.problems());
    problemChanges = allProblemChanges;
    publish(changes, since);
    const touched = translation.takeTouchedIngresses();
    reporter?.commit(touched, haveProblemsChanged);
  });
  let isSynced = false;

  const take = (events: readonly Stamped[]): void => {
    for (const { event } of events) {
      if (event.kind === 'changes') {
        translation.update(event.changes);
        reporter?.note(event.changes);
      } else if (event.kind === 'problems') sourceProblems.replace(event.origin, event.problems);
      else isSynced = true;
    }
    // What has not been read in full must not be served: what it lacks, Envoys would delete.
    if (isSynced) commits.request(events[0]?.at ?? performance.now());
  };

  const xdsPort = await server.start().catch(async (error: unknown) => {
    await tls.stop();
    throw error;
  });
  const admin = await startAdminServer(config.admin, view, metrics.registry).catch(async (error: unknown) => {
    await Promise.all([server.stop(), tls.stop()]);
    throw error;
  });
  const reading: Subscription = source.events$
    .pipe(
      map((event): Stamped => ({ event, at: performance.now() })),
      settle(config.settle),
    )
    .subscribe(take);

  return {
    xdsPort,
    adminPort: admin.port,
    view,
    published$,
    stop: async () => {
      reading.unsubscribe();
      await commits.stop();
      published$.complete();
      await Promise.all([server.stop(), admin.stop(), reporter?.stop(), tls.stop()]);
    },
  };
}

interface Stamped {
  readonly event: SourceEvent;
  /** Milliseconds on the monotonic clock. */
  readonly at: number;
}

async function openSource(
  { source, classes }: Config,
  log: Logger,
): Promise<{ source: Source; kubeConfig?: KubeConfig }> {
  if (source.kind === 'directory') return { source: directorySource(source.paths) };
  const kubeConfig = await loadKubeConfig(source.kubeconfig, source.context).catch((error: unknown) => {
    throw error instanceof KubeConfigError ? new UsageError(error.message) : error;
  });
  const withoutIngressClasses = classes.byNameOnly === true;
  const { namespaces } = source;
  return { source: kubernetesSource({ kubeConfig, namespaces, withoutIngressClasses, log }), kubeConfig };
}
