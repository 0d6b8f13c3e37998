/** Client addresses that no rate limit of an Ingress counts. */
import { any } from '../proto/message.ts';
import { defineFeature, noValue } from './feature.ts';
import { anyOf } from './source-range.ts';
import { cidr, list } from './value.ts';
import type { Cidr } from './value.ts';

interface Policy {
  readonly addresses: readonly Cidr[];
}

const name = 'rate-limit-exemption';
const ranges = list(cidr);

const prefix = 'exempt_';

/** Under which Envoy notes `allowed` for an address that is on the list, and `denied` for others. */
export const exemptionKey = `${prefix}shadow_engine_result`;

export const rateLimitExemption = defineFeature({
  name,
  settings: {
    addresses: {
      annotation: 'limit-allowlist',
      aliases: ['limit-whitelist'],
      parse: ranges,
      default: [],
      documentation: {
        value: 'address ranges with commas between',
        default: 'nobody',
        nginx: 'Clients of these addresses have no limit of requests or connections',
        differsFor: noValue,
        difference: 'With a value that cannot be read, the limits are for everybody',
      },
    },
  },

  policy({ addresses }): Policy | undefined {
    return addresses.length === 0 ? undefined : { addresses };
  },

  /** Rules that are only noted, and decide nothing by themselves. */
  route({ addresses }, plan) {
    const rules = {
      action: 'ALLOW',
      policies: { exempt: { permissions: [{ any: true }], principals: [anyOf(addresses)] } },
    } as const;
    const rbac = { shadow_rules: rules, shadow_rules_stat_prefix: prefix };
    plan.filter(name, any('envoy.extensions.filters.http.rbac.v3.RBACPerRoute', { rbac }));
  },

  filter() {
    return { config: any('envoy.extensions.filters.http.rbac.v3.RBAC', {}) };
  },
});
