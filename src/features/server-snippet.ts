/** Lines of nginx's configuration in the server of a host; the oldest Ingress that has some decides. */
import { any } from '../proto/message.ts';
import { configurationSnippet } from './configuration-snippet.ts';
import { defineFeature } from './feature.ts';
import { accessFilter } from './snippet-access.ts';
import {
  allowSnippets,
  answerSteps,
  responseMutations,
  snippetDifference,
  snippetOf,
  snippetText,
} from './snippet-policy.ts';
import { sourceRange } from './source-range.ts';

const name = 'server-snippet';

export const serverSnippet = defineFeature({
  name,
  settings: {
    isAllowed: allowSnippets,
    shared: {
      configMap: 'server-snippet',
      parse: snippetText,
      hasLines: true,
      default: '',
      documentation: {
        value: 'configuration of nginx',
        nginx: 'Lines for every server',
        difference: snippetDifference,
      },
    },
    text: {
      annotation: 'server-snippet',
      parse: snippetText,
      hasLines: true,
      default: '',
      documentation: {
        value: 'configuration of nginx',
        nginx:
          'Lines for the servers of the hosts, if the ConfigMap allows snippets; of several Ingresses of a host, those of the oldest',
        differsFor: /add_header/,
        difference: `${snippetDifference}. Locations that only answer are translated, too`,
      },
    },
  },
  isOfHost: true,

  policy(texts, report) {
    return snippetOf(texts, 'server', report);
  },

  mayProtect({ snippet: { access, steps }, closes }) {
    return closes || access.length > 0 || steps.length > 0;
  },

  hostRoute({ snippet, closes }, plan) {
    if (closes) plan.answer({ direct_response: { status: 503 } });
    answerSteps(snippet.steps, plan, []);
  },

  /** What a location says itself takes the place of what the server says: all rules of addresses, and all add_header. */
  hostPath({ snippet: { response, access } }, plan) {
    const own = plan.policyOf(configurationSnippet);
    const addsOwn = own?.response.some(({ kind }) => kind === 'add') === true;
    const lines = addsOwn ? response.filter(({ kind }) => kind !== 'add') : response;
    if (lines.length > 0) plan.filterEverywhere(name, responseMutations(lines));
    const hasOwnRules = (own?.access.length ?? 0) > 0 || plan.policyOf(sourceRange) !== undefined;
    if (access.length > 0 && !hasOwnRules) accessFilter(access, plan);
  },

  filter() {
    return { config: any('envoy.extensions.filters.http.header_mutation.v3.HeaderMutation', {}) };
  },
});
