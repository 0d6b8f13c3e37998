/** The whole wiring on one page: source, settle, translate, publish, and what can be seen of it from outside. */
import { setImmediate } from 'node:timers/promises';
import { Subject, interval, map, merge } from 'rxjs';
import type { Observable, Subscription } from 'rxjs';
import type { AdminView } from './admin/admin-view.ts';
import { createMetrics } from './admin/metrics.ts';
import { startAdminServer } from './admin/server.ts';
import { commitJudged } from './commit.ts';
import type { Config } from './config.ts';
import { controlPlaneView } from './control-plane-view.ts';
import { openDefaultCertificate } from './default-certificate.ts';
import { Guard } from './guard.ts';
import { LastGoodFile, readLastGood } from './last-good.ts';
import type { Logger } from './log.ts';
import { openSource } from './object-source.ts';
import type { OpenSource } from './object-source.ts';
import { ProblemBook } from './problem-book.ts';
import { PublicationLog } from './publication-log.ts';
import { openReporter } from './reporting.ts';
import { Contact } from './source/contact.ts';
import type { KeptManifests } from './source/manifest-set.ts';
import { settle } from './source/settle.ts';
import { SourceStatus } from './source/source-status.ts';
import { realTiming } from './source/timing.ts';
import type { Source, SourceEvent } from './source/source.ts';
import { Translation } from './translation/translation.ts';
import { observeSource } from './source-observer.ts';
import { observeRefusals, observeStreams } from './stream-log.ts';
import { openTls, watchExpiry, xdsClients } from './xds-tls.ts';
import type { Resource } from './xds/resource.ts';
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

/** What tests can do and users cannot. */
export interface TestSwitches {
  /** Spoils resources after the translation, so that Envoys refuse them. */
  readonly spoil?: (resource: Resource) => Resource;
  /** Where objects come from instead of what the configuration names. */
  readonly source?: Source;
}

/** Rejects with the system's error when an address can't be bound, and when the kubeconfig can't be read. */
export async function startControlPlane(
  config: Config,
  log: Logger,
  { spoil, source: given }: TestSwitches = {},
): Promise<ControlPlane> {
  const metrics = createMetrics();
  const sourceStatus = new SourceStatus();
  const known = config.lastGood === undefined ? undefined : await readLastGood(config.lastGood, log);
  const kept: KeptManifests = new Map(known?.manifests);
  const contact = given === undefined && config.source.kind === 'kubernetes' ? openContact(log) : undefined;
  const observeReading = observeSource(metrics.source, sourceStatus);
  const opened = given ? { source: given } : openSource(config, log, observeReading, kept, contact);
  const { source, connection }: OpenSource = await opened;
  const tls = await openTls(config.xds.tls, connection, log);
  const translation = new Translation(config);
  const renewed$ = new Subject<Renewed>();
  const defaultCertificate = openDefaultCertificate(config, connection, log, (certificate) => {
    translation.showByDefault(certificate);
    renewed$.next({ kind: 'renewed' });
  });
  const sourceProblems = new ProblemBook();
  const verdict$ = new Subject<Verdict>();
  const proved$ = new Subject<Proved>();
  const guard = new Guard({
    translation,
    server: () => server,
    wake: () => verdict$.next({ kind: 'verdict' }),
    ...(spoil && { spoil }),
  });
  const lastGoodFile = config.lastGood === undefined ? undefined : new LastGoodFile(config.lastGood, log);
  if (known !== undefined) guard.remember(known);
  const observe = observeStreams(log, metrics);
  const server: XdsServer = new XdsServer({
    host: config.xds.host,
    port: config.xds.port,
    ...xdsClients(config.xds, tls),
    ...(contact &&
      config.cutOff.holdMs > 0 && {
        freshness: {
          holdMs: config.cutOff.holdMs,
          confirm: (served) => contact.prove(() => proved$.next({ kind: 'proved', served })),
        },
      }),
    observe: (stream, event) => {
      observe(stream, event);
      guard.observe(stream, event);
    },
    observeRefusal: observeRefusals(log, metrics),
  });
  const expiry = watchExpiry(tls.source);
  const reach = contact && { contact, unreadyMs: config.cutOff.unreadyMs };
  const { quarantine } = guard;
  const routingView = controlPlaneView(translation, sourceProblems, server, sourceStatus, expiry, quarantine, reach);
  const reporter = openReporter({
    config: config.status,
    connection,
    isOurs: (ingress) => translation.isOurs(ingress),
    problems: routingView.problems,
    log,
    metrics,
  });
  const view: AdminView = reporter === undefined ? routingView : { ...routingView, status: () => reporter.summary() };
  const published$ = new Subject<Publication>();
  const publicationLog = new PublicationLog(log, view.problems);
  let problemChanges = 0;
  /** Returns whether anything was sent on its way. */
  const publish = (changes: readonly ResourceChange[], since: number): boolean => {
    if (changes.length === 0 && server.store.sequence > 0) return false;
    server.publish(changes);
    metrics.published((performance.now() - since) / 1_000);
    return true;
  };
  let rememberedChanges = 0;
  /** What is held must be known to the next run, however soon this one ends. */
  const remember = (): void => {
    const changes = translation.problemChanges + sourceProblems.changes + guard.quarantine.changes;
    if (changes !== rememberedChanges) lastGoodFile?.keep({ ...guard.memory(), manifests: [...kept] });
    rememberedChanges = changes;
  };
  const tell = (changes: readonly ResourceChange[], wasPublished: boolean): void => {
    for (const [table, entries] of translation.takeRecomputed()) metrics.recomputed(table, entries);
    const allProblemChanges = translation.problemChanges + sourceProblems.changes + guard.quarantine.changes;
    const haveProblemsChanged = allProblemChanges !== problemChanges;
    problemChanges = allProblemChanges;
    if (wasPublished) {
      const { sequence } = server.store;
      const changed = changes.filter(({ resource }) => resource !== undefined);
      const removed = changes.filter(({ resource }) => resource === undefined);
      published$.next({ sequence, changed, removed });
      publicationLog.note({ sequence, changed: changed.length, removed: removed.length }, haveProblemsChanged);
      if (sequence === 1) warnOfOthers(translation.ingressCounts(), log);
    } else publicationLog.note(undefined, haveProblemsChanged);
    reporter?.commit(translation.takeTouchedIngresses(), haveProblemsChanged);
  };
  let isSynced = false;

  const stopping = new AbortController();
  const take = async (events: readonly Stamped[]): Promise<void> => {
    for (const { event } of events) {
      if (event.kind === 'changes') {
        guard.update(event.changes);
        reporter?.note(event.changes);
      } else if (event.kind === 'problems') sourceProblems.replace(event.origin, event.problems);
      else if (event.kind === 'time') {
        translation.passTime(Date.now());
        guard.quarantine.sweep(Date.now());
      } else if (event.kind === 'synced') isSynced = true;
    }
    // What has not been read in full must not be served: what it lacks, Envoys would delete.
    if (!isSynced) return;
    await defaultCertificate.shown;
    guard.prepare();
    const computed = await commitJudged(translation, () => guard.judge(), stopping.signal);
    if (computed === undefined || stopping.signal.aborted) return;
    const changes = guard.pass(computed);
    remember();
    const wasPublished = publish(changes, events[0]?.at ?? performance.now());
    // The streams send now: before anybody is told of it, and as part of what the publication costs.
    await setImmediate();
    if (stopping.signal.aborted) return;
    tell(changes, wasPublished);
    guard.rest();
    // What was read before the proof was found is in this publication, or in one before.
    for (const { event } of events) if (event.kind === 'proved') event.served();
  };

  const xdsPort = await server.start().catch(async (error: unknown) => {
    await Promise.all([tls.stop(), defaultCertificate.stop()]);
    throw error;
  });
  const admin = await startAdminServer(config.admin, view, metrics.registry).catch(async (error: unknown) => {
    await Promise.all([server.stop(), tls.stop(), defaultCertificate.stop()]);
    throw error;
  });
  const time$ = interval(60_000).pipe(map((): TimePassed => ({ kind: 'time' })));
  const reading: Subscription = merge(source.events$, time$, renewed$, verdict$, proved$)
    .pipe(
      map((event): Stamped => ({ event, at: performance.now() })),
      settle(config.settle, take),
    )
    .subscribe();

  return {
    xdsPort,
    adminPort: admin.port,
    view,
    published$,
    stop: async () => {
      stopping.abort();
      guard.stop();
      reading.unsubscribe();
      published$.complete();
      publicationLog.stop();
      await Promise.all([
        server.stop(),
        admin.stop(),
        reporter?.stop(),
        tls.stop(),
        defaultCertificate.stop(),
        lastGoodFile?.settled(),
      ]);
    },
  };
}

/** Who moves from another controller sees nothing served, and nothing is wrong with any of the objects. */
function warnOfOthers({ ours, others }: ReturnType<Translation['ingressCounts']>, log: Logger): void {
  if (ours > 0 || others === 0) return;
  const fix =
    'name their classes with --ingress-class, or the controller of their IngressClass with --controller-name (k8s.io/ingress-nginx for those of ingress-nginx)';
  log.warn({ ingresses: others, fix }, 'no Ingress is of a class that is served here');
}

function openContact(log: Logger): Contact {
  return new Contact({
    timing: realTiming,
    changed: (isCutOff) => {
      if (isCutOff) log.warn('cut off: nothing comes from the Kubernetes API server; what is known stays in use');
      else log.info('no longer cut off: the Kubernetes API server is heard from');
    },
  });
}

/** Certificates begin and cease to be valid without anybody changing anything. */
interface TimePassed {
  readonly kind: 'time';
}

/** A default certificate has taken the place of the one before. */
interface Renewed {
  readonly kind: 'renewed';
}

/** What Envoys accept and refuse may say something about objects. */
interface Verdict {
  readonly kind: 'verdict';
}

/** The API server has just been heard from, and somebody waits until all it has said is served. */
interface Proved {
  readonly kind: 'proved';
  readonly served: () => void;
}

interface Stamped {
  readonly event: SourceEvent | TimePassed | Renewed | Verdict | Proved;
  /** Milliseconds on the monotonic clock. */
  readonly at: number;
}
