/** One host out of all that the Ingresses say of it: the older Ingress wins, and the other is told. */
import { comparePathMatches } from '../model/host.ts';
import type { Host, Origin, PathMatch, Route } from '../model/host.ts';
import { describeObject, objectKey } from '../model/object-ref.ts';
import type { Problem, ProblemReason } from '../model/problem.ts';
import { flagKind } from './flag-reading.ts';
import type { CertificateClaim, IngressReading } from './ingress-reading.ts';

export interface MergedHost {
  readonly host: Host;
  readonly problems: readonly Problem[];
}

/** Merges what the readings say of a host; the order of the readings does not matter. */
export function mergeHost(name: string, readings: readonly IngressReading[]): MergedHost {
  const problems: Problem[] = [];
  const parts = readings.toSorted(compareAge).flatMap((reading) => reading.hosts.get(name) ?? []);
  const routes = mergeRoutes(
    name,
    parts.flatMap((part) => part.routes),
    problems,
  );
  const fallback = mergeFallbacks(
    parts.flatMap((part) => part.fallback ?? []),
    problems,
  );
  const claims = parts.map((part) => part.certificates).filter((each) => each.length > 0);
  // The certificate for all hosts that have none is the operator's to choose, where there is a flag.
  const ranked = [...claims.filter((each) => each.some(isFlag)), ...claims.filter((each) => !each.some(isFlag))];
  const certificates = mergeClaims(name, ranked, problems);
  const hasRoot = routes.some((route) => route.match.kind === 'prefix' && route.match.path === '');
  return {
    host: {
      name,
      routes: fallback === undefined || hasRoot ? routes : [...routes, fallback],
      certificates,
    },
    problems,
  };
}

function isFlag({ origin }: CertificateClaim): boolean {
  return origin.object.kind === flagKind;
}

/** Oldest first, then by namespace and name. */
function compareAge(a: IngressReading, b: IngressReading): number {
  const [first, second] = [a, b].map((each) => `${each.creationTimestamp}\u0000${objectKey(each.object)}`);
  if (first === undefined || second === undefined || first === second) return 0;
  return first < second ? -1 : 1;
}

function mergeRoutes(host: string, routes: readonly Route[], problems: Problem[]): readonly Route[] {
  const winners = new Map<string, Route>();
  for (const route of routes) {
    const key = `${route.match.kind} ${route.match.path}`;
    const winner = winners.get(key);
    if (winner === undefined) winners.set(key, route);
    else {
      const message = `${describePath(route.match)} of host "${host}" is served by ${describeOrigin(winner.origin)}`;
      problems.push(conflict('PathConflict', route.origin, message, 'remove one of the two, or use another path'));
    }
  }
  return [...winners.values()].toSorted((a, b) => comparePathMatches(a.match, b.match));
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
  return match.kind === 'exact'
    ? `exact path "${match.path}"`
    : `path prefix "${match.path === '' ? '/' : match.path}"`;
}

function describeOrigin(origin: Origin | undefined): string {
  return origin === undefined ? '' : `${describeObject(origin.object)} (${origin.field})`;
}
