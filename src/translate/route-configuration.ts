/** The two route tables, one for plain HTTP and one for TLS; their virtual hosts are resources of their own (VHDS). */
import type { MessageTypes } from '../proto/message.ts';
import { adsConfigSource } from './config-source.ts';

type RouteConfiguration = MessageTypes['envoy.config.route.v3.RouteConfiguration'];

export const routeConfigurationNames = ['http', 'https'] as const;

export type RouteConfigurationName = (typeof routeConfigurationNames)[number];

/** Without virtual hosts: what a SotW client is sent, with the virtual hosts behind it. */
export function translateRouteConfiguration(name: RouteConfigurationName): RouteConfiguration {
  return { name, ignore_port_in_host_matching: true };
}

/** What a delta client is sent: it fetches the virtual hosts over VHDS. */
export function translateVhdsRouteConfiguration(name: RouteConfigurationName): RouteConfiguration {
  return { ...translateRouteConfiguration(name), vhds: { config_source: adsConfigSource } };
}
