/** Whether a request is held back until it is there as a whole, so that a slow client does not occupy a backend. */
import { any } from '../proto/message.ts';
import type { AnyMessage, MessageTypes } from '../proto/message.ts';
import { defineFeature, noValue } from './feature.ts';
import type { RoutePlan } from './route-plan.ts';
import { oneOf } from './value.ts';

type Predicate = MessageTypes['xds.type.matcher.v3.Matcher.MatcherList.Predicate'];

const name = 'request-buffering';

/** Envoy holds bodies in memory, so what it holds must be little: this times the requests that arrive at the same time. */
const mostHeld = 1_048_576;

export const requestBuffering = defineFeature({
  name,
  isHarmless: true,
  settings: {
    isOn: {
      annotation: 'proxy-request-buffering',
      configMap: 'proxy-request-buffering',
      parse: oneOf(['on', 'off']),
      default: 'on',
      documentation: {
        value: '`on` or `off`',
        nginx: 'Reads the whole request before a backend is asked',
        differsFor: noValue,
        difference:
          'Bodies whose length is known are streamed, with little memory whatever their size; held back are those without Content-Length, up to `proxy-body-size` of `1m`',
      },
    },
  },

  policy({ isOn }) {
    return isOn === 'on' ? undefined : { isOn };
  },

  route(_policy, plan) {
    plan.filter(name, perRoute({ disabled: true }));
  },

  filter() {
    const held = any('envoy.extensions.filters.http.buffer.v3.Buffer', { max_request_bytes: mostHeld });
    return { isOn: true, config: exceptFor([header('content-length'), header('upgrade'), grpc], held) };
  },
});

/** Lets the filter count up to the limit, or not at all where that is too much to hold. */
export function holdBack(plan: RoutePlan, limit: number): void {
  const isCounted = limit > 0 && limit <= mostHeld;
  plan.filter(name, perRoute(isCounted ? { buffer: { max_request_bytes: limit } } : { disabled: true }));
}

function perRoute(value: MessageTypes['envoy.extensions.filters.http.buffer.v3.BufferPerRoute']): AnyMessage {
  return any('envoy.extensions.filters.http.buffer.v3.BufferPerRoute', value);
}

/** Passes by the filter where one of the predicates holds. */
function exceptFor(predicate: readonly Predicate[], typed_config: AnyMessage): AnyMessage {
  const skip = any('envoy.extensions.filters.common.matcher.action.v3.SkipFilter', {});
  return any('envoy.extensions.common.matching.v3.ExtensionWithMatcher', {
    extension_config: { name, typed_config },
    xds_matcher: {
      matcher_list: {
        matchers: [
          { predicate: { or_matcher: { predicate } }, on_match: { action: { name: 'skip', typed_config: skip } } },
        ],
      },
    },
  });
}

/** A header that is there. */
function header(header_name: string, value = '.*'): Predicate {
  return {
    single_predicate: {
      input: {
        name: header_name,
        typed_config: any('envoy.type.matcher.v3.HttpRequestHeaderMatchInput', { header_name }),
      },
      value_match: { safe_regex: { google_re2: {}, regex: value } },
    },
  };
}

/** Streams in both directions, which would wait for each other. */
const grpc = header('content-type', 'application/grpc.*');
