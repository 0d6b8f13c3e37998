/** External authentication: a service that is asked about every request, as nginx's auth_request does. */
import { noValue } from './feature.ts';
import { headerName, snippetHeaders } from './auth-header.ts';
import type { ExtraHeader } from './auth-header.ts';
import { authService } from './auth-service.ts';
import type { AuthService } from './auth-service.ts';
import type { ValuesOf } from './feature.ts';
import { nginxText } from './nginx-text.ts';
import type { NginxText } from './nginx-text.ts';
import { boolean, integer, invalid, list, matching, valid } from './value.ts';
import type { Parse } from './value.ts';

export interface ExternalAuth {
  readonly service: AuthService;
  /** GET without the headers that come with a method when left out. */
  readonly method?: string;
  readonly signIn?: NginxText;
  /** Names of headers of the answer that the backend gets, in lower case. */
  readonly headers: readonly string[];
  readonly redirect: NginxText;
  readonly alwaysSetsCookie: boolean;
  /** What the service is told beside all else. */
  readonly extra?: readonly ExtraHeader[];
  readonly cache?: { readonly key: NginxText; readonly seconds: Durations };
}

/** By status, or `any`. */
type Durations = Readonly<Record<string, number>>;

const signInUrl: Parse<string> = (text) => {
  if (!/^(https?:\/\/[^/?#]|\/|\$)[\u0021\u0023-\u007e]*$/i.test(text) || text.length > 2048) {
    return invalid('is no URL', 'write a URL such as "https://auth.example.com/start"');
  }
  const parsed = nginxText(text);
  return parsed.kind === 'invalid' ? parsed : valid(text);
};

const printable: Parse<string> = (text) => {
  const parsed = nginxText(text);
  if (parsed.kind === 'invalid') return parsed;
  return /^[\u0020-\u007e]{1,2048}$/.test(text) ? valid(text) : invalid('is no plain text', 'write it in ASCII');
};

const units: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 };

/** As proxy_cache_valid has it: statuses and then a time, several with commas between. */
const durationsOf: Parse<Durations> = (text) => {
  const bad = invalid('is no list of statuses and times', 'write such as "200 202 10m, 401 1m"');
  const seconds: Record<string, number> = {};
  for (const part of text.split(',').map((each) => each.trim())) {
    if (part === '') continue;
    const words = part.split(/\s+/);
    const [, amount = '', unit = ''] = /^(\d{1,7})([smhd]?)$/.exec(words.pop() ?? '') ?? [];
    if (amount === '' || words.some((word) => !/^([1-5]\d\d|any)$/.test(word))) return bad;
    for (const status of words.length === 0 ? ['200', '301', '302'] : words) {
      seconds[status] = Number(amount) * (units[unit] ?? 1);
    }
  }
  return valid(Object.fromEntries(Object.entries(seconds).toSorted(([a], [b]) => (a < b ? -1 : 1))));
};

/** Lets the text stand that the parser reads; `read` parses it again. */
function checked(parse: Parse<unknown>): Parse<string> {
  return (text) => {
    const parsed = parse(text);
    return parsed.kind === 'valid' ? valid(text) : parsed;
  };
}

function read<T>(parse: Parse<T>, text: string): T | undefined {
  const parsed = parse(text);
  return parsed.kind === 'valid' ? parsed.value : undefined;
}

const serviceUrl = checked(authService);
const durations = checked(durationsOf);
const method = matching(/GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS/, 'POST');
const paramName = matching(/[A-Za-z0-9_.~-]{1,64}/, 'rd');
const defaultDurations = '200 202 401 5m';
const defaultRedirect = '$request_uri';
const flag = '`true` or `false`';
const noAuthPaths = list(matching(/\/[^\s]*/, '/.well-known/acme-challenge'));

/** The settings of one Ingress, and those for all (`global-auth-…`), which count where an Ingress has no `auth-url`. */
export const externalAuthSettings = {
  url: {
    annotation: 'auth-url',
    parse: serviceUrl,
    default: '',
    onInvalid: 'closed',
    documentation: {
      value: 'URL; may have variables in its path, and `$host` as its host',
      nginx:
        'Asks this service about every request: GET without a body, with the headers of the client, X-Original-URL, X-Original-Method and their like. 2xx lets the request pass, 401 and 403 are answered as they are, all else is answered 500',
      difference:
        'A name of the form `NAME.NAMESPACE.svc` is that of a Service, whose endpoints are asked without DNS. `proxy-read-timeout` is the time for the whole answer',
    },
  },
  method: {
    annotation: 'auth-method',
    parse: method,
    default: '',
    onInvalid: 'closed',
    documentation: { value: 'an HTTP method', default: 'GET', nginx: 'Method with which the service is asked' },
  },
  signIn: {
    annotation: 'auth-signin',
    parse: signInUrl,
    default: '',
    documentation: {
      value: 'URL, may have variables',
      nginx: 'Where a client is sent (302) instead of 401, with the URL that it asked for in `rd`',
    },
  },
  signInParam: {
    annotation: 'auth-signin-redirect-param',
    parse: paramName,
    default: 'rd',
    documentation: { value: 'name', nginx: 'Another name for `rd`' },
  },
  headers: {
    annotation: 'auth-response-headers',
    parse: list(headerName),
    default: [],
    onInvalid: 'closed',
    documentation: {
      value: 'header names with commas between',
      default: 'none',
      nginx:
        'Headers of the answer that the backend gets, in place of what the client says there, also if the answer lacks them',
    },
  },
  redirect: {
    annotation: 'auth-request-redirect',
    parse: printable,
    default: defaultRedirect,
    documentation: { value: 'text, may have variables', nginx: 'X-Auth-Request-Redirect towards the service' },
  },
  alwaysSetsCookie: {
    annotation: 'auth-always-set-cookie',
    parse: boolean,
    default: false,
    documentation: {
      value: flag,
      nginx: 'Whether the client gets the cookies of the service with errors as well; else only with 200 to 308',
    },
  },
  cacheKey: {
    annotation: 'auth-cache-key',
    parse: printable,
    default: '',
    documentation: {
      value: 'text with variables',
      nginx: 'Requests with the same text, of the same host and path, share an answer of the service',
      difference: 'Each thread of an Envoy has a cache of its own, of 1,000 answers',
    },
  },
  cacheDuration: {
    annotation: 'auth-cache-duration',
    parse: durations,
    default: defaultDurations,
    documentation: {
      value: '`200 202 10m, 401 1m`: statuses, and for how long; without statuses 200, 301 and 302',
      nginx: 'How long answers are kept',
    },
  },
  snippet: {
    annotation: 'auth-snippet',
    parse: checked(snippetHeaders),
    default: '',
    hasLines: true,
    onInvalid: 'closed',
    documentation: {
      value: 'lines of `proxy_set_header NAME VALUE;`',
      nginx: 'Configuration of nginx for the request to the service',
      differsFor: noValue,
      difference: 'With any other statement, the paths answer 503',
    },
  },
  keepAlive: {
    annotation: 'auth-keepalive',
    parse: integer(0, 2_147_483_647),
    default: 0,
    documentation: {
      value: 'number',
      nginx: 'How many connections to the service are kept',
      differsFor: noValue,
      difference: 'Has no effect: Envoys keep connections to the service, and the request has the same id',
    },
  },
  keepAliveVariables: {
    annotation: 'auth-keepalive-share-vars',
    parse: boolean,
    default: false,
    documentation: {
      value: '`true` or `false`',
      nginx: 'Whether the request to the service has the same id',
      differsFor: noValue,
      difference: 'Has no effect: Envoys keep connections to the service, and the request has the same id',
    },
  },
  keepAliveRequests: {
    annotation: 'auth-keepalive-requests',
    parse: integer(0, 2_147_483_647),
    default: 1000,
    documentation: {
      value: 'number',
      nginx: 'How many requests a kept connection serves',
      differsFor: noValue,
      difference: 'Has no effect: Envoys keep connections to the service, and the request has the same id',
    },
  },
  keepAliveTimeout: {
    annotation: 'auth-keepalive-timeout',
    parse: integer(0, 2_147_483_647),
    default: 60,
    documentation: {
      value: 'seconds',
      nginx: 'How long an idle connection is kept',
      differsFor: noValue,
      difference: 'Has no effect: Envoys keep connections to the service, and the request has the same id',
    },
  },
  globalSnippet: {
    configMap: 'global-auth-snippet',
    parse: checked(snippetHeaders),
    default: '',
    hasLines: true,
    onInvalid: 'closed',
    documentation: { value: 'lines of `proxy_set_header NAME VALUE;`', nginx: 'As `auth-snippet`' },
  },
  toldFrom: {
    annotation: 'auth-proxy-set-headers',
    parse: matching(/[!-~]{1,512}/, 'shop/headers'),
    default: '',
    onInvalid: 'closed',
    documentation: {
      value: 'a ConfigMap of the same namespace, with or without that before it',
      nginx: 'Headers that the service is told beside all else; values may have variables',
    },
  },
  isGlobalOn: {
    annotation: 'enable-global-auth',
    parse: boolean,
    default: true,
    documentation: { value: flag, nginx: 'Whether `global-auth-url` goes for the Ingress' },
  },
  globalUrl: {
    configMap: 'global-auth-url',
    parse: serviceUrl,
    default: '',
    onInvalid: 'closed',
    documentation: { value: 'URL', nginx: 'As `auth-url`, for Ingresses without one' },
  },
  globalMethod: {
    configMap: 'global-auth-method',
    parse: method,
    default: '',
    onInvalid: 'closed',
    documentation: { value: 'an HTTP method', default: 'GET', nginx: 'As `auth-method`' },
  },
  globalSignIn: {
    configMap: 'global-auth-signin',
    parse: signInUrl,
    default: '',
    documentation: { value: 'URL', nginx: 'As `auth-signin`' },
  },
  globalSignInParam: {
    configMap: 'global-auth-signin-redirect-param',
    parse: paramName,
    default: 'rd',
    documentation: { value: 'name', nginx: 'As `auth-signin-redirect-param`' },
  },
  globalHeaders: {
    configMap: 'global-auth-response-headers',
    parse: list(headerName),
    default: [],
    onInvalid: 'closed',
    documentation: { value: 'header names with commas between', default: 'none', nginx: 'As `auth-response-headers`' },
  },
  globalRedirect: {
    configMap: 'global-auth-request-redirect',
    parse: printable,
    default: defaultRedirect,
    documentation: { value: 'text', nginx: 'As `auth-request-redirect`' },
  },
  globalAlwaysSetsCookie: {
    configMap: 'global-auth-always-set-cookie',
    parse: boolean,
    default: false,
    documentation: { value: flag, nginx: 'As `auth-always-set-cookie`' },
  },
  globalCacheKey: {
    configMap: 'global-auth-cache-key',
    parse: printable,
    default: '',
    documentation: { value: 'text with variables', nginx: 'As `auth-cache-key`' },
  },
  globalCacheDuration: {
    configMap: 'global-auth-cache-duration',
    parse: durations,
    default: defaultDurations,
    documentation: { value: 'statuses and times', nginx: 'As `auth-cache-duration`' },
  },
  exempt: {
    configMap: 'no-auth-locations',
    parse: noAuthPaths,
    default: ['/.well-known/acme-challenge'],
    documentation: {
      value: 'paths with commas between',
      nginx: 'Configured paths that begin so need neither `auth-url`, `global-auth-url` nor `auth-type`',
    },
  },
} as const;

type Values = ValuesOf<typeof externalAuthSettings>;

export function externalAuth(values: Values): ExternalAuth | undefined {
  const own = read(authService, values.url);
  if (own !== undefined) return make(own, values);
  const shared = values.isGlobalOn ? read(authService, values.globalUrl) : undefined;
  return (
    shared &&
    make(shared, {
      method: values.globalMethod,
      signIn: values.globalSignIn,
      signInParam: values.globalSignInParam,
      headers: values.globalHeaders,
      redirect: values.globalRedirect,
      alwaysSetsCookie: values.globalAlwaysSetsCookie,
      cacheKey: values.globalCacheKey,
      cacheDuration: values.globalCacheDuration,
      snippet: values.globalSnippet,
    })
  );
}

type OwnValues = Pick<
  Values,
  | 'method'
  | 'signIn'
  | 'signInParam'
  | 'headers'
  | 'redirect'
  | 'alwaysSetsCookie'
  | 'cacheKey'
  | 'cacheDuration'
  | 'snippet'
>;

function make(service: AuthService, values: OwnValues): ExternalAuth {
  const extra = read(snippetHeaders, values.snippet) ?? [];
  const { method: asked, signIn, signInParam, headers, redirect, alwaysSetsCookie, cacheKey, cacheDuration } = values;
  return {
    service,
    ...(asked !== '' && { method: asked }),
    ...(signIn !== '' && { signIn: partsOf(withReturn(signIn, signInParam)) }),
    headers: [...new Set(headers)],
    redirect: partsOf(redirect),
    alwaysSetsCookie,
    ...(extra.length > 0 && { extra }),
    ...(cacheKey !== '' && { cache: { key: partsOf(cacheKey), seconds: read(durationsOf, cacheDuration) ?? {} } }),
  };
}

/** The sign-in page is told where the client wanted to go, unless its URL says that already. */
function withReturn(url: string, param: string): string {
  const query = url.includes('?') ? url.slice(url.indexOf('?') + 1) : '';
  if (query.split('&').some((each) => each.split('=')[0] === param)) return url;
  return `${url}${query === '' ? (url.endsWith('?') ? '' : '?') : '&'}${param}=$pass_access_scheme://$http_host$escaped_request_uri`;
}

/** Of text that has been parsed before. */
function partsOf(text: string): NginxText {
  return read(nginxText, text) ?? [''];
}
