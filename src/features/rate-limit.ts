/**
 * How many requests a client address may send. The buckets are in the listeners and not with the routes, because an Envoy
 * makes all routes anew when one changes: buckets of a route would be full again after every change of the cluster.
 */
import { objectKey } from '../model/object-ref.ts';
import { any } from '../proto/message.ts';
import type { MessageTypes } from '../proto/message.ts';
import { defineFeature } from './feature.ts';
import { exemptionKey } from './rate-limit-exemption.ts';
import { metadataNamespace } from './route-plan.ts';
import { refusalStatuses, statusOfRefusal } from './refusal-status.ts';
import type { RefusalStatus } from './refusal-status.ts';
import { integer } from './value.ts';

type LocalRateLimit = MessageTypes['envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit'];
type RateLimit = NonNullable<LocalRateLimit['rate_limits']>[number];
type Action = NonNullable<RateLimit['actions']>[number];
type Descriptor = NonNullable<LocalRateLimit['descriptors']>[number];

interface Policy {
  readonly limits: readonly Limit[];
  /** Of the answers to requests that are too many. */
  readonly status: RefusalStatus;
}

/** Sizes are those of nginx: a burst at once and one request, and then as many as the rate allows. */
interface Limit {
  readonly kind: 'rps' | 'rpm';
  readonly requests: number;
  readonly atOnce: number;
}

const name = 'rate-limit';
const requests = integer(0, 1_000_000);

export const rateLimit = defineFeature({
  name,
  isAccessCheck: true,
  settings: {
    perSecond: {
      annotation: 'limit-rps',
      parse: requests,
      default: 0,
      onInvalid: 'closed',
      documentation: {
        value: 'requests per second; `0` for no limit',
        nginx:
          'For each client address, over all paths and hosts of the Ingress together. That many times the multiplier, and one, may come at once; what is more is answered 503. Redirects and CORS preflights are answered before, and do not count',
        differsFor: /[1-9]/,
        difference:
          'Plain HTTP and TLS count apart, and so do hosts with different certificates. With a multiplier other than 5 the rate over a long time can be up to a quarter above or below, and bursts end at about 24 times the limit. The last 10,000 addresses for each combination of multiplier and size are remembered',
      },
    },
    perMinute: {
      annotation: 'limit-rpm',
      parse: requests,
      default: 0,
      onInvalid: 'closed',
      documentation: {
        value: 'requests per minute; `0` for no limit',
        nginx: 'The same for a minute; with `limit-rps`, both count',
      },
    },
    multiplier: {
      annotation: 'limit-burst-multiplier',
      parse: integer(1, 100),
      default: 5,
      documentation: {
        value: 'a whole number from 1 to 100',
        nginx: 'How many times the limit may come at once',
      },
    },
    status: {
      configMap: 'limit-req-status-code',
      parse: statusOfRefusal,
      default: '503',
      documentation: {
        value: 'a status from 400 to 511 that has a name',
        nginx: 'Status of what is over a rate limit',
      },
    },
  },

  policy({ perSecond, perMinute, multiplier, status }): Policy | undefined {
    const limits = [
      { kind: 'rps', requests: perSecond, atOnce: perSecond * multiplier + 1 } as const,
      { kind: 'rpm', requests: perMinute, atOnce: perMinute * multiplier + 1 } as const,
    ].filter((limit) => limit.requests > 0);
    return limits.length === 0 && status === '503' ? undefined : { limits, status };
  },

  route({ limits }, plan) {
    if (limits.length === 0) return;
    plan.metadata({
      ingress: objectKey(plan.route.origin.object),
      ...Object.fromEntries(limits.map((limit) => [limit.kind, chargeOf(limit)])),
    });
  },

  filter(policy) {
    return {
      isOn: true,
      config: any('envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit', limiter(policy)),
    };
  },
});

/**
 * For how many seconds at the full rate the buckets hold. A bucket's size and rate are of the listener, only what a request
 * takes from it is of the route. So a bucket of nearly the right proportions is taken, and of it as much as makes the burst
 * right to the request: with the multiplier 5 the rate is then right as well, or nearly so.
 */
const depths: readonly number[] = [1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 5.2, 5.5, 6, 9, 14, 20].flatMap((depth) => [
  depth,
  depth * 60,
]);

/** Tokens that each bucket holds. Half of it, which is the most that a request takes, is the most that Envoy lets it take. */
const size = 2_000_000_000;

/** As texts, because Envoy writes large numbers with an exponent. */
function chargeOf({ kind, requests: rate, atOnce }: Limit): { readonly depth: string; readonly tokens: string } {
  const seconds = rate / (kind === 'rps' ? 1 : 60);
  const off = (depth: number): number => Math.max(depth / (atOnce / seconds), atOnce / seconds / depth);
  const depth = depths.reduce((best, each) => (off(each) < off(best) ? each : best));
  // Where no bucket is near, which takes a multiplier above 20, the rate is kept, and the burst is what the bucket holds.
  const held = off(depth) > 1.25 ? seconds * depth : atOnce;
  return { depth: String(depth), tokens: String(Math.max(1, Math.floor(size / held))) };
}

function limiter(policy: Policy | undefined): LocalRateLimit {
  const always = { default_value: { numerator: 100 } };
  return {
    stat_prefix: name,
    status: { code: refusalStatuses[policy?.status ?? '503'] },
    filter_enabled: always,
    filter_enforced: always,
    rate_limits: (['rps', 'rpm'] as const).map(rateLimitOf),
    descriptors: depths.map(bucketOf),
    // Of addresses for each depth; the one that has not been seen for longest is forgotten.
    max_dynamic_descriptors: 10_000,
  };
}

function rateLimitOf(kind: Limit['kind']): RateLimit {
  return {
    actions: [
      routeMetadata('ingress', 'ingress'),
      { generic_key: { descriptor_key: 'kind', descriptor_value: kind } },
      routeMetadata('depth', kind, 'depth'),
      exemption,
      { remote_address: {} },
    ],
    hits_addend: { format: `%METADATA(ROUTE:${metadataNamespace}:${kind}:tokens)%` },
  };
}

/** A route that says nothing gives no descriptor, so it is not limited. */
function routeMetadata(descriptor_key: string, ...path: readonly string[]): Action {
  const metadata_key = { key: metadataNamespace, path: path.map((key) => ({ key })) };
  return { metadata: { descriptor_key, source: 'ROUTE_ENTRY', metadata_key } };
}

/** What src/features/rate-limit-exemption.ts finds out of the address; `denied` where the route does not ask it. */
const exemption: Action = {
  metadata: {
    descriptor_key: 'exemption',
    source: 'DYNAMIC',
    default_value: 'denied',
    metadata_key: { key: 'envoy.filters.http.rbac', path: [{ key: exemptionKey }] },
  },
};

/** Without a value, an entry stands for all values, each with a bucket of its own. */
function bucketOf(depth: number): Descriptor {
  return {
    entries: [
      { key: 'ingress' },
      { key: 'kind' },
      { key: 'depth', value: String(depth) },
      { key: 'exemption', value: 'denied' },
      { key: 'remote_address' },
    ],
    token_bucket: { max_tokens: size, tokens_per_fill: Math.round(size / depth), fill_interval: '1s' },
  };
}
