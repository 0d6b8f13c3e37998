/** Logs and counts what happens on discovery streams. */
import type { Metrics } from './admin/metrics.ts';
import type { Logger } from './log.ts';
import type { DiscoveryStream, StreamEvent } from './xds/discovery-stream.ts';
import type { ConnectionRefusal } from './xds/limits.ts';

export function observeStreams(log: Logger, metrics: Metrics): (stream: DiscoveryStream, event: StreamEvent) => void {
  return (stream, event) => {
    switch (event.kind) {
      case 'opened':
      case 'closed':
        log.info(describeStream(stream), `xDS stream ${event.kind}`);
        break;
      case 'sent-on':
        metrics.sentOn();
        log.warn(
          describeStream(stream),
          'an Envoy was sent on: the Kubernetes API is silent, so that the Envoy may know more than this replica',
        );
        break;
      case 'response':
        metrics.response(event.typeUrl, stream.protocol, event.bytes, event.isShared);
        if (log.isLevelEnabled('debug')) log.debug({ ...describeStream(stream), ...event }, 'xDS response sent');
        break;
      case 'ack':
        metrics.ack(event.typeUrl);
        break;
      case 'nack': {
        const { typeUrl, names, message } = event;
        metrics.nack(typeUrl);
        log.warn(
          { ...describeStream(stream), typeUrl, names: names.slice(0, 20), message },
          'an Envoy refused resources',
        );
        break;
      }
      case 'behind': {
        const { typeUrl, seconds } = event;
        log.warn(
          { ...describeStream(stream), typeUrl, seconds },
          'an Envoy does not answer: it may lack the newest state',
        );
        break;
      }
      case 'caught-up':
        log.info(describeStream(stream), 'an Envoy answers again');
        break;
    }
  };
}

/** So often a reason is logged at most: who is refused may come a thousand times a second. */
const refusalLogMs = 10_000;

export function observeRefusals(log: Logger, metrics: Metrics): (reason: ConnectionRefusal, details: string) => void {
  const logged = new Map<ConnectionRefusal, number>();
  return (reason, details) => {
    metrics.refused(reason);
    const now = performance.now();
    if (now - (logged.get(reason) ?? -Infinity) < refusalLogMs) return;
    logged.set(reason, now);
    log.warn({ reason, details: details.trim().slice(0, 300) }, 'xDS connections are refused');
  };
}

function describeStream({ id, node, peer, protocol }: DiscoveryStream) {
  return { stream: id, node: node.id ?? '', peer, protocol };
}
