/**
 * How large the body of a request may be. What Content-Length says is judged before anything else, by a filter that all
 * requests pass; a body whose length is not said in advance is counted while it is held back (request-buffering.ts).
 */
import { any } from '../proto/message.ts';
import type { MessageTypes } from '../proto/message.ts';
import { defineFeature } from './feature.ts';
import { holdBack, requestBuffering } from './request-buffering.ts';
import { byteSize } from './value.ts';

type Fault = MessageTypes['envoy.extensions.filters.http.fault.v3.HTTPFault'];

const name = 'body-size';
const builtIn = 1_048_576;

export const bodySize = defineFeature({
  name,
  settings: {
    limit: {
      annotation: 'proxy-body-size',
      configMap: 'proxy-body-size',
      parse: byteSize,
      default: builtIn,
      documentation: {
        value: 'bytes, or with `k`, `m` or `g`; `0` for no limit',
        default: '`1m`',
        nginx:
          'Answers 413 to larger bodies: before redirects and checks where Content-Length says so, else as soon as it is exceeded',
        differsFor: /^(?!1048576$)\d{7,}$|^\d{5,}k$|^(?!0*1m$)\d+m$|g$/i,
        difference:
          'Bodies without Content-Length are counted up to limits of `1m`, because Envoy counts only what it holds in memory; with larger limits, with `proxy-request-buffering: "off"`, and for gRPC and WebSockets they pass',
      },
    },
  },

  policy({ limit }) {
    return limit === builtIn ? undefined : { limit };
  },

  route({ limit }, plan) {
    plan.filterEverywhere(name, any('envoy.extensions.filters.http.fault.v3.HTTPFault', refusal(limit)));
    if (plan.policyOf(requestBuffering) === undefined) holdBack(plan, limit);
  },

  filter() {
    return { isOn: true, config: any('envoy.extensions.filters.http.fault.v3.HTTPFault', refusal(builtIn)) };
  },
});

/** Envoy has no filter of this purpose, but one that answers some requests with an error: those whose length is not within. */
function refusal(limit: number): Fault {
  if (limit === 0) return {};
  const within = { start: 0, end: limit + 1 };
  return {
    abort: { http_status: 413, percentage: { numerator: 100 } },
    headers: [{ name: 'content-length', range_match: within, invert_match: true }],
  };
}
