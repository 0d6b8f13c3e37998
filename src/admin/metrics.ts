import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { AdminView, ResourceSummary } from './admin-view.ts';
import { createSourceMetrics, registerSourceStates, type SourceMetrics } from './source-metrics.ts';

/** What Prometheus sees. Events are counted by the control plane as they happen; states are read from the AdminView when asked for. */

export interface Metrics {
  readonly registry: Registry;
  /** A response was sent; `isShared` if its bytes were those of another stream's. */
  readonly response: (typeUrl: string, protocol: Protocol, bytes: number, isShared: boolean) => void;
  readonly ack: (typeUrl: string) => void;
  readonly nack: (typeUrl: string) => void;
  /** A connection of an Envoy was not taken in. */
  readonly refused: (reason: string) => void;
  /** An Envoy was sent on to another replica. */
  readonly sentOn: () => void;
  /** A publication went out, this long after its first change was known. */
  readonly published: (seconds: number) => void;
  /** So many entries of a table were computed anew. */
  readonly recomputed: (table: string, entries: number) => void;
  /** An object of the resource (`events`) was written to the API server, or could not be. */
  readonly written: (resource: string, outcome: 'written' | 'failed') => void;
  readonly source: SourceMetrics;
}

const protocols = ['sotw', 'delta'] as const;
type Protocol = (typeof protocols)[number];

/** With a registry of its own, so that two control planes in one process do not meet. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const tallies = streamTallies(registry);
  const publications = new Counter({
    name: 'sluice_publications_total',
    help: 'Changes of the served snapshot.',
    registers,
  });
  const duration = new Histogram({
    name: 'sluice_publish_duration_seconds',
    help: 'Time from the first change of a burst to its publication.',
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  const recomputed = new Counter({
    name: 'sluice_recomputed_total',
    help: 'Table entries computed anew.',
    labelNames: ['table'] as const,
    registers,
  });
  const refusals = new Counter({
    name: 'sluice_xds_connections_refused_total',
    help: 'Connections that were not taken in: too many, or no certificate that is accepted.',
    labelNames: ['reason'] as const,
    registers,
  });
  const sentOn = new Counter({
    name: 'sluice_xds_streams_sent_on_total',
    help: 'Streams of Envoys that were sent on, because they may know more than a replica that is cut off from Kubernetes.',
    registers,
  });
  const writes = new Counter({
    name: 'sluice_api_writes_total',
    help: 'Writes to the Kubernetes API server; renewals of the Lease are counted only when they fail.',
    labelNames: ['resource', 'outcome'] as const,
    registers,
  });
  return {
    registry,
    ...tallies,
    published: (seconds) => {
      publications.inc();
      duration.observe(seconds);
    },
    refused: (reason) => refusals.inc({ reason }),
    sentOn: () => sentOn.inc(),
    recomputed: (table, entries) => recomputed.inc({ table }, entries),
    written: (resource, outcome) => writes.inc({ resource, outcome }),
    source: createSourceMetrics(registry),
  };
}

interface Tally {
  readonly type: string;
  readonly acks: { count: number };
  readonly nacks: { count: number };
  readonly sent: Readonly<Record<Protocol, { count: number; bytes: number; encoded: number }>>;
}

const nothingSent = { count: 0, bytes: 0, encoded: 0 };

/**
 * What happens on streams, thousands of times a second: counted in plain numbers, one lookup an event, and handed to the registry's
 * counters when these are read.
 */
function streamTallies(registry: Registry): Pick<Metrics, 'response' | 'ack' | 'nack'> {
  const tallies = new Map<string, Tally>();
  const tallyOf = (typeUrl: string): Tally => {
    const known = tallies.get(typeUrl);
    if (known !== undefined) return known;
    const sent = { sotw: { ...nothingSent }, delta: { ...nothingSent } };
    const made: Tally = { type: shortType(typeUrl), acks: { count: 0 }, nacks: { count: 0 }, sent };
    tallies.set(typeUrl, made);
    return made;
  };
  const perType = (name: string, help: string, read: (tally: Tally) => number) =>
    sums(registry, name, help, ['type'], () =>
      [...tallies.values()].map((tally) => ({ labels: { type: tally.type }, value: read(tally) })),
    );
  const perProtocol = (name: string, help: string, read: (sent: Tally['sent'][Protocol]) => number) =>
    sums(registry, name, help, ['type', 'protocol'], () =>
      [...tallies.values()].flatMap(({ type, sent }) =>
        protocols.map((protocol) => ({ labels: { type, protocol }, value: read(sent[protocol]) })),
      ),
    );
  perProtocol('sluice_xds_responses_total', 'Discovery responses sent.', ({ count }) => count);
  perProtocol(
    'sluice_xds_response_bytes_total',
    'Encoded bytes of the discovery responses sent.',
    ({ bytes }) => bytes,
  );
  perProtocol(
    'sluice_xds_responses_encoded_total',
    'Discovery responses that were encoded; the others were bytes that another stream had been sent.',
    ({ encoded }) => encoded,
  );
  perType('sluice_xds_acks_total', 'Responses that an Envoy accepted.', ({ acks }) => acks.count);
  perType('sluice_xds_nacks_total', 'Responses that an Envoy refused.', ({ nacks }) => nacks.count);
  return {
    response: (typeUrl, protocol, bytes, isShared) => {
      const sent = tallyOf(typeUrl).sent[protocol];
      sent.count += 1;
      sent.bytes += bytes;
      if (!isShared) sent.encoded += 1;
    },
    ack: (typeUrl) => {
      tallyOf(typeUrl).acks.count += 1;
    },
    nack: (typeUrl) => {
      tallyOf(typeUrl).nacks.count += 1;
    },
  };
}

/** A counter whose values are those that are read at each scrape; what is 0 is left out. */
function sums<L extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly L[],
  read: () => readonly Sample<L>[],
): Counter<L> {
  return new Counter({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      for (const { labels, value } of read()) if (value > 0) this.inc(labels, value);
    },
  });
}

/** Adds the states to a registry; once for each registry. */
export function registerViewMetrics(registry: Registry, view: AdminView): void {
  registerSourceStates(registry, view);
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[], read: () => Sample<L>[]) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        for (const { labels, value } of read()) this.inc(labels, value);
      },
    });
  gauge('sluice_objects', 'Kubernetes objects known.', ['kind'], () =>
    Object.entries(view.objectCounts()).map(([kind, value]) => ({ labels: { kind }, value })),
  );
  gauge('sluice_problems', 'Problems in what users wrote.', ['severity', 'reason'], () =>
    view.problems().map(({ severity, reason }) => ({ labels: { severity, reason }, value: 1 })),
  );
  gauge(
    'sluice_quarantined_objects',
    'Objects that Envoys or our own checks refuse, so that an earlier form of them is served, or none.',
    [],
    () => [{ labels: {}, value: view.quarantine().objects }],
  );
  gauge('sluice_quarantined_resources', 'Resources whose newest state Envoys refuse.', [], () => [
    { labels: {}, value: view.quarantine().resources },
  ]);
  gauge(
    'sluice_last_good_age_seconds',
    'For how long the oldest of the quarantined objects has not been served as it is.',
    [],
    () => [{ labels: {}, value: view.quarantine().oldestSeconds }],
  );
  gauge('sluice_resources', 'Resources in the served snapshot.', ['type'], () =>
    totalByType(view.resources(), () => 1),
  );
  gauge('sluice_resource_bytes', 'Encoded bytes of the served snapshot.', ['type'], () =>
    totalByType(view.resources(), ({ size }) => size),
  );
  const { contact, status } = view;
  if (contact !== undefined) {
    gauge('sluice_source_cut_off', 'Whether nothing comes from the Kubernetes API server any more (1).', [], () => [
      { labels: {}, value: contact().isCutOff ? 1 : 0 },
    ]);
  }
  if (status !== undefined) {
    gauge('sluice_leader', 'Whether this replica writes statuses and Events.', [], () => [
      { labels: {}, value: status().isLeading ? 1 : 0 },
    ]);
    gauge('sluice_api_writes_pending', 'Writes to the Kubernetes API server that wait.', ['resource'], () => [
      { labels: { resource: 'ingresses/status' }, value: status().pending.statuses },
      { labels: { resource: 'events' }, value: status().pending.events },
    ]);
  }
  gauge('sluice_xds_connections', 'Open connections of Envoys.', [], () => [{ labels: {}, value: view.connections() }]);
  gauge('sluice_xds_shared_node_ids', 'Node ids that more than one stream has given.', [], () => {
    const counts = new Map<string, number>();
    for (const { nodeId } of view.sessions()) counts.set(nodeId, (counts.get(nodeId) ?? 0) + 1);
    const shared = [...counts].filter(([id, count]) => id !== '' && count > 1);
    return [{ labels: {}, value: shared.length }];
  });
  gauge('sluice_xds_streams_behind', 'Streams of Envoys that have left a response unanswered for 10 s.', [], () => [
    { labels: {}, value: view.sessions().filter(({ isBehind }) => isBehind).length },
  ]);
  gauge('sluice_xds_certificate_days_left', 'Days until a certificate of xDS runs out.', ['certificate'], () =>
    view.certificates().map(({ name, notAfter }) => ({
      labels: { certificate: name },
      value: (notAfter - Date.now()) / 86_400_000,
    })),
  );
  gauge('sluice_xds_streams', 'Open discovery streams.', ['protocol'], () => [
    ...protocols.map((protocol) => ({ labels: { protocol }, value: 0 })),
    ...view.sessions().map(({ protocol }) => ({ labels: { protocol }, value: 1 })),
  ]);
}

/** Summed up here, because there can be many thousand resources and a gauge takes long for each. */
function totalByType(resources: readonly ResourceSummary[], valueOf: (resource: ResourceSummary) => number) {
  const totals = new Map<string, number>();
  for (const resource of resources) {
    totals.set(resource.typeUrl, (totals.get(resource.typeUrl) ?? 0) + valueOf(resource));
  }
  return [...totals].map(([typeUrl, value]) => ({ labels: { type: shortType(typeUrl) }, value }));
}

interface Sample<L extends string> {
  readonly labels: Partial<Record<L, string>>;
  readonly value: number;
}

/** `type.googleapis.com/envoy.config.cluster.v3.Cluster` is `Cluster`: the name by which people look for it. */
export function shortType(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
}
