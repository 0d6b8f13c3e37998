/** Counts what reading from Kubernetes goes through, and remembers how it stands. */
import type { SourceMetrics } from './admin/source-metrics.ts';
import type { ReflectorEvent } from './source/reflector.ts';
import type { SourceStatus } from './source/source-status.ts';

export function observeSource(metrics: SourceMetrics, status: SourceStatus): (event: ReflectorEvent) => void {
  return (event) => {
    status.note(event);
    const { kind, resource } = event;
    if (kind === 'listed') metrics.listed(resource);
    else if (kind === 'watching') metrics.watching(resource);
    else if (kind === 'unreadable') metrics.unreadable(resource);
    else if (kind === 'failed') metrics.failed(resource, event.operation, event.failure.status);
  };
}
