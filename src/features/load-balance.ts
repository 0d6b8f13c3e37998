/** How the endpoint of a request is chosen. */
import { any } from '../proto/message.ts';
import { affinity } from './affinity.ts';
import { balanceByHash } from './cluster-plan.ts';
import { defineFeature } from './feature.ts';
import { upstreamHash } from './upstream-hash.ts';
import { oneOf } from './value.ts';
import type { Parse } from './value.ts';

const algorithms: Parse<string> = oneOf(['round_robin', 'ewma', 'least_conn', 'ip_hash']);

export const loadBalance = defineFeature({
  name: 'load-balance',
  isHarmless: true,
  isOfBackend: true,
  settings: {
    algorithm: {
      annotation: 'load-balance',
      configMap: 'load-balance',
      parse: algorithms,
      default: 'round_robin',
      documentation: {
        value: '`round_robin` or `ewma`',
        nginx: 'In turns, or to endpoints that answer fast. `affinity` and `upstream-hash-by` are of more weight',
        differsFor: /ewma/i,
        difference:
          '`ewma` is the one of two endpoints by chance that has fewer requests. `least_conn` and `ip_hash`, which ingress-nginx had before 0.20, work again. It is for the Ingress that says it, and not for all that use its Services',
      },
    },
  },

  policy({ algorithm }) {
    return algorithm === 'round_robin' ? undefined : { algorithm };
  },

  route({ algorithm }, plan) {
    if (algorithm !== 'ip_hash' || plan.policyOf(affinity) !== undefined || plan.policyOf(upstreamHash) !== undefined)
      return;
    plan.action({ hash_policy: [{ connection_properties: { source_ip: true } }] });
  },

  backend({ algorithm }) {
    return { algorithm };
  },

  cluster({ algorithm }, plan) {
    plan.balancing = algorithm === 'ip_hash' ? balanceByHash : leastRequests;
  },
});

const leastRequests = {
  policies: [
    {
      typed_extension_config: {
        name: 'envoy.load_balancing_policies.least_request',
        typed_config: any('envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest', {}),
      },
    },
  ],
};
