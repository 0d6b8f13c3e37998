/** Tells browsers which other sites may use an Ingress. */
import { any } from '../proto/message.ts';
import type { AnyMessage } from '../proto/message.ts';
import { defineFeature, noValue } from './feature.ts';
import { literal, overwrite } from './route-plan.ts';
import type { HeaderMatcher, HeaderValueOption } from './route-plan.ts';
import { boolean, integer, invalid, list, matching, valid } from './value.ts';
import type { Parse } from './value.ts';

interface Policy {
  /** Expression that the whole Origin must match; undefined for every origin. */
  readonly origins: string | undefined;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

const name = 'cors';
const tokens = (example: string) => matching(/[!#$%&'*+.^_`|~0-9A-Za-z ,-]*/, example);

/** `*`, or an origin whose first label may be `*`. */
const origin: Parse<string> = (text) => {
  if (text === '*' || /^[a-z][a-z0-9+.-]*:\/\/(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*(:\d{1,5})?$/i.test(text))
    return valid(text);
  return invalid('is no origin', 'write origins such as "https://example.com, https://*.example.com:8443", or "*"');
};

/** All stand in one expression. */
const originList = list(origin, 200);
const flag = '`true` or `false`';

export const cors = defineFeature({
  name,
  settings: {
    isOn: {
      annotation: 'enable-cors',
      parse: boolean,
      default: false,
      documentation: {
        value: flag,
        nginx:
          'Answers OPTIONS with 204 before all checks and redirects, and sets the headers of CORS on every answer, in place of those of the backend. With a list of origins, only for requests from these',
        differsFor: noValue,
        difference: 'With a list of origins, redirects have no headers of CORS',
      },
    },
    origins: {
      annotation: 'cors-allow-origin',
      parse: originList,
      default: ['*'],
      onInvalid: 'no policy',
      documentation: {
        value: 'origins with commas between, 200 at most; `*` for all or as one label',
        nginx: 'Which origins may use the Ingress',
        differsFor: /^(?!\*$)/,
        difference:
          'With a list, redirects have no headers of CORS. A list with a bad origin allows none, rather than all',
      },
    },
    methods: {
      annotation: 'cors-allow-methods',
      parse: tokens('GET, POST'),
      default: 'GET, PUT, POST, DELETE, PATCH, OPTIONS',
      documentation: { value: 'methods with commas between', nginx: 'Access-Control-Allow-Methods' },
    },
    headers: {
      annotation: 'cors-allow-headers',
      parse: tokens('X-One, X-Two'),
      default:
        'DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Range,Authorization',
      documentation: { value: 'header names with commas between', nginx: 'Access-Control-Allow-Headers' },
    },
    credentials: {
      annotation: 'cors-allow-credentials',
      parse: boolean,
      default: true,
      onInvalid: 'no policy',
      documentation: { value: flag, nginx: 'Whether Access-Control-Allow-Credentials: true is set' },
    },
    expose: {
      annotation: 'cors-expose-headers',
      parse: tokens('X-One, X-Two'),
      default: '',
      documentation: {
        value: 'header names with commas between',
        default: 'none',
        nginx: 'Access-Control-Expose-Headers',
      },
    },
    maxAge: {
      annotation: 'cors-max-age',
      parse: integer(0, 2_147_483_647),
      default: 1_728_000,
      documentation: { value: 'seconds', nginx: 'Access-Control-Max-Age' },
    },
  },

  policy({ isOn, origins, methods, headers, credentials, expose, maxAge }): Policy | undefined {
    if (!isOn) return undefined;
    return {
      origins: origins.length === 0 || origins.includes('*') ? undefined : origins.map(originRegex).join('|'),
      headers: [
        ['access-control-allow-methods', methods],
        ['access-control-allow-headers', headers],
        ['access-control-max-age', String(maxAge)],
        ...(credentials ? [['access-control-allow-credentials', 'true'] as const] : []),
        ...(expose === '' ? [] : [['access-control-expose-headers', expose] as const]),
      ],
    };
  },

  route(policy, plan) {
    const preflight = { direct_response: { status: 204 } };
    const config = responseHeaders(policy);
    if (policy.origins === undefined) {
      plan.answer(preflight, { headers: [options] });
      plan.filterEverywhere(name, config);
      return;
    }
    const known: HeaderMatcher = { name: 'origin', string_match: { safe_regex: { regex: `(?i)${policy.origins}` } } };
    plan.answer({ ...preflight, response_headers_to_add: headersOf(policy) }, { headers: [options, known] });
    plan.fork([known], () => plan.filter(name, config));
  },

  /** A filter, so that the answers of other filters, such as 403, have the headers as well. */
  filter() {
    return { config: any('envoy.extensions.filters.http.header_mutation.v3.HeaderMutation', {}) };
  },
});

const options: HeaderMatcher = { name: ':method', string_match: { exact: 'OPTIONS' } };

function headersOf({ origins, headers }: Policy): readonly HeaderValueOption[] {
  const allowed = overwrite('access-control-allow-origin', origins === undefined ? '*' : '%REQ(origin)%');
  return [allowed, ...headers.map(([key, value]) => overwrite(key, literal(value)))];
}

function responseHeaders(policy: Policy): AnyMessage {
  const response_mutations = headersOf(policy).map((append) => ({ append }));
  return any('envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute', {
    mutations: { response_mutations },
  });
}

/** `*` stands for one label. */
function originRegex(text: string): string {
  return text.replaceAll(/[.+]/g, String.raw`\$&`).replace('*', '[a-z0-9_-]+');
}
