/** External authentication: a service that is asked about every request, as nginx's auth_request does. */
import type { ConfigMap } from '../cluster/kubernetes-object.ts';
import type { Backend } from '../model/backend.ts';
import { clusterVariant } from './cluster-variant.ts';
import type { ValuesOf } from './feature.ts';
import { nginxText } from './nginx-text.ts';
import type { NginxText } from './nginx-text.ts';
import { boolean, integer, invalid, list, matching, valid } from './value.ts';
import type { Parse } from './value.ts';

/** Where the authentication service is. */
export interface AuthService {
  readonly isTls: boolean;
  /** Undefined for the host that the request is for. */
  readonly host: string | undefined;
  readonly port: number;
  /** Path and query. */
  readonly path: NginxText;
}

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

export interface ExtraHeader {
  readonly name: string;
  readonly value: NginxText;
}

/** By status, or `any`. */
type Durations = Readonly<Record<string, number>>;

const urlParts = /^(https?):\/\/([^/?#\s]+)([/?][^#\s]*)?$/i;
const authority =
  /^(\$\{?(?:host|http_host|best_http_host)\}?|\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9_.-]{0,251}[a-z0-9])?\.?)(?::(\d{1,5}))?$/i;
const exampleUrl = 'write a URL such as "http://auth.default.svc.cluster.local/verify"';

const authService: Parse<AuthService> = (text) => {
  const [, scheme = '', where = '', rest = ''] = urlParts.exec(text) ?? [];
  const [, host = '', , portText] = authority.exec(where) ?? [];
  const port = portText === undefined ? (scheme.toLowerCase() === 'https' ? 443 : 80) : Number(portText);
  if (host === '' || host.includes('..') || port < 1 || port > 65_535 || text.length > 2048) {
    return invalid('is no URL', exampleUrl);
  }
  if (!/^[\u0021\u0023-\u007e]*$/.test(rest))
    return invalid('has characters that no URL can have', 'write them %-encoded');
  const path = nginxText(rest.startsWith('/') ? rest : `/${rest}`);
  if (path.kind === 'invalid') return path;
  return valid({
    isTls: scheme.toLowerCase() === 'https',
    host: host.startsWith('$') ? undefined : host.toLowerCase().replace(/\.$/, '').replaceAll(/[[\]]/g, ''),
    port,
    path: path.value,
  });
};

const signInUrl: Parse<string> = (text) => {
  if (!/^(https?:\/\/[^/?#]|\/|\$)[\u0021\u0023-\u007e]*$/i.test(text) || text.length > 2048) {
    return invalid('is no URL', 'write a URL such as "https://auth.example.com/start"');
  }
  const parsed = nginxText(text);
  return parsed.kind === 'invalid' ? parsed : valid(text);
};

const unusable = /^(connection|content-length|expect|host|keep-alive|te|trailer|transfer-encoding|upgrade)$/i;
const headerName: Parse<string> = (text) =>
  /^[a-z0-9-]{1,128}$/i.test(text) && !unusable.test(text)
    ? valid(text.toLowerCase())
    : invalid('is no name of a header that can be set', 'write names such as "X-Auth-User, X-Auth-Email"');

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

const statement = /\s*proxy_set_header\s+([A-Za-z0-9-]+)\s+(?:"([^"\\]*)"|'([^'\\]*)'|([^\s;"'{}]+))\s*;/y;

/** The headers that a snippet sets. Any other statement changes who may pass, for all that is known. */
const snippetHeaders: Parse<readonly ExtraHeader[]> = (text) => {
  const headers: ExtraHeader[] = [];
  let end = 0;
  while (text.slice(end).trim() !== '') {
    statement.lastIndex = end;
    const [whole, name = '', ...values] = statement.exec(text) ?? [];
    const value = values.find((each) => each !== undefined);
    if (whole === undefined || value === undefined || headerName(name).kind === 'invalid') {
      return invalid('has other statements than proxy_set_header', 'set headers only, or protect the backend itself');
    }
    const parsed = nginxText(value);
    if (parsed.kind === 'invalid') return parsed;
    if (!/^[\u0020-\u007e]*$/.test(value)) return invalid('has a value that is no plain text', 'write it in ASCII');
    headers.push({ name: name.toLowerCase(), value: parsed.value });
    end += whole.length;
  }
  return valid(headers);
};

/** Those of a ConfigMap; the text says what is wrong. */
export function headersFrom(configMap: ConfigMap): readonly ExtraHeader[] | string {
  const headers: ExtraHeader[] = [];
  for (const [name, value] of Object.entries(configMap.data).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const parsed = nginxText(value.trim());
    if (headerName(name).kind === 'invalid') return `"${name}" is no name of a header that can be set`;
    if (parsed.kind === 'invalid') return `the value of "${name}" ${parsed.why}`;
    if (!/^[\u0020-\u007e]{0,2048}$/.test(value.trim())) return `the value of "${name}" is no plain text`;
    headers.push({ name: name.toLowerCase(), value: parsed.value });
  }
  return headers;
}

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
        'A name of the form `NAME.NAMESPACE.svc` is that of a Service, whose endpoints are asked without DNS. `proxy-read-timeout` is the time for the whole answer. The body of a 401 is empty',
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

/** What a cluster has to know of the service. */
export interface AuthCluster {
  readonly serverName: string | undefined;
}

/** The name of a Service in the DNS of a cluster. */
const serviceName = /^([a-z0-9-]+)\.([a-z0-9-]+)\.svc(\.[a-z0-9.-]+)?$/;

/** @param host that of the rule; undefined comes back for one that stands for several, if the service is to be found under it */
export function authBackend(
  feature: string,
  { isTls, host, port }: AuthService,
  ruleHost: string,
): Backend | undefined {
  const name = host ?? ruleHost;
  if (name.startsWith('*')) return undefined;
  const [, service, namespace] = serviceName.exec(name) ?? [];
  const data: AuthCluster = { serverName: name };
  const variant = isTls ? clusterVariant({ [feature]: data }) : undefined;
  if (service !== undefined && namespace !== undefined) {
    return { namespace, service, port: { kind: 'number', number: port }, ...variant };
  }
  return {
    namespace: '',
    service: name,
    port: { kind: 'number', number: port },
    external: { host: name, port },
    ...variant,
  };
}
