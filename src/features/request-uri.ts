/** Keeps the path and query that the client asked for, which rewrites change, for features that tell it to others. */
import { any } from '../proto/message.ts';
import type { AnyMessage } from '../proto/message.ts';
import { defineFeature } from './feature.ts';
import type { RoutePlan } from './route-plan.ts';

const name = 'request-uri';
const key = 'sluice.request-uri';

/** The format that says it, in requests of which `keepRequestUri` was told. */
export const requestUriFormat = `%FILTER_STATE(${key}:PLAIN)%`;

/** Also for what answers before the backend. */
export function keepRequestUri(plan: RoutePlan): void {
  plan.filterEverywhere(name, config);
}

const config: AnyMessage = any('envoy.extensions.filters.http.set_filter_state.v3.Config', {
  on_request_headers: [
    {
      object_key: key,
      factory_key: 'envoy.string',
      format_string: { text_format_source: { inline_string: '%REQ(:path)%' } },
    },
  ],
});

export const requestUri = defineFeature({
  name,
  settings: {},

  policy() {
    return undefined;
  },

  filter() {
    return { config };
  },
});
