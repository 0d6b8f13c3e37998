// Everything that Sluice writes into a cluster, behind one door: the addresses of its Ingresses and Events about
// Problems, by the one replica that leads. What fails here is logged and tried again, and never keeps routing from working.

import { statusManagerPrefix } from '../cluster/projection/ingress-status.ts';
import type { Problem } from '../model/problem.ts';
import { ApiFailure } from '../source/api-client.ts';
import type { SourceLog } from '../source/failure-log.ts';
import type { ObjectChange } from '../source/source.ts';
import { pause, realTiming, type Timing } from '../source/timing.ts';
import { describeAddress } from './address-set.ts';
import { type AddressOrigin, AddressSource } from './address-source.ts';
import type { ApiCaller } from './api-caller.ts';
import { defaultEventLimits, type EventLimits, EventWriter } from './event-writer.ts';
import { type ElectionEvent, electionLimits, LeaderElection } from './leader-election.ts';
import { defaultStatusLimits, type StatusLimits, StatusWriter } from './status-writer.ts';
import { TroubleLog } from './trouble-log.ts';
import { type WrittenResource, writtenResources } from './written-resource.ts';

export interface ReporterSettings {
  /** This replica; differs from the others'. */
  readonly identity: string;
  /** Where our Pods and the Lease are. */
  readonly namespace: string;
  /** Replicas with the same name in the same namespace are one controller. */
  readonly electionId: string;
  /** How long a Lease lasts, in milliseconds; 0 for no election: this is the only replica. */
  readonly leaseMs: number;
  /** Absent when nothing is published: then no status is written. */
  readonly addresses?: AddressOrigin;
  readonly wantsInternalAddresses: boolean;
  /** How often the origin of the addresses is looked at, in milliseconds. */
  readonly addressIntervalMs: number;
  readonly writesEvents: boolean;
}

export interface ReporterOptions extends ReporterSettings {
  readonly api: ApiCaller;
  /** Whether the Ingress (`namespace/name`) is served by us. */
  readonly isOurs: (key: string) => boolean;
  /** All there are now. */
  readonly problems: () => readonly Problem[];
  readonly log: SourceLog;
  readonly observe: (resource: WrittenResource, outcome: 'written' | 'failed') => void;
  readonly statusLimits?: StatusLimits;
  readonly eventLimits?: EventLimits;
  readonly timing?: Timing;
}

/** For people; printable as JSON. */
export interface ReporterSummary {
  readonly identity: string;
  readonly isLeading: boolean;
  /** Who holds the Lease; empty when nobody does or there is no election. */
  readonly leader: string;
  /** `namespace/name`; empty when there is no election. */
  readonly lease: string;
  /** What is published; absent while it is not known. */
  readonly addresses?: readonly string[];
  readonly pending: { readonly statuses: number; readonly events: number };
}

export class Reporter {
  readonly #options: ReporterOptions;
  readonly #timing: Timing;
  readonly #trouble: TroubleLog;
  readonly #statuses: StatusWriter | undefined;
  readonly #events: EventWriter | undefined;
  readonly #election: LeaderElection | undefined;
  readonly #ending = new AbortController();
  /** Aborted when we stop leading; absent while we do not. */
  #term: AbortController | undefined;
  #running: Promise<void> | undefined;
  #noted = new Set<string>();

  constructor(options: ReporterOptions) {
    const { timing = realTiming } = options;
    this.#options = options;
    this.#timing = timing;
    this.#trouble = new TroubleLog(options.log, timing);
    this.#statuses = options.addresses === undefined ? undefined : this.#statusWriter();
    this.#events = options.writesEvents ? this.#eventWriter() : undefined;
    this.#election = options.leaseMs > 0 ? this.#leaderElection() : undefined;
  }

  isLeading(): boolean {
    return this.#term !== undefined && (this.#election?.isLeading() ?? true);
  }

  /** What objects are now. It takes effect with the next `commit`, when it is known which of them are served. */
  note(changes: readonly ObjectChange[]): void {
    for (const key of this.#statuses?.note(changes) ?? []) this.#noted.add(key);
  }

  /**
   * The translation is up to date. The first time everything has been read, and the election begins: a replica that does
   * not know what is served must not write.
   *
   * @param touched Ingresses (`namespace/name`) that may have come to us or left us
   */
  commit(touched: ReadonlySet<string>, haveProblemsChanged: boolean): void {
    const noted = this.#noted;
    this.#noted = new Set();
    this.#running ??= this.#run().catch((error: unknown) => this.#fail(error));
    try {
      this.#statuses?.touch(new Set([...noted, ...touched]));
      if (haveProblemsChanged) this.#events?.change();
    } catch (error) {
      this.#fail(error);
    }
  }

  summary(): ReporterSummary {
    const { identity, namespace, electionId } = this.#options;
    const addresses = this.#statuses?.addresses;
    return {
      identity,
      isLeading: this.isLeading(),
      leader: this.#election?.holder ?? '',
      lease: this.#election === undefined ? '' : `${namespace}/${electionId}`,
      ...(addresses && { addresses: addresses.map(describeAddress) }),
      pending: { statuses: this.#statuses?.pending ?? 0, events: this.#events?.pending ?? 0 },
    };
  }

  /** Ends what is being written, then lets another replica lead. */
  async stop(): Promise<void> {
    this.#follow();
    await Promise.all([this.#statuses?.stop(), this.#events?.stop()]);
    this.#ending.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    if (this.#ending.signal.aborted) return;
    if (this.#election === undefined) this.#lead();
    else await this.#election.run(this.#ending.signal);
  }

  #lead(): void {
    if (this.#ending.signal.aborted) return;
    this.#term = new AbortController();
    this.#statuses?.lead();
    this.#events?.lead();
    this.#readAddresses(this.#term.signal).catch((error: unknown) => this.#fail(error));
  }

  #follow(): void {
    this.#term?.abort();
    this.#term = undefined;
    this.#statuses?.follow();
    this.#events?.follow();
  }

  /** Polled, not watched: it is one small request now and then by one replica, and nothing that could get stuck. */
  async #readAddresses(signal: AbortSignal): Promise<void> {
    const { addresses: origin, addressIntervalMs, namespace, wantsInternalAddresses, api } = this.#options;
    if (origin === undefined) return;
    const denied = (failure: ApiFailure): void =>
      this.#trouble.warn(
        'nodes',
        `Nodes may not be read, so the host addresses of Pods are published (${failure.message})`,
      );
    const source = new AddressSource({
      api,
      origin,
      ownNamespace: namespace,
      wantsInternal: wantsInternalAddresses,
      denied,
    });
    while (!signal.aborted) {
      // oxlint-disable-next-line no-await-in-loop -- one reading follows another
      await this.#readAddressesOnce(source, signal);
      if (source.isFixed) return;
      // oxlint-disable-next-line no-await-in-loop -- as above
      await pause(addressIntervalMs, signal, this.#timing);
    }
  }

  /** What is published already stays when nothing better is known: without an address, DNS records would go. */
  async #readAddressesOnce(source: AddressSource, signal: AbortSignal): Promise<void> {
    try {
      const reading = await source.read(signal);
      if (signal.aborted) return;
      if (reading.kind === 'none') {
        this.#trouble.warn(
          'addresses',
          `There is no address to publish, so that statuses stay as they are: ${reading.why}`,
        );
        return;
      }
      this.#trouble.clear('addresses');
      this.#statuses?.publish(reading.addresses);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiFailure)) throw error;
      this.#trouble.warn(
        'addresses',
        `The addresses to publish cannot be read, so that statuses stay as they are: ${error.message}`,
      );
    }
  }

  #statusWriter(): StatusWriter {
    const { api, namespace, electionId, isOurs, statusLimits = defaultStatusLimits } = this.#options;
    return new StatusWriter({
      api,
      manager: statusManager(namespace, electionId),
      isOurs,
      isLeading: () => this.isLeading(),
      limits: statusLimits,
      timing: this.#timing,
      observe: (outcome) => this.#observe('ingresses/status', outcome),
      fail: (error) => this.#fail(error),
    });
  }

  #eventWriter(): EventWriter {
    const { api, identity, problems, eventLimits = defaultEventLimits } = this.#options;
    return new EventWriter({
      api,
      problems,
      identity,
      isLeading: () => this.isLeading(),
      limits: eventLimits,
      timing: this.#timing,
      wallClock: () => Date.now(),
      observe: (outcome) => this.#observe('events', outcome),
      fail: (error) => this.#fail(error),
    });
  }

  #leaderElection(): LeaderElection {
    const { api, namespace, electionId, identity, leaseMs } = this.#options;
    return new LeaderElection({
      api,
      namespace,
      name: electionId,
      identity,
      limits: electionLimits(leaseMs),
      timing: this.#timing,
      wallClock: () => Date.now(),
      observe: (event) => this.#elect(event),
    });
  }

  #elect(event: ElectionEvent): void {
    switch (event.kind) {
      case 'leading':
        this.#options.log.info('Leading: this replica writes statuses and Events');
        this.#trouble.clear('leases');
        this.#lead();
        break;
      case 'following':
        this.#options.log.info('Not leading any more: another replica writes statuses and Events');
        this.#follow();
        break;
      case 'holder':
        if (event.holder !== '') this.#options.log.info(`The leader is ${event.holder}`);
        break;
      case 'failed':
        this.#observe('leases', event.failure);
        break;
    }
  }

  #observe(resource: WrittenResource, outcome: 'written' | ApiFailure): void {
    this.#options.observe(resource, outcome === 'written' ? 'written' : 'failed');
    // What is gone needs no write.
    if (outcome === 'written' || outcome.status === 404) return;
    this.#trouble.warn(`${resource} ${outcome.status}`, describeFailure(resource, outcome));
  }

  /** A mistake in this program, which must cost no more than what this folder does. */
  #fail(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#options.log.warn(`Writing to Kubernetes met a mistake in Sluice: ${text}`);
  }
}

function describeFailure(resource: WrittenResource, { status, message }: ApiFailure): string {
  const { what, grant } = writtenResources[resource];
  if (status === 403)
    return `Kubernetes does not allow us to write ${what}: grant ${grant} (${message}); retrying, routing goes on`;
  return `Kubernetes fails to write ${what}: ${message}; retrying, routing goes on`;
}

/** At most 128 characters, the API's limit on a field manager. */
function statusManager(namespace: string, electionId: string): string {
  return `${statusManagerPrefix}${namespace}/${electionId}`.slice(0, 128);
}
