/** The filter for `deny` and `allow` in snippets. */
import { any } from '../proto/message.ts';
import { defineFeature } from './feature.ts';
import type { RoutePlan } from './route-plan.ts';
import { accessRules } from './snippet-policy.ts';
import type { AccessRule } from './snippet.ts';
import { sourceRange } from './source-range.ts';

const name = 'snippet-access';

/** An allow list of the Ingress stands before the lines of the snippet, and leaves nobody to them. */
export function accessFilter(rules: readonly AccessRule[], plan: RoutePlan): void {
  if ((plan.policyOf(sourceRange)?.allow.length ?? 0) === 0) plan.filter(name, accessRules(rules));
}

export const snippetAccess = defineFeature({
  name,
  settings: {},

  policy() {
    return undefined;
  },

  filter() {
    return { config: any('envoy.extensions.filters.http.rbac.v3.RBAC', {}) };
  },
});
