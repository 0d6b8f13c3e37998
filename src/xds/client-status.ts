/** The client status discovery service (CSDS): what every connected client has, resource by resource. */
import type { MessageTypes } from '../proto/message.ts';
import { typeUrl } from '../proto/type-url.ts';
import type { DiscoveryStream } from './discovery-stream.ts';
import { bodyOf } from './resource.ts';
import type { Subscription } from './subscription.ts';
import type { View } from './view.ts';

type StatusRequest = MessageTypes['envoy.service.status.v3.ClientStatusRequest'];
type StatusResponse = MessageTypes['envoy.service.status.v3.ClientStatusResponse'];
type ClientConfig = MessageTypes['envoy.service.status.v3.ClientConfig'];
type ResourceStatus = MessageTypes['envoy.service.status.v3.ClientConfig.GenericXdsConfig'];
type StringMatcher = MessageTypes['envoy.type.matcher.v3.StringMatcher'];

export interface StreamView {
  readonly stream: DiscoveryStream;
  readonly view: View;
}

/** One ClientConfig for each stream that the request's node matchers let through; all of them if there are none. */
export function clientStatus(request: StatusRequest, streams: readonly StreamView[]): StatusResponse {
  const withContents = request.exclude_resource_contents !== true;
  return { config: selectedBy(request, streams).map(({ stream, view }) => clientConfig(stream, view, withContents)) };
}

/** How many resources an answer would be about, at most. */
export function countEntries(request: StatusRequest, streams: readonly StreamView[]): number {
  const counts = selectedBy(request, streams).flatMap(({ stream, view }) =>
    stream.session
      .subscriptions()
      .map(({ wildcard, typeUrl: type, names, dirty }) => (wildcard ? view.size(type) : 0) + names.size + dirty.size),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

function selectedBy(request: StatusRequest, streams: readonly StreamView[]): readonly StreamView[] {
  const matchers = request.node_matchers ?? [];
  return streams.filter(
    ({ stream }) =>
      matchers.length === 0 || matchers.some((matcher) => matchesText(matcher.node_id, stream.node.id ?? '')),
  );
}

function clientConfig(stream: DiscoveryStream, view: View, withContents: boolean): ClientConfig {
  const resources = stream.session
    .subscriptions()
    .flatMap((subscription) => subscriptionStatus(subscription, view, withContents));
  return { node: stream.node, client_scope: `${stream.protocol} ${stream.peer}`, generic_xds_configs: resources };
}

function subscriptionStatus(subscription: Subscription, view: View, withContents: boolean): ResourceStatus[] {
  const all = subscription.wildcard ? view.names(subscription.typeUrl) : [];
  const names = [...new Set([...all, ...subscription.names, ...subscription.dirty.keys()])].toSorted();
  return names.map((name) => resourceStatus(subscription, view, name, withContents));
}

function resourceStatus(subscription: Subscription, view: View, name: string, withContents: boolean): ResourceStatus {
  const resource = view.get(subscription.typeUrl, name);
  // Private keys are for the Envoys that use them and for nobody who asks how they are.
  const isPrintable = withContents && subscription.typeUrl !== typeUrl.secret;
  const refusal = subscription.rejected.get(name);
  return {
    type_url: subscription.typeUrl,
    name,
    ...(resource === undefined ? {} : { version_info: resource.version }),
    ...(resource === undefined || !isPrintable
      ? {}
      : { xds_config: { '@type': resource.typeUrl, bytes: bodyOf(resource) } as const }),
    ...state(subscription, name, resource !== undefined),
    ...(refusal === undefined ? {} : { error_state: { details: refusal } }),
  };
}

/** `STALE` is sent and not yet answered, as the CSDS definition has it; `NOT_SENT` waits for its turn. */
function state(
  subscription: Subscription,
  name: string,
  exists: boolean,
): Pick<ResourceStatus, 'config_status' | 'client_status'> {
  if (subscription.dirty.has(name)) return { config_status: 'NOT_SENT', client_status: 'REQUESTED' };
  if (subscription.inFlight?.names.has(name) === true) return { config_status: 'STALE', client_status: 'REQUESTED' };
  if (subscription.rejected.has(name)) return { config_status: 'ERROR', client_status: 'NACKED' };
  if (!exists) return { config_status: 'SYNCED', client_status: 'DOES_NOT_EXIST' };
  return { config_status: 'SYNCED', client_status: 'ACKED' };
}

function matchesText(matcher: StringMatcher | undefined, text: string): boolean {
  if (matcher === undefined) return true;
  const fold = (value: string): string => (matcher.ignore_case === true ? value.toLowerCase() : value);
  const folded = fold(text);
  if (matcher.exact !== undefined) return folded === fold(matcher.exact);
  if (matcher.prefix !== undefined) return folded.startsWith(fold(matcher.prefix));
  if (matcher.suffix !== undefined) return folded.endsWith(fold(matcher.suffix));
  if (matcher.contains !== undefined) return folded.includes(fold(matcher.contains));
  return false;
}
