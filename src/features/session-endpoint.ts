/** The endpoint that a session belongs to, as a filter reads it from the cookie: the subset of the cluster with this one name. */
import { any } from '../proto/message.ts';
import type { AnyMessage } from '../proto/message.ts';
import { endpointKey, subsetNamespace } from './cluster-plan.ts';
import { defineFeature } from './feature.ts';

const name = 'session-endpoint';

export const sessionEndpoint = defineFeature({
  name,
  isHarmless: true,
  settings: {},

  policy() {
    return undefined;
  },

  filter() {
    return { config: any('envoy.extensions.filters.http.header_to_metadata.v3.Config', {}) };
  },
});

/** What stands before the first `|` of the cookie is the name of an endpoint. */
export function endpointFromCookie(cookie: string): AnyMessage {
  const on_header_present = {
    metadata_namespace: subsetNamespace,
    key: endpointKey,
    type: 'STRING',
    regex_value_rewrite: { pattern: { regex: '\\|.*$' }, substitution: '' },
  } as const;
  return any('envoy.extensions.filters.http.header_to_metadata.v3.Config', {
    request_rules: [{ cookie, on_header_present }],
  });
}
