/** Sends what belongs together to the same endpoint, by a key that is made of the request. */
import { any } from '../proto/message.ts';
import type { MessageTypes } from '../proto/message.ts';
import { defineFeature } from './feature.ts';
import { invalid, valid } from './value.ts';
import type { Parse } from './value.ts';

type HashPolicy = NonNullable<MessageTypes['envoy.config.route.v3.RouteAction']['hash_policy']>[number];

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
  },

  policy({ by }) {
    return by.length === 0 ? undefined : { by };
  },

  route({ by }, plan) {
    plan.action({ hash_policy: by.flatMap((name) => policyFor(name) ?? []) });
  },

  /** The key stands in the routes: all backends that are hashed at all share a cluster. */
  backend() {
    return { hash: true };
  },

  cluster(_data, plan) {
    const config = any('envoy.extensions.load_balancing_policies.maglev.v3.Maglev', { table_size: 4093 });
    const typed_extension_config = { name: 'envoy.load_balancing_policies.maglev', typed_config: config };
    plan.balancing = { policies: [{ typed_extension_config }] };
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
