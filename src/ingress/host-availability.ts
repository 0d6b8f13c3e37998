/** What of a host depends on whether backends have endpoints; all else of it stays as it is when these come and go. */
import { checksAccess } from '../features/policies.ts';
import { backendName } from '../model/backend.ts';
import type { Host, Route } from '../model/host.ts';

/**
 * A canary gets requests only while both it and its main backend have endpoints. Backends without answer 503 before checks
 * of who may pass, as in ingress-nginx. Looks at the endpoints of such routes only.
 *
 * @param hasEndpoints takes the name of a backend
 */
export function availableHost(host: Host, hasEndpoints: (backend: string) => boolean): Host {
  const routes = host.routes.map((route) => availableRoute(route, hasEndpoints));
  return routes.some((route, index) => route !== host.routes[index]) ? { ...host, routes } : host;
}

function availableRoute(route: Route, hasEndpoints: (backend: string) => boolean): Route {
  const { action, canary, policies, spare } = route;
  if (action.kind !== 'backend' || (canary === undefined && !checksAccess(policies))) return route;
  const isEmpty = !hasEndpoints(backendName(action.backend));
  if (canary !== undefined && (isEmpty || !hasEndpoints(backendName(canary.backend)))) {
    const { canary: _idle, ...rest } = route;
    return availableRoute(rest, hasEndpoints);
  }
  const isServed = !isEmpty || (spare !== undefined && hasEndpoints(backendName(spare)));
  return !isServed && checksAccess(policies) ? { ...route, isEmpty: true } : route;
}
