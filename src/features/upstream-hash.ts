/** Sends what belongs together to the same endpoint, by a key that is made of the request. */
import type { MessageTypes } from '../proto/message.ts';
import { affinity } from './affinity.ts';
import { balanceByHash } from './cluster-plan.ts';
import { defineFeature } from './feature.ts';
import { boolean, integer, invalid, valid } from './value.ts';
import type { Parse } from './value.ts';

type HashPolicy = NonNullable<MessageTypes['envoy.config.route.v3.RouteAction']['hash_policy']>[number];

interface Policy {
  readonly by: readonly string[];
  /** To how many endpoints requests of the same key go. */
  readonly spread: number;
}

/** Each is a route of its own. */
const mostEndpoints = 16;

const variable = /\$(?:\{([a-z0-9_]+)\}|([a-z0-9_]+))/gi;

/** The variables of a key; what stands between them is the same in every request, so it changes nothing. */
const parse: Parse<readonly string[]> = (text) => {
  const names = [...text.matchAll(variable)].map(([, braced, bare]) => braced ?? bare ?? '');
  if (names.length === 0) return invalid('has no variable, so that all requests would go to one endpoint', example);
  const unknown = names.find((name) => policyFor(name) === undefined);
  return unknown === undefined
    ? valid(names)
    : invalid(`has the variable $${unknown}, which is not supported`, example);
};

const example =
  'use $request_uri, $uri, $host, $remote_addr, $http_NAME, $cookie_NAME or $arg_NAME, or several of them';

export const upstreamHash = defineFeature({
  name: 'upstream-hash',
  isHarmless: true,
  settings: {
    by: {
      annotation: 'upstream-hash-by',
      configMap: 'upstream-hash-by',
      parse,
      default: [],
      documentation: {
        value: 'text with variables',
        default: 'unset',
        nginx: 'Requests for which the text is the same go to the same endpoint, by consistent hashing',
        difference:
          'The variables are $request_uri, $uri, $host, $http_host, $remote_addr, $binary_remote_addr, $http_NAME, $cookie_NAME and $arg_NAME. It is for the Ingress that says it, and not for all that use its Services',
      },
    },
    isSubset: {
      annotation: 'upstream-hash-by-subset',
      parse: boolean,
      default: false,
      documentation: {
        value: '`true` or `false`',
        nginx: 'Requests for which the text is the same go to several endpoints, by chance',
        difference: 'Each text has endpoints of its own, and not one of a few fixed groups; two may be the same',
      },
    },
    size: {
      annotation: 'upstream-hash-by-subset-size',
      parse: integer(1, 1_000_000),
      default: 3,
      documentation: {
        value: 'whole number',
        nginx: 'How many endpoints, with `upstream-hash-by-subset`',
        differsFor: /^1[7-9]$|^[2-9]\d$|^\d{3}/,
        difference: `At most ${mostEndpoints}`,
      },
    },
  },

  policy({ by, isSubset, size }): Policy | undefined {
    return by.length === 0 ? undefined : { by, spread: isSubset ? Math.min(size, mostEndpoints) : 1 };
  },

  route({ by, spread }, plan) {
    // A session is of more weight, as in ingress-nginx.
    if (plan.policyOf(affinity) !== undefined) return;
    const key = by.flatMap((name) => policyFor(name) ?? []);
    const amend = (number: number) => () =>
      plan.action({ hash_policy: number === 0 ? key : [...key, constant(number)] });
    // Requests of the same key are dealt by chance to as many keys as there are to be endpoints.
    plan.split(
      Array.from({ length: spread }, (_, number) => ({
        when: number === spread - 1 ? {} : { share: Math.round((1_000_000 * (number + 1)) / spread) },
        amend: amend(number),
      })),
    );
  },

  /** The key stands in the routes: all backends that are hashed at all share a cluster. */
  backend() {
    return { hash: true };
  },

  cluster(_data, plan) {
    plan.balancing = balanceByHash;
  },
});

function policyFor(name: string): HashPolicy | undefined {
  const fixed = variables[name];
  if (fixed !== undefined && Object.hasOwn(variables, name)) return fixed;
  const [, kind, rest = ''] = /^(http|cookie|arg)_(.+)$/.exec(name) ?? [];
  if (kind === 'http') return { header: { header_name: rest.replaceAll('_', '-') } };
  if (kind === 'cookie') return { cookie: { name: rest } };
  return kind === 'arg' ? { query_parameter: { name: rest } } : undefined;
}

/** The same for every request. */
function constant(number: number): HashPolicy {
  const regex_rewrite = { pattern: { regex: '^.+$' }, substitution: String(number) };
  return { header: { header_name: ':method', regex_rewrite } };
}

const address: HashPolicy = { connection_properties: { source_ip: true } };
const host: HashPolicy = { header: { header_name: ':authority' } };
const withoutQuery = { pattern: { regex: '\\?.*$' }, substitution: '' };

const variables: Readonly<Record<string, HashPolicy>> = {
  request_uri: { header: { header_name: ':path' } },
  uri: { header: { header_name: ':path', regex_rewrite: withoutQuery } },
  host,
  http_host: host,
  remote_addr: address,
  binary_remote_addr: address,
};
