/** Tells browsers to come over HTTPS from now on. */
import { any } from '../proto/message.ts';
import { defineFeature } from './feature.ts';
import { overwrite } from './route-plan.ts';
import { boolean, integer } from './value.ts';

const flag = '`true` or `false`';

export const hsts = defineFeature({
  name: 'hsts',
  settings: {
    isOn: {
      configMap: 'hsts',
      parse: boolean,
      default: true,
      documentation: {
        value: flag,
        nginx: 'Sets Strict-Transport-Security on every answer over HTTPS, in place of that of the backend',
      },
    },
    maxAge: {
      configMap: 'hsts-max-age',
      parse: integer(0, 4_294_967_295),
      default: 31_536_000,
      documentation: { value: 'seconds', nginx: 'Its `max-age`' },
    },
    includeSubdomains: {
      configMap: 'hsts-include-subdomains',
      parse: boolean,
      default: true,
      documentation: { value: flag, nginx: 'Adds `includeSubDomains`' },
    },
    preload: {
      configMap: 'hsts-preload',
      parse: boolean,
      default: false,
      documentation: { value: flag, nginx: 'Adds `preload`' },
    },
  },

  policy({ isOn, maxAge, includeSubdomains, preload }) {
    if (!isOn) return undefined;
    return {
      header: `max-age=${maxAge}${includeSubdomains ? '; includeSubDomains' : ''}${preload ? '; preload' : ''}`,
    };
  },

  /** In the listener, so that answers of filters, and 404 where no path matches, have it as well. */
  filter(policy, scheme) {
    if (policy === undefined || scheme === 'http') return undefined;
    const response_mutations = [{ append: overwrite('strict-transport-security', policy.header) }];
    return {
      isOn: true,
      config: any('envoy.extensions.filters.http.header_mutation.v3.HeaderMutation', {
        mutations: { response_mutations },
      }),
    };
  },
});
