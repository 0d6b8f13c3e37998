/** Sends requests in plain text to HTTPS, where the host has TLS or the user says that something in front has. */
import type { MessageTypes } from '../proto/message.ts';
import { defineFeature, noValue } from './feature.ts';
import { overwrite } from './route-plan.ts';
import type { HeaderMatcher, HostFacts, RoutePlan } from './route-plan.ts';
import { boolean, list, matching, oneOf } from './value.ts';

type RedirectCode = NonNullable<MessageTypes['envoy.config.route.v3.RedirectAction']['response_code']>;
type Code = '301' | '302' | '307' | '308';

export const redirectCodes: Readonly<Record<Code, RedirectCode>> = {
  '301': 'MOVED_PERMANENTLY',
  '302': 'FOUND',
  '307': 'TEMPORARY_REDIRECT',
  '308': 'PERMANENT_REDIRECT',
};
const code = oneOf(['301', '302', '307', '308']);
const paths = list(matching(/\/[^\s]*/, '/.well-known/acme-challenge'));

interface Policy {
  readonly whenTls: boolean;
  readonly always: boolean;
  readonly code: Code;
  /** Beginnings of configured paths that are not redirected. */
  readonly except: readonly string[];
  readonly keepsSlash: boolean;
  readonly namesPort: boolean;
}

export const tlsRedirect = defineFeature({
  name: 'tls-redirect',
  settings: {
    whenTls: {
      annotation: 'ssl-redirect',
      configMap: 'ssl-redirect',
      parse: boolean,
      default: true,
      documentation: {
        value: '`true` or `false`',
        nginx:
          'Answers plain HTTP with a redirect to HTTPS if a `tls` entry of any Ingress names the host or the wildcard above it, even if its Secret is missing; one slash at the end of the URL is dropped',
        differsFor: noValue,
        difference:
          'A slash at the end of a query stays. For wildcard hosts and Ingresses without a host, a port in the Host header other than 80 is kept, since Envoy cannot take it away',
      },
    },
    always: {
      annotation: 'force-ssl-redirect',
      configMap: 'force-ssl-redirect',
      parse: boolean,
      default: false,
      documentation: { value: '`true` or `false`', nginx: 'The same redirect for a host without TLS here' },
    },
    code: {
      configMap: 'http-redirect-code',
      parse: code,
      default: '308',
      documentation: {
        value: '301, 302, 307 or 308',
        nginx: 'Status of the redirect to HTTPS, and of `from-to-www-redirect`',
      },
    },
    keepsSlash: {
      annotation: 'preserve-trailing-slash',
      parse: boolean,
      default: false,
      documentation: {
        value: '`true` or `false`',
        nginx: 'Keeps the slash at the end of the URL in the redirect to HTTPS',
      },
    },
    namesPort: {
      annotation: 'use-port-in-redirects',
      configMap: 'use-port-in-redirects',
      parse: boolean,
      default: false,
      documentation: { value: '`true` or `false`', nginx: 'Writes the port, 443, into the redirect to HTTPS' },
    },
    except: {
      configMap: 'no-tls-redirect-locations',
      parse: paths,
      default: ['/.well-known/acme-challenge'],
      documentation: {
        value: 'paths with commas between',
        nginx: 'Paths of rules that begin with one of these are not redirected',
      },
    },
  },

  policy({ whenTls, always, code: status, except, keepsSlash, namesPort }): Policy {
    return { whenTls, always, code: status, except, keepsSlash, namesPort };
  },

  route(policy, plan) {
    const isAsked = policy.always || (policy.whenTls && plan.host.hasTls);
    const isTold = plan.host.believesProxies === true;
    if (!isAsked || (plan.scheme === 'https' && !isTold)) return;
    if (policy.except.some((path) => plan.route.match.path.startsWith(path))) return;
    redirect(policy, plan, isTold ? [cameInPlainText] : []);
  },
});

const cameInPlainText: HeaderMatcher = { name: 'x-forwarded-proto', string_match: { exact: 'http' } };

/** The dropped slash takes routes of its own: Envoy's redirects cannot make the path empty, so `/` is apart. */
function redirect(
  { code: status, keepsSlash, namesPort }: Policy,
  plan: RoutePlan,
  when: readonly HeaderMatcher[],
): void {
  const { host, route } = plan;
  const to = {
    https_redirect: true,
    ...hostOf(host),
    ...(namesPort && { port_redirect: 443 }),
    response_code: redirectCodes[status],
  };
  if (!keepsSlash) {
    if (route.match.path === '' || route.match.path === '/') {
      const name = host.name.startsWith('*') ? '%REQ(:AUTHORITY)%' : host.name;
      const location = overwrite('location', `https://${name}${namesPort ? ':443' : ''}`);
      const root = { headers: [...when, { name: ':path', string_match: { exact: '/' } }] };
      plan.answer({ direct_response: { status: Number(status) }, response_headers_to_add: [location] }, root);
    }
    const cut = { pattern: { regex: '/$' }, substitution: '' };
    // Of the path: Envoy cannot shorten a query.
    const endsInSlash = { headers: [...when, { name: ':path', string_match: { safe_regex: { regex: '[^?]*/' } } }] };
    plan.answer({ redirect: { ...to, regex_rewrite: cut } }, endsInSlash);
  }
  plan.answer({ redirect: to }, when.length === 0 ? undefined : { headers: when });
}

/** With a host of its own, Envoy leaves the port out. */
function hostOf({ name }: HostFacts): { readonly host_redirect?: string } {
  return name.startsWith('*') ? {} : { host_redirect: name };
}
