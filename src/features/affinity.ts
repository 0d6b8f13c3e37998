/** Sends the requests of a browser to the same endpoint, by a cookie. */
import { createHash } from 'node:crypto';
import type { Backend } from '../model/backend.ts';
import type { PathMatch } from '../model/host.ts';
import { any } from '../proto/message.ts';
import { balanceByEndpoint, balanceByHash, endpointKey, subsetNamespace } from './cluster-plan.ts';
import { defineFeature, noValue } from './feature.ts';
import { literal } from './route-plan.ts';
import type { Condition, HeaderMatcher, RoutePlan } from './route-plan.ts';
import { sessionCookie, sessionCookieFilter, sessionCookieHeader } from './session-cookie.ts';
import { endpointFromCookie, sessionEndpoint } from './session-endpoint.ts';
import { boolean, integer, invalid, matching, oneOf, valid } from './value.ts';
import type { Parse } from './value.ts';

interface Policy {
  readonly name: string;
  /** Of the cookie; empty for that of the Ingress. */
  readonly path: string;
  /** Attributes of the cookie that are the same in all answers. */
  readonly attributes: readonly string[];
  readonly isSecure: boolean;
  readonly sameSite: string;
  /** In how many seconds the cookie ends, for a date; empty for none. */
  readonly expires: string;
  /** Whether the cookie names its endpoint, rather than being hashed. */
  readonly isPersistent: boolean;
  /** Whether browsers that take `SameSite=None` for another value are not told it. */
  readonly isConditional: boolean;
}

const name = 'affinity';
/** Under which the filter keeps the new cookie of a request. */
const sessionKey = 'sluice.session';
const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}/;

const types: Parse<string> = oneOf(['cookie']);
const modes: Parse<string> = oneOf(['balanced', 'persistent']);
const sameSites: Parse<string> = oneOf(['None', 'Lax', 'Strict']);
const cookieNames = matching(token, 'route');
const domains = matching(/\.?[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63}){0,63}/, 'example.com');

/** Of a cookie that ends at some time; ingress-nginx takes negative ones, which make a browser forget the cookie. */
const seconds: Parse<string> = (text) => {
  const parsed = integer(-2_147_483_648, 2_147_483_647)(text);
  return parsed.kind === 'valid' ? valid(String(parsed.value)) : parsed;
};

const cookiePath: Parse<string> = (text) =>
  /^\/[!-:<-~]{0,1024}$/.test(text) ? valid(text) : invalid('is not an absolute path', 'write a path such as "/shop"');

export const affinity = defineFeature({
  name,
  isHarmless: true,
  settings: {
    type: {
      annotation: 'affinity',
      parse: types,
      default: '',
      documentation: {
        value: '`cookie`',
        default: 'unset',
        nginx: 'Sends all requests of a browser to the same endpoint, by a cookie that its first answer sets',
        difference:
          'The address of the endpoint is not in the cookie: `balanced` has a number by chance there, `persistent` a hash with the uid of the Service. Any Envoy knows the cookies of all others',
      },
    },
    mode: {
      annotation: 'affinity-mode',
      parse: modes,
      default: 'balanced',
      documentation: {
        value: '`balanced` or `persistent`',
        nginx:
          '`balanced` moves some sessions to new endpoints when there are more; `persistent` leaves all where they are',
      },
    },
    cookieName: {
      annotation: 'session-cookie-name',
      parse: cookieNames,
      default: 'INGRESSCOOKIE',
      documentation: { value: 'name of a cookie', nginx: 'The name of the cookie' },
    },
    path: {
      annotation: 'session-cookie-path',
      parse: cookiePath,
      default: '',
      documentation: {
        value: 'path',
        default: 'the path of the Ingress',
        nginx: 'For which paths browsers send the cookie',
        differsFor: noValue,
        difference:
          'Where paths are regular expressions, the default is what they begin with, and not the expression, which no browser could match',
      },
    },
    domain: {
      annotation: 'session-cookie-domain',
      parse: domains,
      default: '',
      documentation: { value: 'domain', default: 'the host', nginx: 'For which hosts browsers send the cookie' },
    },
    sameSite: {
      annotation: 'session-cookie-samesite',
      parse: sameSites,
      default: '',
      documentation: { value: '`None`, `Lax` or `Strict`', default: 'unset', nginx: 'SameSite of the cookie' },
    },
    isConditional: {
      annotation: 'session-cookie-conditional-samesite-none',
      parse: boolean,
      default: false,
      documentation: {
        value: '`true` or `false`',
        nginx: 'Leaves `SameSite=None` out for old browsers that take it for `Strict`, by their User-Agent',
      },
    },
    isSecure: {
      annotation: 'session-cookie-secure',
      parse: boolean,
      default: false,
      documentation: {
        value: '`true` or `false`',
        default: 'over TLS only',
        nginx: 'Sets Secure also without TLS; over TLS it is always set',
      },
    },
    maxAge: {
      annotation: 'session-cookie-max-age',
      parse: seconds,
      default: '',
      documentation: {
        value: 'seconds',
        default: 'until the browser ends',
        nginx: 'How long browsers keep the cookie (Max-Age)',
      },
    },
    expires: {
      annotation: 'session-cookie-expires',
      parse: seconds,
      default: '',
      documentation: {
        value: 'seconds',
        default: 'until the browser ends',
        nginx: 'The same as a date (Expires), beside Max-Age if both are written',
      },
    },
    changesOnFailure: {
      annotation: 'session-cookie-change-on-failure',
      parse: boolean,
      default: false,
      documentation: {
        value: '`true` or `false`',
        nginx: 'Whether a request that cannot reach its endpoint goes to another one, with a new cookie',
        difference:
          'For requests that are tried again (`proxy-next-upstream`). `balanced` always goes to another one then, with the old cookie, and back when the endpoint is; `persistent` never does while the endpoint is ready',
      },
    },
  },

  policy(written): Policy | undefined {
    const { type, mode, cookieName, path, domain, sameSite, isConditional, isSecure, maxAge, expires } = written;
    if (type === '') return undefined;
    const attributes = [
      ...(maxAge === '' ? [] : [`Max-Age=${maxAge}`]),
      ...(domain === '' ? [] : [`Domain=${domain}`]),
    ];
    const isPersistent = mode === 'persistent';
    return { name: cookieName, path, attributes, isSecure, sameSite, expires, isPersistent, isConditional };
  },

  /** By branch, since the cookie says which backend it is for. */
  route(policy, plan) {
    const { action, canary } = plan.route;
    if (action.kind !== 'backend') return;
    plan.each((cluster) => {
      const backend = cluster === undefined || canary === undefined ? action.backend : canary.backend;
      if (policy.isPersistent) nameEndpoint(policy, backend, plan);
      else hashCookie(policy, backend, plan);
    });
  },

  backend({ isPersistent }) {
    return { isPersistent };
  },

  cluster({ isPersistent }, plan) {
    plan.balancing = isPersistent ? balanceByEndpoint : balanceByHash;
    plan.namesEndpoints = isPersistent;
  },

  filter() {
    return { config: any('envoy.extensions.filters.http.set_filter_state.v3.Config', {}) };
  },
});

/** What the cookie of a session with the backend looks like. */
export function isBoundTo({ name: cookie }: Policy, backend: Backend): Condition {
  return { cookies: [{ name: cookie, string_match: { suffix: `|${mark(backend)}` } }] };
}

/** Tells sessions with one backend from those with another: `key|backend`, as ingress-nginx has it. */
function mark({ namespace, service, port }: Backend): string {
  return createHash('sha256')
    .update(JSON.stringify([namespace, service, port]))
    .digest('hex')
    .slice(0, 32);
}

/** The endpoint is in the cookie, under a name that says nothing of its address; the cookie is set when it is another one. */
function nameEndpoint(policy: Policy, backend: Backend, plan: RoutePlan): void {
  plan.filter(sessionEndpoint.name, endpointFromCookie(policy.name));
  const value = `%UPSTREAM_METADATA(${subsetNamespace}:${endpointKey})%`;
  setCookie(policy, plan, { value, rest: `|${mark(backend)}` });
}

/** A new value is hashed as the cookie will be, so that this request goes where the next ones will. */
function hashCookie(policy: Policy, backend: Backend, plan: RoutePlan): void {
  const known: Condition = { cookies: [{ name: policy.name, string_match: { safe_regex: { regex: '.+' } } }] };
  const begin = (): void => {
    const value = {
      object_key: sessionKey,
      factory_key: 'envoy.hashable_string',
      format_string: { text_format_source: { inline_string: `%UNIQUE_ID%|${mark(backend)}` } },
    };
    plan.filter(name, any('envoy.extensions.filters.http.set_filter_state.v3.Config', { on_request_headers: [value] }));
    plan.action({ hash_policy: [{ filter_state: { key: sessionKey } }] });
    setCookie(policy, plan, { value: `%FILTER_STATE(${sessionKey}:PLAIN)%`, rest: '' });
  };
  plan.split([
    { when: known, amend: () => plan.action({ hash_policy: [{ cookie: { name: policy.name } }] }) },
    { when: {}, amend: begin },
  ]);
}

/** `value` is a format; `rest` is the end of the cookie's value. */
interface CookieText {
  readonly value: string;
  readonly rest: string;
}

function setCookie(policy: Policy, plan: RoutePlan, text: CookieText): void {
  const isScripted = policy.isPersistent || policy.expires !== '';
  if (isScripted) plan.filter(sessionCookie.name, sessionCookieFilter);
  const amend = (sameSite: string) => (): void => {
    const rest = `${text.rest}; ${literal(attributesOf(policy, sameSite, plan).join('; '))}`;
    const cookie = literal(policy.name);
    plan.responseHeaders(
      isScripted
        ? sessionCookieHeader(text.value, policy.expires, cookie, rest)
        : {
            header: { key: 'set-cookie', value: `${cookie}=${text.value}${rest}` },
            append_action: 'APPEND_IF_EXISTS_OR_ADD',
          },
    );
  };
  const isNone = policy.sameSite === 'None' && policy.isConditional;
  plan.split([
    ...(isNone ? oldBrowsers.map((headers) => ({ when: { headers }, amend: amend('') })) : []),
    { when: {}, amend: amend(policy.sameSite) },
  ]);
}

function attributesOf(policy: Policy, sameSite: string, { route, scheme }: RoutePlan): readonly string[] {
  return [
    `Path=${policy.path === '' ? plainPath(route.match) : policy.path}`,
    ...policy.attributes,
    ...(policy.isSecure || scheme === 'https' ? ['Secure'] : []),
    'HttpOnly',
    ...(sameSite === '' ? [] : [`SameSite=${sameSite}`]),
  ];
}

/** What all paths of the route begin with, down to a slash or the end of an element. */
function plainPath({ kind, path }: PathMatch): string {
  if (kind !== 'regex') return path === '' ? '/' : path.replaceAll(/[;\s]/g, encodeURIComponent);
  const plain = /^[^\\.+*?()[\]{}|^$;\s]*/.exec(path)?.[0] ?? '';
  const rest = path.slice(plain.length);
  const isWhole = rest === '' || rest === '$' || rest.startsWith('(/');
  return isWhole && plain !== '' ? plain : plain.slice(0, plain.lastIndexOf('/') + 1) || '/';
}

/** Chrome from 40 to 69, and what is built on the WebKit of iOS 12 or macOS 10.14. */
const oldBrowsers: readonly (readonly HeaderMatcher[])[] = [
  [agent('.*(Chrome/[456]|CPU iPhone OS 12|iPad; CPU OS 12).*')],
  [
    agent('.*Macintosh.*Intel Mac OS X 10_14.*Safari.*'),
    { name: 'user-agent', string_match: { contains: 'Chrome' }, invert_match: true },
  ],
];

function agent(regex: string): HeaderMatcher {
  return { name: 'user-agent', string_match: { safe_regex: { regex } } };
}
