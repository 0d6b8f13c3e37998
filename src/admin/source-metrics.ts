/** What Prometheus sees of the connection to Kubernetes. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { AdminView, SourceSummary } from './admin-view.ts';

export interface SourceMetrics {
  readonly listed: (kind: string) => void;
  readonly watching: (kind: string) => void;
  /** Something could not be read, and was read anew. */
  readonly unreadable: (kind: string) => void;
  /** The status is that of HTTP, 0 without an answer. */
  readonly failed: (kind: string, operation: 'list' | 'watch', status: number) => void;
}

export function createSourceMetrics(registry: Registry): SourceMetrics {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name, help, labelNames, registers });
  const lists = counter('sluice_source_lists_total', 'Lists read in full from Kubernetes.', ['kind']);
  const watches = counter('sluice_source_watches_total', 'Watches begun.', ['kind']);
  const unreadable = counter('sluice_source_unreadable_total', 'Events and objects that could not be read.', ['kind']);
  const failures = counter('sluice_source_failures_total', 'Lists and watches that failed; status 0 is no answer.', [
    'kind',
    'operation',
    'status',
  ]);
  return {
    listed: (kind) => lists.inc({ kind }),
    watching: (kind) => watches.inc({ kind }),
    unreadable: (kind) => unreadable.inc({ kind }),
    failed: (kind, operation, status) => failures.inc({ kind, operation, status }),
  };
}

/** Adds the states to a registry; once for each registry. */
export function registerSourceStates(registry: Registry, view: AdminView): void {
  const gauge = (name: string, help: string, valueOf: (source: SourceSummary) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['kind', 'namespace'] as const,
      registers: [registry],
      collect() {
        this.reset();
        for (const source of view.sources()) {
          this.set({ kind: source.kind, namespace: source.namespace }, valueOf(source));
        }
      },
    });
  gauge('sluice_source_up', 'Whether a kind is being followed (1), or has not been read or fails (0).', ({ state }) =>
    state === 'watching' ? 1 : 0,
  );
  gauge('sluice_source_objects', 'Objects that were read.', ({ objects }) => objects);
  gauge(
    'sluice_source_last_contact_timestamp_seconds',
    'When Kubernetes last showed the state to be as known; 0 for never.',
    ({ lastContactMs }) => lastContactMs / 1_000,
  );
}
