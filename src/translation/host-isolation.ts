/**
 * Virtual hosts that keep to all rules. What one Ingress asks for must not cost a host its other Ingresses: routes that would be
 * refused are closed one by one, and only then is the host looked at as a whole.
 */
import type { Host, Origin, Route } from '../model/host.ts';
import { noPolicies } from '../model/policy.ts';
import type { Policies } from '../model/policy.ts';
import type { RouteConfigurationName } from '../translate/route-configuration.ts';
import { translateVirtualHost } from '../translate/virtual-host.ts';
import type { Fallbacks } from '../translate/virtual-host.ts';
import { encodeValid } from '../validation/wall.ts';

/** Something that an object asks for and that would be refused, or that this program fails at. */
export interface Refusal {
  readonly origin: Origin;
  /** An `InvalidMessage` for what breaks a rule; anything else is a mistake of this program. */
  readonly error: unknown;
  /** What happens instead: a sentence. */
  readonly cost: string;
}

export interface EncodedHost {
  readonly body: Uint8Array;
  readonly refusals: readonly Refusal[];
}

/** @throws when not even a host without the routes and policies at fault would be accepted */
export function encodeHost(table: RouteConfigurationName, host: Host, fallbacks: Fallbacks): EncodedHost {
  try {
    return { body: encode(table, host, fallbacks), refusals: [] };
  } catch {
    return isolate(table, host, fallbacks);
  }
}

function encode(table: RouteConfigurationName, host: Host, fallbacks: Fallbacks): Uint8Array {
  return encodeValid('envoy.config.route.v3.VirtualHost', translateVirtualHost(table, host, fallbacks));
}

function isolate(table: RouteConfigurationName, host: Host, fallbacks: Fallbacks): EncodedHost {
  const refusals: Refusal[] = [];
  const own = goodRoutes(table, host, fallbacks, refusals);
  // What stands behind a host is reported where it stands for itself.
  const { catchAll, unmatched } = fallbacks;
  const others: Fallbacks = {
    ...fallbacks,
    catchAll: catchAll && goodRoutes(table, catchAll, fallbacks, []),
    unmatched: unmatched && goodRoutes(table, { ...host, routes: [unmatched] }, fallbacks, []).routes[0],
  };
  const policed = goodPolicies(table, own, others, refusals);
  return { body: encode(table, policed, others), refusals };
}

/** The host with every route closed that is refused, or left out where not even its path can be sent. */
function goodRoutes(table: RouteConfigurationName, host: Host, fallbacks: Fallbacks, refusals: Refusal[]): Host {
  const alone: Fallbacks = { ...fallbacks, catchAll: undefined, unmatched: undefined };
  const faultIn = (route: Route): unknown => refusalOf(table, { ...bare(host), routes: [route] }, alone);
  const routes = host.routes.flatMap((route): readonly Route[] => {
    const error = faultIn(route);
    if (error === undefined) return [route];
    const closed = closedRoute(route);
    const isClosed = faultIn(closed) === undefined;
    const cost = isClosed ? 'The path answers 503' : 'The path is not served';
    refusals.push({ origin: route.origin, error, cost });
    return isClosed ? [closed] : [];
  });
  const { implicitRoot, expressions, ...rest } = host;
  return {
    ...rest,
    routes,
    ...(implicitRoot && faultIn(implicitRoot) === undefined && { implicitRoot }),
    ...(expressions && { expressions: goodExpressions(table, host, fallbacks) }),
  };
}

function goodExpressions(
  table: RouteConfigurationName,
  host: Host,
  fallbacks: Fallbacks,
): Host['expressions'] & object {
  return (host.expressions ?? [])
    .map((each) => ({ ...each, host: goodRoutes(table, each.host, fallbacks, []) }))
    .filter((each) => refusalOf(table, { ...bare(host), expressions: [each] }, fallbacks) === undefined);
}

/** Without policies of the host that would be refused. Any of them may be what says who may pass, so that nobody does. */
function goodPolicies(table: RouteConfigurationName, host: Host, fallbacks: Fallbacks, refusals: Refusal[]): Host {
  const all = Object.entries(host.policies.byFeature);
  const errors = all.map(([feature, policy]) => {
    const policies: Policies = { byFeature: { [feature]: policy } };
    return refusalOf(table, { ...host, policies }, fallbacks);
  });
  const good = all.filter((_, index) => errors[index] === undefined);
  if (good.length === all.length) return host;
  const cost = `All paths of "${host.name}" answer 503`;
  for (const [index, [feature, policy]] of all.entries()) {
    const asking = host.routes.find((route) => route.policies.byFeature[feature] === policy) ?? host.routes[0];
    const error = errors[index];
    if (error === undefined || asking === undefined) continue;
    refusals.push({ origin: { ...asking.origin, field: 'metadata.annotations' }, error, cost });
  }
  return { ...host, routes: host.routes.map(closedRoute), policies: noPolicies };
}

function refusalOf(table: RouteConfigurationName, host: Host, fallbacks: Fallbacks): unknown {
  try {
    encode(table, host, fallbacks);
    return undefined;
  } catch (error) {
    return error;
  }
}

function bare({ implicitRoot: _root, expressions: _expressions, ...host }: Host): Host {
  return { ...host, routes: [], policies: noPolicies };
}

function closedRoute({ match, origin }: Route): Route {
  return { match, origin, action: { kind: 'unavailable' }, policies: noPolicies };
}
