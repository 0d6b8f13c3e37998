/** When a request is tried again on another endpoint, and how often. */
import { any } from '../proto/message.ts';
import { defineFeature } from './feature.ts';
import { defaultTimeouts, proxyTimeouts } from './proxy-timeouts.ts';
import { defaultRetryPolicy } from './retry-policy.ts';
import { overwrite } from './route-plan.ts';
import type { HeaderMatcher, RoutePlan } from './route-plan.ts';
import { boolean, integer, invalid, valid } from './value.ts';
import type { Parse } from './value.ts';

interface Policy {
  /** Undefined for those of all other routes. */
  readonly conditions: readonly string[] | undefined;
  readonly retries: number;
  readonly isForAllMethods: boolean;
}

const words =
  'error, timeout, invalid_header, http_500, http_502, http_503, http_504, http_403, http_404, http_429, non_idempotent or off';
const known = new Set(words.replace(' or', ',').split(', '));

const conditionList: Parse<readonly string[]> = (text) => {
  const written = text.toLowerCase().split(/\s+/);
  const unknown = written.find((word) => !known.has(word));
  return unknown === undefined
    ? valid([...new Set(written)].toSorted())
    : invalid(`has the word "${unknown}", which means nothing here`, `write some of ${words}, with spaces between`);
};

/** Stands for "without a limit", which no proxy should have. */
const mostTries = 10;

const name = 'next-upstream';

export const nextUpstream = defineFeature({
  name,
  isHarmless: true,
  settings: {
    conditions: {
      annotation: 'proxy-next-upstream',
      configMap: 'proxy-next-upstream',
      parse: conditionList,
      default: [],
      documentation: {
        value: `words with spaces between: ${words}`,
        default: '`error timeout`',
        nginx:
          'For what a request is tried again on another endpoint. POST, LOCK and PATCH only while nothing has been sent, unless there is `non_idempotent`',
        difference:
          'Without the annotation, what has been sent is tried again when its connection breaks, but not after a timeout. `error`, `timeout` and `invalid_header` without the others also stand for broken connections. Requests with more than 32 KiB of a body are not tried again once they have been sent',
      },
    },
    tries: {
      annotation: 'proxy-next-upstream-tries',
      configMap: 'proxy-next-upstream-tries',
      parse: integer(0, 1_000_000),
      default: 3,
      documentation: {
        value: 'whole number',
        nginx: 'How many endpoints are tried, with the first; 0 for no limit',
        differsFor: /^0$|^1[1-9]$|^[2-9]\d$|^\d{3}/,
        difference: `At most ${mostTries}`,
      },
    },
    timeout: {
      annotation: 'proxy-next-upstream-timeout',
      configMap: 'proxy-next-upstream-timeout',
      parse: integer(0, 31_536_000),
      default: 0,
      documentation: {
        value: 'whole seconds',
        nginx: 'For how long other endpoints are tried; 0 for no limit',
        differsFor: /[1-9]/,
        difference:
          'Envoy has no such limit: `proxy-next-upstream-tries` and the timeouts of single tries are what ends it',
      },
    },
    nonIdempotent: {
      configMap: 'retry-non-idempotent',
      parse: boolean,
      default: false,
      documentation: { value: '`true` or `false`', nginx: 'Adds `non_idempotent` to `proxy-next-upstream`' },
    },
  },

  policy({ conditions, tries, nonIdempotent }): Policy | undefined {
    const isOff = conditions.includes('off');
    const retries = isOff ? 0 : Math.min(tries === 0 ? mostTries : tries, mostTries) - 1;
    const isForAllMethods = nonIdempotent || conditions.includes('non_idempotent');
    const own = conditions.filter((word) => word !== 'non_idempotent' && word !== 'off');
    if (own.length === 0 && retries === defaultRetryPolicy.num_retries && !isForAllMethods) return undefined;
    return { conditions: own.length === 0 && !isForAllMethods ? undefined : own, retries, isForAllMethods };
  },

  route({ conditions, retries, isForAllMethods }, plan) {
    if (conditions === undefined || retries === 0) {
      plan.retry({ num_retries: retries });
      if (retries === 0) plan.removeRequestHeaders(retryOn);
      return;
    }
    plan.removeRequestHeaders(retryOn);
    const asked = conditions.length === 0 ? ['error', 'timeout'] : conditions;
    plan.split([
      ...(isForAllMethods ? [] : [{ when: { headers: [onceOnly] }, amend: () => retryUnsent(asked, retries, plan) }]),
      { when: {}, amend: () => retryAll(asked, retries, plan) },
    ]);
  },

  /**
   * To what the cluster's policy retries, a header adds what a request of that method may be tried again for. Envoy's router
   * takes it away; that of a client never gets here, because to Envoy all of them are external.
   */
  filter() {
    return {
      isOn: true,
      config: any('envoy.extensions.common.matching.v3.ExtensionWithMatcher', {
        extension_config: { name, typed_config: retryBroken },
        xds_matcher: {
          matcher_tree: {
            input: {
              name: 'method',
              typed_config: any('envoy.type.matcher.v3.HttpRequestHeaderMatchInput', { header_name: ':method' }),
            },
            exact_match_map: { map: Object.fromEntries(onceOnlyMethods.map((method) => [method, skip])) },
          },
        },
      }),
    };
  },

  /** What a cluster says would be before what the routes say. */
  backend() {
    return { isOfRoutes: true };
  },

  cluster(_data, plan) {
    plan.leavesRetriesToRoutes = true;
  },
});

/** What may have been carried out is not asked for again by these. */
const onceOnlyMethods = ['POST', 'LOCK', 'PATCH'];

const onceOnly: HeaderMatcher = {
  name: ':method',
  string_match: { safe_regex: { regex: onceOnlyMethods.join('|') } },
};

const retryOn = 'x-envoy-retry-on';

const retryBroken = any('envoy.extensions.filters.http.header_mutation.v3.HeaderMutation', {
  mutations: { request_mutations: [{ append: overwrite(retryOn, 'reset') }] },
});

const skip = {
  action: {
    name: 'skip',
    typed_config: any('envoy.extensions.filters.common.matcher.action.v3.SkipFilter', {}),
  },
};

function isOfConnection(word: string): boolean {
  return word === 'error' || word === 'timeout' || word === 'invalid_header';
}

function retryUnsent(asked: readonly string[], retries: number, plan: RoutePlan): void {
  plan.retry({ num_retries: asked.some(isOfConnection) ? retries : 0 });
}

function retryAll(asked: readonly string[], retries: number, plan: RoutePlan): void {
  const statuses = asked.flatMap((word) => (word.startsWith('http_') ? [Number(word.slice('http_'.length))] : []));
  const conditions = [
    ...(asked.some(isOfConnection) ? ['connect-failure', 'refused-stream', 'reset'] : []),
    ...(statuses.length > 0 ? ['retriable-status-codes'] : []),
  ];
  plan.retry({
    retry_on: conditions.join(','),
    num_retries: retries,
    ...(statuses.length > 0 && { retriable_status_codes: statuses }),
  });
  if (!asked.includes('timeout')) return;
  // Each try has its own timer, and the one of the whole request must not end it before.
  const { read, send } = plan.policyOf(proxyTimeouts) ?? defaultTimeouts;
  plan.retry({ per_try_idle_timeout: `${read}s` });
  plan.action({ idle_timeout: `${Math.max(read, send) * (retries + 1)}s` });
}
