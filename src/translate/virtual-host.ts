/** A host of the model as Envoy VirtualHosts: one resource for each RouteConfiguration that serves it. */
import { errorHeaders } from '../features/custom-errors.ts';
import { planHost, planRoute } from '../features/output.ts';
import type { HostFacts, RoutePlan } from '../features/route-plan.ts';
import type { Backend } from '../model/backend.ts';
import { anyHost, isRoot } from '../model/host.ts';
import type { Host, Route } from '../model/host.ts';
import { isPlainText, requestRegex } from '../model/path-regex.ts';
import type { MessageTypes } from '../proto/message.ts';
import { areUnequal, otherSpellings, treacherousPath } from './escaped-path.ts';
import type { RouteConfigurationName } from './route-configuration.ts';

type VirtualHost = MessageTypes['envoy.config.route.v3.VirtualHost'];
type EnvoyRoute = MessageTypes['envoy.config.route.v3.Route'];
type RouteMatch = MessageTypes['envoy.config.route.v3.RouteMatch'];
type HeaderMatcher = MessageTypes['envoy.config.route.v3.HeaderMatcher'];

/** The VHDS name: `<RouteConfiguration>/<host>`; Envoy gives a virtual host to the table that its name begins with. */
export function virtualHostName(table: RouteConfigurationName, host: string): string {
  return `${table}/${host}`;
}

/** For load balancers in front, which know no host: as long as nobody serves that, as ingress-nginx answers it. */
const alive: EnvoyRoute = { match: { path: '/healthz' }, direct_response: { status: 200 } };

/** What stands behind the routes of a host. */
export interface Fallbacks {
  /** Serves what no route of the host matches; 404 without it. */
  readonly unmatched: Route | undefined;
  /** Serves, for a wildcard host, the hosts that are below it and not covered by it. */
  readonly catchAll: Host | undefined;
  /** Whether the wildcard above the host has TLS, which covers the host as well. */
  readonly isCoveredByTls: boolean;
  /** Whether a proxy in front says by which scheme the client came. */
  readonly believesProxies?: boolean;
  /** That of all hosts. */
  readonly defaultBackend?: Backend | undefined;
  /** Asked of backends that another one stands in for. */
  readonly hasEndpoints?: (backend: Backend) => boolean;
}

/** Where routes come to stand. */
interface Place {
  readonly table: RouteConfigurationName;
  readonly facts: HostFacts;
  readonly headers: readonly HeaderMatcher[];
  readonly hasEndpoints: (backend: Backend) => boolean;
}

/** The routes of a path; `asked` go before all paths of the host. */
interface Translated {
  readonly asked: readonly EnvoyRoute[];
  readonly routes: readonly EnvoyRoute[];
}

/**
 * Envoy's `*.a.test` covers any number of labels, Ingress's exactly one. So the routes of a wildcard host ask for one
 * label, and requests with more find the routes of the catch-all host behind them, as if the wildcard were not there.
 */
export function translateVirtualHost(
  table: RouteConfigurationName,
  host: Host,
  {
    unmatched,
    catchAll,
    isCoveredByTls,
    defaultBackend,
    believesProxies = false,
    hasEndpoints = () => true,
  }: Fallbacks,
): VirtualHost {
  const isWildcard = host.name.startsWith('*.');
  const headers = isWildcard ? [oneLabelBefore(host.name)] : [];
  const shared = { table, hasEndpoints };
  const facts = {
    name: host.name,
    hasTls: host.hasTls || isCoveredByTls,
    aliasOf: host.aliasOf,
    policies: host.policies,
    ...(believesProxies && { believesProxies }),
    ...(defaultBackend && { defaultBackend }),
  };
  const isComplete = host.routes.some(isRoot);
  const own = unmatched === undefined || isComplete ? host.routes : [...host.routes, inPlace(host, unmatched)];
  const hasRoot = isComplete || unmatched !== undefined;
  const routes = routesOf({ ...host, routes: own }, { ...shared, facts, headers }, hasRoot);
  const others =
    isWildcard && catchAll !== undefined
      ? routesOf(catchAll, { ...shared, facts: { ...facts, ...factsOf(catchAll) }, headers: [] }, false)
      : [];
  return {
    name: virtualHostName(table, host.name),
    domains: [host.name],
    routes: [
      ...(host.expressions ?? []).flatMap((each) => expressionRoutes(each, { ...shared, facts, headers: [] })),
      ...(isWildcard ? [...routes, notFoundFor(host.name), ...others] : routes),
      ...(host.name === anyHost && !hasRoot ? [alive] : []),
    ],
  };
}

/** A host under the names that an expression matches, with or without a port; nothing behind it serves these. */
function expressionRoutes(
  { regex, host }: NonNullable<Host['expressions']>[number],
  place: Place,
): readonly EnvoyRoute[] {
  const ended = /(?:^|[^\\])\$$/.test(regex);
  const whole = ended ? `(?i).*?(?:${regex.slice(0, -1)})(?::[0-9]+)?` : `(?i).*?(?:${regex}).*`;
  const headers = [{ name: ':authority', string_match: { safe_regex: { regex: whole } } }];
  const facts = { ...place.facts, ...factsOf(host) };
  const missing = { match: { prefix: '/', headers }, direct_response: { status: 404 } };
  return [...routesOf(host, { ...place, facts, headers }, false), missing];
}

function factsOf({ name, hasTls, aliasOf, policies }: Host): HostFacts {
  return { name, hasTls, aliasOf, policies };
}

/** @param hasRoot whether its routes match every path */
function routesOf(host: Host, place: Place, hasRoot: boolean): readonly EnvoyRoute[] {
  const areSpellingsEqual = !areUnequal(host.routes);
  const translated = [
    ...host.routes.flatMap((route) => {
      const own = translateRoute(place, route);
      return areSpellingsEqual ? [own] : [own, ...inOtherSpellings(place, route)];
    }),
    ...(hasRoot ? [] : [implicitRoot(place, host)]),
  ];
  const asked = new Map(translated.flatMap((each) => each.asked).map((route) => [JSON.stringify(route), route]));
  return [
    ...asked.values(),
    ...(areSpellingsEqual ? [] : [refusal(treacherousPath, place)]),
    ...hostAnswers(place, host),
    ...translated.flatMap(({ routes }) => routes),
  ];
}

/** Requests that come to the path by decoding only, which then have to pass its checks. */
function inOtherSpellings(place: Place, route: Route): readonly Translated[] {
  const others = otherSpellings(route);
  if (others === undefined) return [];
  if (others.isRefused === true) return [{ asked: [], routes: [refusal(others.regex, place)] }];
  return [translateRoute(place, route, { safe_regex: { regex: others.regex } })];
}

function refusal(regex: string, { headers }: Place): EnvoyRoute {
  return { match: { safe_regex: { regex }, headers }, direct_response: { status: 400 } };
}

/** The default backend of all serves what the host does not, and the policies of the host go for that, too. */
function inPlace({ implicitRoot: root }: Host, unmatched: Route): Route {
  return root === undefined ? unmatched : { ...unmatched, policies: root.policies };
}

/** What goes before all paths of a host. */
function hostAnswers({ table, facts, headers }: Place, host: Host): readonly EnvoyRoute[] {
  const first = host.routes[0];
  return first === undefined ? [] : planHost(table, facts, host, first).answers({ prefix: '/', headers });
}

/** Envoy answers 404 without it; so it is there only where a policy has something to do. */
function implicitRoot(place: Place, { implicitRoot: root }: Host): Translated {
  if (root === undefined) return { asked: [], routes: [] };
  const translated = translateRoute(place, root);
  const [first, ...others] = translated.routes;
  const isPlain =
    others.length === 0 &&
    first?.typed_per_filter_config === undefined &&
    first?.metadata === undefined &&
    first?.direct_response?.status === 404;
  return isPlain ? { asked: [], routes: [] } : translated;
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

/** @param path which requests come to it, other than those of its own match */
function translateRoute({ table, facts, headers, hasEndpoints }: Place, route: Route, path?: RouteMatch): Translated {
  const match: RouteMatch = { ...(path ?? translateMatch(route)), headers };
  const spare = route.spare !== undefined && hasEndpoints(route.spare) ? route.spare : undefined;
  const plan = planRoute(table, facts, route, spare);
  return { routes: plan.routes(match, translateAction(route, plan, hasEndpoints)), asked: plan.asked(headers) };
}

function translateAction({ action }: Route, plan: RoutePlan, hasEndpoints: Place['hasEndpoints']): EnvoyRoute {
  switch (action.kind) {
    case 'backend': {
      const { spare } = plan;
      if (spare === undefined || hasEndpoints(action.backend)) {
        return { route: { cluster: plan.clusterOf(action.backend), ...routeDefaults } };
      }
      plan.requestHeaders(...errorHeaders(503, plan));
      return { route: { cluster: plan.clusterOf(spare), ...routeDefaults } };
    }
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
