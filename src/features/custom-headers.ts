/** Headers of answers that an Ingress takes from a ConfigMap, as far as the administrator lets it. */
import { objectNamed } from '../cluster/config-map-reference.ts';
import { any } from '../proto/message.ts';
import { defineFeature } from './feature.ts';
import { headerFault, headersIn } from './header-value.ts';
import type { NamedHeaders } from './header-value.ts';
import { literal, overwrite } from './route-plan.ts';
import { list, matching } from './value.ts';

interface Policy {
  readonly headers: NamedHeaders;
}

const name = 'custom-headers';
const reference = matching(/[!-~]+/, 'shop/headers');
const names = list(matching(/[a-zA-Z\d_-]+/, 'X-Frame-Options'));

export const customHeaders = defineFeature({
  name,
  settings: {
    from: {
      annotation: 'custom-headers',
      parse: reference,
      default: '',
      onInvalid: 'closed',
      documentation: {
        value: 'a ConfigMap of the same namespace, with or without that before it',
        default: 'unset',
        nginx:
          'Sets these headers on every answer, in place of those of the backend. If the ConfigMap does not exist, or one of its headers is not in `global-allowed-response-headers`, the paths answer 503',
        difference: 'Variables of nginx in values stand for themselves',
      },
    },
    allowed: {
      configMap: 'global-allowed-response-headers',
      parse: names,
      default: [],
      documentation: {
        value: 'header names with commas between',
        default: 'none',
        nginx: 'Which headers `custom-headers` may set',
      },
    },
  },

  policy({ from, allowed }, report, objects): Policy | undefined {
    if (from === '') return undefined;
    const key = objectNamed(from, objects.namespace);
    const fault = (message: string, fix: string): undefined => {
      report('from', message, fix);
    };
    if (key === undefined) return fault('this is no name of a ConfigMap', 'write one such as "shop/headers"');
    if (key.split('/')[0] !== objects.namespace) {
      return fault('the ConfigMap is of another namespace', 'copy it into the namespace of the Ingress');
    }
    const configMap = objects.configMap(key);
    if (configMap === undefined) return fault(`there is no ConfigMap ${key}`, 'create it, or correct the name');
    const headers = headersIn(configMap);
    const faults = headers.flatMap(([header, value]) => headerFault(header, value) ?? []);
    const others = headers.map(([header]) => header).filter((header) => !allowed.includes(header));
    if (faults.length > 0) fault(faults.join('; '), `correct it in the ConfigMap ${key}`);
    if (others.length > 0) {
      const fix = `let an administrator add ${others.length === 1 ? 'it' : 'them'} to global-allowed-response-headers`;
      fault(`${others.join(', ')} may not be set`, fix);
    }
    return headers.length === 0 ? undefined : { headers };
  },

  route({ headers }, plan) {
    const response_mutations = headers.map(([key, value]) => ({ append: overwrite(key, literal(value)) }));
    plan.filterEverywhere(
      name,
      any('envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute', {
        mutations: { response_mutations },
      }),
    );
  },

  filter() {
    return { config: any('envoy.extensions.filters.http.header_mutation.v3.HeaderMutation', {}) };
  },
});
