/** The two route tables, one for plain HTTP and one for TLS; their virtual hosts are resources of their own (VHDS). */
import { chainHeader, subjectHeader } from '../features/route-plan.ts';
import type { MessageTypes } from '../proto/message.ts';
import { adsConfigSource } from './config-source.ts';
import { forwardedHeaders } from './forwarded-headers.ts';
import type { ConnectionPlan } from '../features/connection-plan.ts';

type Connections = Partial<Pick<ConnectionPlan, 'trustedHops' | 'server'>>;
type RouteConfiguration = MessageTypes['envoy.config.route.v3.RouteConfiguration'];

export const routeConfigurationNames = ['http', 'https'] as const;

export type RouteConfigurationName = (typeof routeConfigurationNames)[number];

/** Without virtual hosts: what a SotW client is sent, with the virtual hosts behind it. */
export function translateRouteConfiguration(
  name: RouteConfigurationName,
  { trustedHops = 0, server = 'nobody' }: Connections,
): RouteConfiguration {
  return {
    name,
    ignore_port_in_host_matching: true,
    request_headers_to_add: forwardedHeaders(name, trustedHops > 0),
    // `Proxy` would be HTTP_PROXY to a CGI program.
    request_headers_to_remove: ['x-envoy-external-address', 'proxy', chainHeader, subjectHeader],
    ...(server === 'nobody' && { response_headers_to_remove: ['server'] }),
    // What a host or route sets is meant to replace what is set for all.
    most_specific_header_mutations_wins: true,
  };
}

/** What a delta client is sent: it fetches the virtual hosts over VHDS. */
export function translateVhdsRouteConfiguration(
  name: RouteConfigurationName,
  connections: Connections,
): RouteConfiguration {
  return { ...translateRouteConfiguration(name, connections), vhds: { config_source: adsConfigSource } };
}
