/** The type URLs of the six resource kinds that Sluice serves, spelled once. */

/** What stands before a message's full name in every type URL. */
export const typeUrlPrefix = 'type.googleapis.com/';

export const typeUrl = {
  listener: `${typeUrlPrefix}envoy.config.listener.v3.Listener`,
  routeConfiguration: `${typeUrlPrefix}envoy.config.route.v3.RouteConfiguration`,
  virtualHost: `${typeUrlPrefix}envoy.config.route.v3.VirtualHost`,
  cluster: `${typeUrlPrefix}envoy.config.cluster.v3.Cluster`,
  clusterLoadAssignment: `${typeUrlPrefix}envoy.config.endpoint.v3.ClusterLoadAssignment`,
  secret: `${typeUrlPrefix}envoy.extensions.transport_sockets.tls.v3.Secret`,
} as const;

export type TypeUrl = (typeof typeUrl)[keyof typeof typeUrl];

type NameOf<Url extends string> = Url extends `${typeof typeUrlPrefix}${infer Name}` ? Name : never;

/** The full name of a resource's message; undefined when its type is none of the six. */
export function messageNameOf(url: string): NameOf<TypeUrl> | undefined;
// An overload: cutting the prefix off one of the known URLs leaves one of their names, which types cannot show.
export function messageNameOf(url: string): string | undefined {
  return Object.values<string>(typeUrl).includes(url) ? url.slice(typeUrlPrefix.length) : undefined;
}
