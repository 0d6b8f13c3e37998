/** A host of the model as Envoy VirtualHosts: one resource for each RouteConfiguration that serves it. */
import { planHost, planRoute } from '../features/output.ts';
import type { HostFacts } from '../features/route-plan.ts';
import { backendName } from '../model/backend.ts';
import { isRoot } from '../model/host.ts';
import type { Host, Route } from '../model/host.ts';
import { isPlainText, requestRegex } from '../model/path-regex.ts';
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
  /** Whether the wildcard above the host has TLS, which covers the host as well. */
  readonly isCoveredByTls: boolean;
}

/**
 * Envoy's `*.a.test` covers any number of labels, Ingress's exactly one. So the routes of a wildcard host ask for one
 * label, and requests with more find the routes of the catch-all host behind them, as if the wildcard were not there.
 */
export function translateVirtualHost(
  table: RouteConfigurationName,
  host: Host,
  { unmatched, catchAll, isCoveredByTls }: Fallbacks,
): VirtualHost {
  const isWildcard = host.name.startsWith('*.');
  const headers = isWildcard ? [oneLabelBefore(host.name)] : [];
  const facts = {
    name: host.name,
    hasTls: host.hasTls || isCoveredByTls,
    aliasOf: host.aliasOf,
    policies: host.policies,
  };
  const isComplete = host.routes.some(isRoot);
  const own = unmatched === undefined || isComplete ? host.routes : [...host.routes, inPlace(host, unmatched)];
  const routes = [
    ...hostAnswers(table, facts, host, headers),
    ...own.flatMap((route) => translateRoute(table, facts, route, headers)),
    ...(isComplete || unmatched !== undefined ? [] : implicitRoot(table, facts, host, headers)),
  ];
  const others = isWildcard && catchAll !== undefined ? routesOf(table, catchAll) : [];
  return {
    name: virtualHostName(table, host.name),
    domains: [host.name],
    routes: isWildcard ? [...routes, notFoundFor(host.name), ...others] : routes,
  };
}

function routesOf(table: RouteConfigurationName, host: Host): readonly EnvoyRoute[] {
  const facts = { name: host.name, hasTls: host.hasTls, aliasOf: host.aliasOf, policies: host.policies };
  return [
    ...hostAnswers(table, facts, host, []),
    ...host.routes.flatMap((route) => translateRoute(table, facts, route, [])),
    ...implicitRoot(table, facts, host, []),
  ];
}

/** The default backend of all serves what the host does not, and the policies of the host go for that, too. */
function inPlace({ implicitRoot: root }: Host, unmatched: Route): Route {
  return root === undefined ? unmatched : { ...unmatched, policies: root.policies };
}

/** What goes before all paths of a host. */
function hostAnswers(
  table: RouteConfigurationName,
  facts: HostFacts,
  host: Host,
  headers: readonly HeaderMatcher[],
): readonly EnvoyRoute[] {
  const first = host.routes[0];
  return first === undefined ? [] : planHost(table, facts, host, first).answers({ prefix: '/', headers });
}

/** Envoy answers 404 without it; so it is there only where a policy has something to do. */
function implicitRoot(
  table: RouteConfigurationName,
  facts: HostFacts,
  { implicitRoot: root }: Host,
  headers: readonly HeaderMatcher[],
): readonly EnvoyRoute[] {
  const routes = root === undefined ? [] : translateRoute(table, facts, root, headers);
  return routes.length === 1 &&
    routes[0]?.typed_per_filter_config === undefined &&
    routes[0]?.metadata === undefined &&
    routes[0]?.direct_response?.status === 404
    ? []
    : routes;
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

function translateRoute(
  table: RouteConfigurationName,
  facts: HostFacts,
  route: Route,
  headers: readonly HeaderMatcher[],
): readonly EnvoyRoute[] {
  const match: RouteMatch = { ...translateMatch(route), headers };
  return planRoute(table, facts, route).routes(match, translateAction(route));
}

function translateAction({ action }: Route): EnvoyRoute {
  switch (action.kind) {
    case 'backend':
      return { route: { cluster: backendName(action.backend), ...routeDefaults } };
    case 'unavailable':
      return { direct_response: { status: 503 } };
    case 'not found':
      return { direct_response: { status: 404 } };
  }
}

function translateMatch({ match }: Route): RouteMatch {
  switch (match.kind) {
    case 'exact':
      return { path: match.path };
    case 'prefix':
      return match.path === '' ? { prefix: '/' } : { path_separated_prefix: match.path };
    case 'regex':
      if (match.path === '/') return { prefix: '/' };
      if (isPlainText(match.path)) return { prefix: match.path, case_sensitive: false };
      return { safe_regex: { regex: requestRegex(match.path) } };
  }
}

/** Envoy's own limit of 15 s for a whole answer would cut long downloads and gRPC streams. */
const routeDefaults = { timeout: '0s' } as const;
