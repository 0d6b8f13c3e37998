/** One host out of all that the Ingresses say of it: the older Ingress wins, and the other is told. */
import { attachedPolicies, backendPolicies, backendVariant } from '../features/policies.ts';
import { backendName } from '../model/backend.ts';
import { anyHost, comparePathMatches, isRoot } from '../model/host.ts';
import type { Host, HostOwnership, Origin, PathMatch, Route } from '../model/host.ts';
import { describeObject } from '../model/object-ref.ts';
import { noPolicies } from '../model/policy.ts';
import type { Problem, ProblemReason } from '../model/problem.ts';
import { isFor } from './attachment-reading.ts';
import type { Attachment } from './attachment-reading.ts';
import { flagKind } from './flag-reading.ts';
import { placeForeign } from './foreign-expressions.ts';
import { compareAge, hostPolicies, mayTakeNames, ownerOf, ownReadings } from './host-ownership.ts';
import type { CertificateClaim, HostReading, IngressReading } from './ingress-reading.ts';
import { asRegex } from './path-match.ts';

export interface MergedHost {
  readonly host: Host;
  readonly problems: readonly Problem[];
}

/**
 * A host by its own rules, or as the alias of another.
 *
 * @param readingsOf what names a host, in its rules or as an alias
 */
export function hostOf(
  name: string,
  readingsOf: (host: string) => readonly IngressReading[],
  ownership: HostOwnership,
): MergedHost {
  const readings = readingsOf(name);
  const own = mergeHost(name, readings, ownership);
  if (name === anyHost) {
    const problems = [...own.problems];
    const expressions = expressionsOf(readings, readingsOf, ownership, problems);
    return { host: { ...own.host, ...expressions }, problems };
  }
  if (own.host.routes.length > 0) return own;
  const aliasOf = readings.toSorted(compareAge).flatMap(({ aliases }) => aliases.get(name) ?? [])[0];
  if (aliasOf === undefined) return own;
  // What is wrong with the host is said of the host.
  const { host } = mergeHost(aliasOf, readingsOf(aliasOf), ownership);
  const certificates = own.host.certificates.length > 0 ? own.host.certificates : host.certificates;
  return { host: { ...host, name, aliasOf, certificates }, problems: own.problems };
}

/** Aliases that are expressions. No certificate is known to be for them. */
function expressionsOf(
  readings: readonly IngressReading[],
  readingsOf: (host: string) => readonly IngressReading[],
  ownership: HostOwnership,
  problems: Problem[],
): Pick<Host, 'expressions'> {
  const hosts = new Map<string, string>();
  const sorted = readings.toSorted(compareAge);
  for (const reading of sorted) {
    const own = [...reading.aliases].filter(([alias]) => alias.startsWith('~'));
    if (own.length === 0 || !mayTakeNames(sorted, reading, ownership, problems)) continue;
    for (const [alias, host] of own) if (!hosts.has(alias)) hosts.set(alias, host);
  }
  if (hosts.size === 0) return {};
  const expressions = [...hosts].map(([alias, aliasOf]) => {
    const { host } = mergeHost(aliasOf, readingsOf(aliasOf), ownership);
    return { regex: alias.slice(1), host: { ...host, name: anyHost, aliasOf, hasTls: false, certificates: [] } };
  });
  return { expressions };
}

/** Merges what the readings say of a host; the order of the readings does not matter. */
export function mergeHost(
  name: string,
  readings: readonly IngressReading[],
  ownership: HostOwnership = 'policies',
): MergedHost {
  const problems: Problem[] = [];
  const sorted = ownReadings(name, readings, ownership, problems);
  const { policies, closed: closedReadings } = hostPolicies(name, sorted, ownership, problems);
  const parts = sorted.flatMap((reading) => {
    const part = reading.hosts.get(name);
    return part === undefined ? [] : closedReadings.has(reading) ? closedPart(part) : part;
  });
  const merged = mergeRoutes(
    name,
    parts.flatMap((part) => part.routes),
    ownership === 'none' ? undefined : ownerOf(name, sorted)?.namespace,
    problems,
  );
  const lastResort = mergeFallbacks(
    parts.flatMap((part) => part.fallback ?? []),
    problems,
  );
  const served = lastResort === undefined || merged.some(isRoot) ? merged : [...merged, lastResort];
  const attached = parts.flatMap((part) => part.attached ?? []);
  const routes = attached.length === 0 ? served : attachAll(name, served, attached, problems);
  const claims = parts.map((part) => part.certificates).filter((each) => each.length > 0);
  // The certificate for all hosts that have none is the operator's to choose, where there is a flag.
  const ranked = [...claims.filter((each) => each.some(isFlag)), ...claims.filter((each) => !each.some(isFlag))];
  const certificates = mergeClaims(name, ranked, problems);
  const root = routes.some(isRoot) ? undefined : implicitRoot(parts);
  return {
    host: {
      name,
      routes,
      certificates,
      hasTls: parts.some(({ hasTls }) => hasTls),
      policies,
      ...(root && { implicitRoot: root }),
    },
    problems,
  };
}

/** Of several canaries of a path, the oldest gets requests; ingress-nginx takes the first as well. */
function attachAll(
  host: string,
  routes: readonly Route[],
  attached: readonly Attachment[],
  problems: Problem[],
): readonly Route[] {
  const taken = new Map<Route, Attachment>();
  for (const each of attached) {
    const route = routes.find((candidate) => isFor(each, candidate));
    const winner = route && taken.get(route);
    if (route === undefined || route.action.kind === 'not found') {
      const message = `the canary of path "${each.path}" of host "${host}" gets no requests, because no other Ingress serves this path`;
      const fix = 'use the host, the path and the pathType of the Ingress that it is a canary of';
      problems.push(conflict('CanaryWithoutMain', each.origin, message, fix));
    } else if (route.origin.object.namespace !== each.origin.object.namespace) {
      const message = `the canary of path "${each.path}" of host "${host}" gets no requests, because ${describeOrigin(route.origin)} serves this path, in another namespace`;
      problems.push(conflict('CanaryWithoutMain', each.origin, message, 'put both into the same namespace'));
    } else if (winner !== undefined) {
      const message = `path "${each.path}" of host "${host}" has a canary already, in ${describeOrigin(winner.origin)}`;
      problems.push(conflict('CanaryConflict', each.origin, message, 'keep one canary for each path'));
    } else taken.set(route, each);
  }
  return routes.map((route) => {
    const canary = taken.get(route);
    return canary === undefined ? route : attach(route, canary, problems);
  });
}

/** What is closed stays so. */
function attach(route: Route, { backend, policies, origin }: Attachment, problems: Problem[]): Route {
  if (route.action.kind !== 'backend') return route;
  const { variant: _variant, policies: _policies, ...main } = route.action.backend;
  if (backendName(main) === backendName(backend)) {
    const message = `the canary has the same Service and port as ${describeOrigin(route.origin)}`;
    problems.push(conflict('CanaryConflict', origin, message, 'use the Service of the version that is tried'));
    return route;
  }
  const variant = backendVariant(backendPolicies(route.policies, policies));
  return {
    ...route,
    policies: attachedPolicies(route.policies, policies),
    canary: { backend: { ...backend, ...variant }, origin },
  };
}

/** As if the oldest Ingress with paths on the host had one for all others: so nothing of the host escapes its policies. */
function implicitRoot(parts: readonly HostReading[]): Route | undefined {
  const oldest = parts.find(({ routes }) => routes.length > 0)?.routes[0];
  return oldest && { ...oldest, match: { kind: 'prefix', path: '' }, action: { kind: 'not found' } };
}

/** Nothing of it is served, and nobody else gets its paths. */
function closedPart(part: HostReading): HostReading {
  return { ...part, routes: part.routes.map(closed), fallback: part.fallback && closed(part.fallback) };
}

function closed({ match, origin }: Route): Route {
  return { match, action: { kind: 'unavailable', isClosed: true }, policies: noPolicies, origin };
}

function isFlag({ origin }: CertificateClaim): boolean {
  return origin.object.kind === flagKind;
}

/** @param owner namespace; undefined where everybody may change what the paths of others mean */
function mergeRoutes(
  host: string,
  routes: readonly Route[],
  owner: string | undefined,
  problems: Problem[],
): readonly Route[] {
  const isOwn = ({ origin }: Route): boolean => owner === undefined || origin.object.namespace === owner;
  const isRegexHost = routes.some(isExpression);
  if (!isRegexHost || routes.every(isOwn)) return mergeAlike(host, routes, isRegexHost, problems);
  const own = routes.filter(isOwn);
  const foreign = routes.filter((route) => !isOwn(route));
  const { routes: placed, overlaps } = placeForeign(
    mergeAlike(host, own, own.some(isExpression), problems),
    mergeAlike(host, foreign, true, problems),
  );
  for (const { route, owner: winner } of overlaps) {
    const message = `what ${describePath(route.match)} of host "${host}" and ${describePath(winner.match)} both match is served by ${describeOrigin(winner.origin)}, to whose namespace the host belongs`;
    problems.push(conflict('PathConflict', route.origin, message, 'use a path that begins with more of its text'));
  }
  return placed;
}

function isExpression({ match }: Route): boolean {
  return match.kind === 'regex';
}

function mergeAlike(
  host: string,
  routes: readonly Route[],
  isRegexHost: boolean,
  problems: Problem[],
): readonly Route[] {
  const alike = isRegexHost ? routes.map((route) => ({ ...route, match: asRegex(route.match) })) : routes;
  const winners = new Map<string, Route>();
  for (const route of alike) {
    const key = `${route.match.kind} ${route.match.path}`;
    const winner = winners.get(key);
    if (winner === undefined) winners.set(key, route);
    else {
      const message = `${describePath(route.match)} of host "${host}" is served by ${describeOrigin(winner.origin)}`;
      problems.push(conflict('PathConflict', route.origin, message, 'remove one of the two, or use another path'));
    }
  }
  return [...winners.values()]
    .map((route) => (route.addsSlash === true && !endsPath(route.match, winners) ? withoutSlash(route) : route))
    .toSorted((a, b) => comparePathMatches(a.match, b.match));
}

/** Whether nothing but the path with its slash serves the one without: no Exact path, and no expression of the host. */
function endsPath(match: PathMatch, winners: ReadonlyMap<string, Route>): boolean {
  if (match.kind === 'regex') return false;
  const bare = match.path.replace(/\/$/, '');
  return !winners.has(`exact ${bare}`) && (match.kind === 'prefix' || !winners.has(`prefix ${bare}`));
}

function withoutSlash(route: Route): Route {
  const { match, action, policies, spare, origin, upstreams } = route;
  return { match, action, policies, ...(spare && { spare }), origin, ...(upstreams && { upstreams }) };
}

function mergeFallbacks(fallbacks: readonly Route[], problems: Problem[]): Route | undefined {
  const [winner, ...others] = fallbacks;
  for (const loser of winner === undefined ? [] : others) {
    const message = `the default backend of ${describeOrigin(winner?.origin)} is used`;
    problems.push(
      conflict('DefaultBackendConflict', loser.origin, message, 'keep one default backend for these hosts'),
    );
  }
  return winner;
}

/** The Secrets that the first names are shown together; another that names others as well is told. */
function mergeClaims(
  host: string,
  [winner = [], ...others]: readonly (readonly CertificateClaim[])[],
  problems: Problem[],
): readonly string[] {
  const served = winner.map(({ secret }) => secret);
  for (const loser of others.flat()) {
    if (served.includes(loser.secret)) continue;
    const message = `host "${host}" is served with Secret ${served.join(' and ')}, which ${describeOrigin(winner[0]?.origin)} names`;
    problems.push(
      conflict('CertificateConflict', loser.origin, message, 'name the same Secret for the host everywhere'),
    );
  }
  return served;
}

function conflict(reason: ProblemReason, origin: Origin, message: string, fix: string): Problem {
  return { ...origin, severity: 'warning', reason, message, fix };
}

function describePath(match: PathMatch): string {
  if (match.kind === 'regex') return `path expression "${match.path}"`;
  return match.kind === 'exact'
    ? `exact path "${match.path}"`
    : `path prefix "${match.path === '' ? '/' : match.path}"`;
}

function describeOrigin(origin: Origin | undefined): string {
  return origin === undefined ? '' : `${describeObject(origin.object)} (${origin.field})`;
}
