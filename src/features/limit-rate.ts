/** How fast an answer is sent. */
import { any } from '../proto/message.ts';
import { defineFeature } from './feature.ts';
import { integer } from './value.ts';

const name = 'limit-rate';
const kibibytes = integer(0, 4_294_967_295);

export const limitRate = defineFeature({
  name,
  settings: {
    rate: {
      annotation: 'limit-rate',
      configMap: 'limit-rate',
      parse: kibibytes,
      default: 0,
      documentation: {
        value: 'KiB per second; `0` for no limit',
        nginx: 'Sends each answer no faster; several at once to one client are not counted together',
      },
    },
    after: {
      annotation: 'limit-rate-after',
      configMap: 'limit-rate-after',
      parse: kibibytes,
      default: 0,
      documentation: {
        value: 'KiB',
        nginx: 'The first part of each answer, which is sent at full speed',
        differsFor: /[1-9]/,
        difference: 'The limit is for the whole answer: Envoy cannot begin it later',
      },
    },
  },

  policy({ rate }) {
    return rate === 0 ? undefined : { rate };
  },

  /** Of Envoy's filter for tests with slow and failing backends, this part does what is wanted. */
  route({ rate }, plan) {
    const response_rate_limit = { fixed_limit: { limit_kbps: rate }, percentage: { numerator: 100 } };
    plan.filter(name, any('envoy.extensions.filters.http.fault.v3.HTTPFault', { response_rate_limit }));
  },

  filter() {
    return { config: any('envoy.extensions.filters.http.fault.v3.HTTPFault', {}) };
  },
});
