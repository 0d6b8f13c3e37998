/** Turns clients away from all hosts, by their address and by what they say of themselves. */
import { pathRegexFault, regexFault } from '../model/path-regex.ts';
import { any } from '../proto/message.ts';
import type { MessageTypes } from '../proto/message.ts';
import { defineFeature } from './feature.ts';
import { cidr, invalid, list, valid } from './value.ts';
import type { Cidr, Parse } from './value.ts';

type Permission = MessageTypes['envoy.config.rbac.v3.Permission'];

interface Policy {
  readonly addresses: readonly Cidr[];
  readonly agents: readonly string[];
  readonly referers: readonly string[];
}

/** An item of nginx's `map`: the whole text without regard to case, or behind `~` or `~*` an expression of a part of it. */
const item: Parse<string> = (text) => {
  if (!text.startsWith('~')) return valid(text);
  const expression = expressionOf(text);
  // Behind the slash, something may be repeated that is not there by itself.
  const fault = pathRegexFault(`/${expression}`) ?? regexFault(expression);
  return fault === undefined ? valid(text) : invalid(fault, 'write an expression such as "~*curl", or the whole text');
};

const ranges = list(cidr);
const items = list(item);
const documentedItems = 'texts with commas between; behind `~` (with) or `~*` (without regard to case) expressions';
const re2 = 'The dialect of expressions is RE2';

export const blockedClients = defineFeature({
  name: 'blocked-clients',
  settings: {
    addresses: {
      configMap: 'block-cidrs',
      parse: ranges,
      default: [],
      onInvalid: 'closed',
      documentation: {
        value: 'address ranges with commas between',
        default: 'nobody',
        nginx: 'Answers 403 to clients of these addresses, on all hosts, before anything else',
      },
    },
    agents: {
      configMap: 'block-user-agents',
      parse: items,
      default: [],
      onInvalid: 'closed',
      documentation: {
        value: documentedItems,
        default: 'nobody',
        nginx: 'The same for clients whose User-Agent is one of these',
        difference: re2,
      },
    },
    referers: {
      configMap: 'block-referers',
      parse: items,
      default: [],
      onInvalid: 'closed',
      documentation: {
        value: documentedItems,
        default: 'nobody',
        nginx: 'The same for requests whose Referer is one of these',
        difference: `${re2}. A Referer that is no URL counts as missing`,
      },
    },
  },

  policy({ addresses, agents, referers }): Policy | undefined {
    return addresses.length + agents.length + referers.length === 0 ? undefined : { addresses, agents, referers };
  },

  /** In the listener, so that it goes for what no Ingress serves as well. */
  filter(policy) {
    if (policy === undefined) return undefined;
    const { addresses, agents, referers } = policy;
    const headers = [...agents.map(matcher('user-agent')), ...referers.map(matcher('referer'))];
    const everybody = [{ any: true }];
    const policies = {
      ...(addresses.length > 0 && {
        addresses: {
          permissions: everybody,
          principals: addresses.map(({ address, bits }) => ({
            remote_ip: { address_prefix: address, prefix_len: bits },
          })),
        },
      }),
      ...(headers.length > 0 && { headers: { permissions: headers, principals: everybody } }),
    };
    const rules = { action: 'DENY', policies } as const;
    return { isOn: true, config: any('envoy.extensions.filters.http.rbac.v3.RBAC', { rules }) };
  },
});

function matcher(name: string): (text: string) => Permission {
  return (text) => {
    if (!text.startsWith('~')) return { header: { name, string_match: { exact: text, ignore_case: true } } };
    const flags = text.startsWith('~*') ? '(?i)' : '';
    return { header: { name, string_match: { safe_regex: { regex: `${flags}.*(?:${expressionOf(text)}).*` } } } };
  };
}

/** Spaces are written as escapes, which paths have to do as well. */
function expressionOf(text: string): string {
  return text.replace(/^~\*?/, '').replaceAll(' ', String.raw`\x20`);
}
