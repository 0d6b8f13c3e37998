/** Logs and counts what happens on discovery streams. */
import type { Metrics } from './admin/metrics.ts';
import type { Logger } from './log.ts';
import type { DiscoveryStream, StreamEvent } from './xds/discovery-stream.ts';

export function observeStreams(log: Logger, metrics: Metrics): (stream: DiscoveryStream, event: StreamEvent) => void {
  return (stream, event) => {
    const who = { stream: stream.id, node: stream.node.id ?? '', peer: stream.peer, protocol: stream.protocol };
    switch (event.kind) {
      case 'opened':
      case 'closed':
        log.info(who, `xDS stream ${event.kind}`);
        break;
      case 'response':
        metrics.response(event.typeUrl, stream.protocol, event.bytes);
        log.debug({ ...who, ...event }, 'xDS response sent');
        break;
      case 'ack':
        metrics.ack(event.typeUrl);
        break;
      case 'nack': {
        const { typeUrl, names, message } = event;
        metrics.nack(typeUrl);
        log.warn({ ...who, typeUrl, names: names.slice(0, 20), message }, 'an Envoy refused resources');
        break;
      }
    }
  };
}
