/** A host of the model as Envoy VirtualHosts: one resource for each RouteConfiguration that serves it. */
import { backendName } from '../model/backend.ts';
import type { Host, Route } from '../model/host.ts';
import type { MessageTypes } from '../proto/message.ts';
import type { RouteConfigurationName } from './route-configuration.ts';

type VirtualHost = MessageTypes['envoy.config.route.v3.VirtualHost'];
type EnvoyRoute = MessageTypes['envoy.config.route.v3.Route'];
type RouteMatch = MessageTypes['envoy.config.route.v3.RouteMatch'];
type HeaderMatcher = MessageTypes['envoy.config.route.v3.HeaderMatcher'];

/** The VHDS name: `<RouteConfiguration>/<host>`; Envoy gives a virtual host to the table that its name begins with. */
export function virtualHostName(table: RouteConfigurationName, host: string): string {
  return `${table}/${host}`;
}

/** What stands behind the routes of a host. */
export interface Fallbacks {
  /** Serves what no route of the host matches; 404 without it. */
  readonly unmatched: Route | undefined;
  /** Serves, for a wildcard host, the hosts that are below it and not covered by it. */
  readonly catchAll: Host | undefined;
}

/**
 * Envoy's `*.a.test` covers any number of labels, Ingress's exactly one. So the routes of a wildcard host ask for one
 * label, and requests with more find the routes of the catch-all host behind them, as if the wildcard were not there.
 */
export function translateVirtualHost(
  table: RouteConfigurationName,
  host: Host,
  { unmatched, catchAll }: Fallbacks,
): VirtualHost {
  const isWildcard = host.name.startsWith('*.');
  const headers = isWildcard ? [oneLabelBefore(host.name)] : [];
  const isComplete = host.routes.some(({ match }) => match.kind === 'prefix' && match.path === '');
  const own = unmatched === undefined || isComplete ? host.routes : [...host.routes, unmatched];
  const routes = own.map((route) => translateRoute(route, headers));
  const others = isWildcard ? (catchAll?.routes ?? []).map((route) => translateRoute(route, [])) : [];
  return {
    name: virtualHostName(table, host.name),
    domains: [host.name],
    routes: isWildcard ? [...routes, notFoundFor(host.name), ...others] : routes,
  };
}

/** What a request of exactly one label gets when no path matches: 404, and not the routes of the catch-all host. */
function notFoundFor(wildcard: string): EnvoyRoute {
  return { match: { prefix: '/', headers: [oneLabelBefore(wildcard)] }, direct_response: { status: 404 } };
}

/**
 * The suffix has been matched already, so it is enough to count the labels: this keeps the program of the regular
 * expression small, whatever the length of the host.
 */
function oneLabelBefore(wildcard: string): HeaderMatcher {
  const labels = wildcard.split('.').length;
  return {
    name: ':authority',
    string_match: { safe_regex: { regex: `[^.:]+(\\.[^.:]+){${labels - 1}}(:[0-9]+)?` } },
  };
}

function translateRoute(route: Route, headers: readonly HeaderMatcher[]): EnvoyRoute {
  const match: RouteMatch = { ...translateMatch(route), headers };
  switch (route.action.kind) {
    case 'backend':
      return { match, route: { cluster: backendName(route.action.backend), ...routeDefaults } };
    case 'unavailable':
      return { match, direct_response: { status: 503 } };
  }
}

function translateMatch({ match }: Route): RouteMatch {
  switch (match.kind) {
    case 'exact':
      return { path: match.path };
    case 'prefix':
      return match.path === '' ? { prefix: '/' } : { path_separated_prefix: match.path };
  }
}

/** Envoy's own limit of 15 s for a whole answer would cut long downloads and gRPC streams. */
const routeDefaults = { timeout: '0s' } as const;
