/** Headers of all requests and all answers, which only an administrator sets. */
import { objectNamed } from '../cluster/config-map-reference.ts';
import type { ObjectLookup } from './object-lookup.ts';
import { any } from '../proto/message.ts';
import { defineFeature } from './feature.ts';
import type { Report } from './feature.ts';
import { headerFault, headersIn } from './header-value.ts';
import type { NamedHeaders } from './header-value.ts';
import { literal, overwrite } from './route-plan.ts';
import { list, matching } from './value.ts';

interface Policy {
  readonly toBackends: NamedHeaders;
  readonly toClients: NamedHeaders;
  readonly hidden: readonly string[];
}

type Named = 'toBackends' | 'toClients';

const reference = matching(/[!-~]+/, 'ingress-nginx/headers');
const names = list(matching(/[a-zA-Z\d_-]+/, 'X-Powered-By'));
const value = 'a ConfigMap, with its namespace before it';

export const headersForAll = defineFeature({
  name: 'headers-for-all',
  settings: {
    toClients: {
      configMap: 'add-headers',
      parse: reference,
      default: '',
      documentation: {
        value,
        default: 'unset',
        nginx: 'Sets the headers in it on every answer, in place of those of the backend',
        difference: 'Values with variables of nginx are reported and left out',
      },
    },
    toBackends: {
      configMap: 'proxy-set-headers',
      parse: reference,
      default: '',
      documentation: {
        value,
        default: 'unset',
        nginx: 'Sets the headers in it on every request, in place of those of the client',
        difference: 'Values with variables of nginx are reported and left out',
      },
    },
    hidden: {
      configMap: 'hide-headers',
      parse: names,
      default: [],
      documentation: {
        value: 'header names with commas between',
        default: 'none',
        nginx: 'Takes these headers away from the answers of backends',
        difference: 'Also from answers of Envoy itself',
      },
    },
  },

  policy({ toBackends, toClients, hidden }, report, objects): Policy | undefined {
    const policy = {
      toBackends: read('toBackends', toBackends, report, objects),
      toClients: read('toClients', toClients, report, objects),
      hidden,
    };
    return Object.values(policy).every((each) => each.length === 0) ? undefined : policy;
  },

  filter(policy) {
    if (policy === undefined) return undefined;
    const { toBackends, toClients, hidden } = policy;
    const mutations = {
      request_mutations: set(toBackends),
      response_mutations: [...hidden.map((remove) => ({ remove })), ...set(toClients)],
    };
    return {
      isOn: true,
      config: any('envoy.extensions.filters.http.header_mutation.v3.HeaderMutation', { mutations }),
    };
  },
});

function read(setting: Named, written: string, report: Report<Named>, objects: ObjectLookup): NamedHeaders {
  if (written === '') return [];
  const key = objectNamed(written, objects.namespace);
  const configMap = key === undefined ? undefined : objects.configMap(key);
  if (key === undefined || configMap === undefined) {
    report(setting, `there is no ConfigMap ${written}`, 'create it, or correct the name');
    return [];
  }
  return headersIn(configMap).filter(([header, text]) => {
    const variable = /\$(\{|[a-z])/i.test(text) ? `the value of ${header} has a variable of nginx` : undefined;
    const why = headerFault(header, text) ?? variable;
    if (why !== undefined) report(setting, `in ${key}, ${why}`, 'correct it; the other headers are set');
    return why === undefined;
  });
}

function set(headers: NamedHeaders) {
  return headers.map(([header, text]) => ({ append: overwrite(header, literal(text)) }));
}
