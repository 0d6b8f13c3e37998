/** How the redirects that Sluice makes by itself are written, and the one that adds a slash to a path. */
import { defineFeature, noValue } from './feature.ts';
import { literal, overwrite } from './route-plan.ts';
import type { RoutePlan } from './route-plan.ts';
import { boolean } from './value.ts';

export const relativeRedirects = defineFeature({
  name: 'relative-redirects',
  isHarmless: true,
  settings: {
    isOn: {
      annotation: 'relative-redirects',
      configMap: 'relative-redirects',
      parse: boolean,
      default: false,
      documentation: {
        value: '`true` or `false`',
        nginx:
          'Leaves scheme and host out of the redirect that adds a slash to a path, and of `permanent-redirect` to a path. Of a rule whose path ends in a slash, the path without it is answered with 301 to the one with it, unless a rule serves it',
        differsFor: noValue,
        difference:
          'The slash is added for Ingresses of the class `nginx`, and those with an annotation of ingress-nginx. For others, `Prefix` covers the path without the slash, as the Ingress documentation says',
      },
    },
  },

  policy({ isOn }) {
    return { isOn };
  },

  route({ isOn }, plan) {
    const { match, addsSlash } = plan.route;
    if (addsSlash !== true) return;
    const path = match.path.replace(/\/$/, '');
    if (!isOn) {
      const redirect = { path_redirect: `${path}/`, response_code: 'MOVED_PERMANENTLY', ...hostOf(plan) } as const;
      plan.answer({ redirect }, { path });
      return;
    }
    const withQuery = { path, headers: [{ name: ':path', string_match: { contains: '?' } }] };
    plan.answer(moved(`${literal(path)}/?%QUERY_PARAMS(ORIG)%`), withQuery);
    plan.answer(moved(`${literal(path)}/`), { path });
  },
});

function moved(location: string) {
  return { direct_response: { status: 301 }, response_headers_to_add: [overwrite('location', location)] };
}

/** With a host of its own, Envoy leaves the port out. */
function hostOf({ host }: RoutePlan): { readonly host_redirect?: string } {
  return host.name.startsWith('*') ? {} : { host_redirect: host.name };
}
