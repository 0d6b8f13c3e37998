import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { AdminView, ResourceSummary } from './admin-view.ts';
import { createSourceMetrics, registerSourceStates, type SourceMetrics } from './source-metrics.ts';

/** What Prometheus sees. Events are counted by the control plane as they happen; states are read from the AdminView when asked for. */

export interface Metrics {
  readonly registry: Registry;
  /** A response was sent. */
  readonly response: (typeUrl: string, protocol: Protocol, bytes: number) => void;
  readonly ack: (typeUrl: string) => void;
  readonly nack: (typeUrl: string) => void;
  /** A publication went out, this long after its first change was known. */
  readonly published: (seconds: number) => void;
  /** So many entries of a table were computed anew. */
  readonly recomputed: (table: string, entries: number) => void;
  /** An object of the resource (`events`) was written to the API server, or could not be. */
  readonly written: (resource: string, outcome: 'written' | 'failed') => void;
  readonly source: SourceMetrics;
}

type Protocol = 'sotw' | 'delta';

/** With a registry of its own, so that two control planes in one process do not meet. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const responses = new Counter({
    name: 'sluice_xds_responses_total',
    help: 'Discovery responses sent.',
    labelNames: ['type', 'protocol'] as const,
    registers,
  });
  const bytes = new Counter({
    name: 'sluice_xds_response_bytes_total',
    help: 'Encoded bytes of the discovery responses sent.',
    labelNames: ['type', 'protocol'] as const,
    registers,
  });
  const acks = new Counter({
    name: 'sluice_xds_acks_total',
    help: 'Responses that an Envoy accepted.',
    labelNames: ['type'] as const,
    registers,
  });
  const nacks = new Counter({
    name: 'sluice_xds_nacks_total',
    help: 'Responses that an Envoy refused.',
    labelNames: ['type'] as const,
    registers,
  });
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
  const writes = new Counter({
    name: 'sluice_api_writes_total',
    help: 'Writes to the Kubernetes API server; renewals of the Lease are counted only when they fail.',
    labelNames: ['resource', 'outcome'] as const,
    registers,
  });
  return {
    registry,
    response: (typeUrl, protocol, size) => {
      const labels = { type: shortType(typeUrl), protocol };
      responses.inc(labels);
      bytes.inc(labels, size);
    },
    ack: (typeUrl) => acks.inc({ type: shortType(typeUrl) }),
    nack: (typeUrl) => nacks.inc({ type: shortType(typeUrl) }),
    published: (seconds) => {
      publications.inc();
      duration.observe(seconds);
    },
    recomputed: (table, entries) => recomputed.inc({ table }, entries),
    written: (resource, outcome) => writes.inc({ resource, outcome }),
    source: createSourceMetrics(registry),
  };
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
  gauge('sluice_resources', 'Resources in the served snapshot.', ['type'], () =>
    totalByType(view.resources(), () => 1),
  );
  gauge('sluice_resource_bytes', 'Encoded bytes of the served snapshot.', ['type'], () =>
    totalByType(view.resources(), ({ size }) => size),
  );
  const { status } = view;
  if (status !== undefined) {
    gauge('sluice_leader', 'Whether this replica writes statuses and Events.', [], () => [
      { labels: {}, value: status().isLeading ? 1 : 0 },
    ]);
    gauge('sluice_api_writes_pending', 'Writes to the Kubernetes API server that wait.', ['resource'], () => [
      { labels: { resource: 'ingresses/status' }, value: status().pending.statuses },
      { labels: { resource: 'events' }, value: status().pending.events },
    ]);
  }
  gauge('sluice_xds_streams', 'Open discovery streams.', ['protocol'], () => [
    ...(['sotw', 'delta'] as const).map((protocol) => ({ labels: { protocol }, value: 0 })),
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
