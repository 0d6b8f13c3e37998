/** Lets requests pass by the address that they come from. */
import { any } from '../proto/message.ts';
import type { MessageTypes } from '../proto/message.ts';
import { defineFeature } from './feature.ts';
import { cidr, list } from './value.ts';
import type { Cidr } from './value.ts';

type Principal = MessageTypes['envoy.config.rbac.v3.Principal'];

interface Policy {
  /** Empty for everybody. */
  readonly allow: readonly Cidr[];
  readonly deny: readonly Cidr[];
}

const name = 'source-range';
const ranges = list(cidr);

export const sourceRange = defineFeature({
  name,
  isAccessCheck: true,
  settings: {
    allow: {
      annotation: 'allowlist-source-range',
      aliases: ['whitelist-source-range'],
      configMap: 'whitelist-source-range',
      parse: ranges,
      default: [],
      onInvalid: 'closed',
      documentation: {
        value: 'address ranges with commas between',
        default: 'everybody',
        nginx: 'Answers 403 to clients of other addresses; redirects and CORS preflights are answered before',
      },
    },
    deny: {
      annotation: 'denylist-source-range',
      configMap: 'denylist-source-range',
      parse: ranges,
      default: [],
      onInvalid: 'closed',
      documentation: {
        value: 'address ranges with commas between',
        default: 'nobody',
        nginx: 'Answers 403 to clients of these addresses, also if they are on the allow list',
      },
    },
  },

  policy({ allow, deny }): Policy | undefined {
    return allow.length === 0 && deny.length === 0 ? undefined : { allow, deny };
  },

  route(policy, plan) {
    const rules = addressRules(policy);
    plan.filter(name, any('envoy.extensions.filters.http.rbac.v3.RBACPerRoute', { rbac: { rules } }));
  },

  filter() {
    return { config: any('envoy.extensions.filters.http.rbac.v3.RBAC', {}) };
  },
});

export function addressRules({ allow, deny }: Policy): MessageTypes['envoy.config.rbac.v3.RBAC'] {
  const refused = anyOf(deny);
  const allowed: Principal = allow.length === 0 ? { any: true } : anyOf(allow);
  const principal: Principal = deny.length === 0 ? allowed : { and_ids: { ids: [{ not_id: refused }, allowed] } };
  return {
    action: 'ALLOW',
    policies: { addresses: { permissions: [{ any: true }], principals: [principal] } },
  };
}

/** Whoever has one of these addresses. */
export function anyOf(listed: readonly Cidr[]): Principal {
  const ids = listed.map(({ address, bits }) => ({ remote_ip: { address_prefix: address, prefix_len: bits } }));
  const [only, ...others] = ids;
  return only !== undefined && others.length === 0 ? only : { or_ids: { ids } };
}
