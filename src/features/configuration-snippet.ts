/** Lines of nginx's configuration in the locations of an Ingress. */
import { any } from '../proto/message.ts';
import { requestRegex } from '../model/path-regex.ts';
import { defineFeature } from './feature.ts';
import type { HeaderMatcher, RoutePlan } from './route-plan.ts';
import { accessFilter } from './snippet-access.ts';
import {
  allowSnippets,
  answerSteps,
  optionOf,
  responseMutations,
  snippetDifference,
  snippetOf,
  snippetText,
} from './snippet-policy.ts';

const name = 'configuration-snippet';

export const configurationSnippet = defineFeature({
  name,
  settings: {
    isAllowed: allowSnippets,
    shared: {
      configMap: 'location-snippet',
      parse: snippetText,
      hasLines: true,
      default: '',
      documentation: {
        value: 'configuration of nginx',
        nginx: 'Lines for every location',
        difference: snippetDifference,
      },
    },
    text: {
      annotation: 'configuration-snippet',
      parse: snippetText,
      hasLines: true,
      default: '',
      documentation: {
        value: 'configuration of nginx',
        nginx: 'Lines for the locations of the Ingress, if the ConfigMap allows snippets',
        differsFor: /add_header/,
        difference: snippetDifference,
      },
    },
  },

  policy(texts, report) {
    return snippetOf(texts, 'location', report)?.snippet;
  },

  route({ steps, request, response, access, regexRewrite }, plan) {
    answerSteps(steps, plan, [requestsOf(plan)]);
    if (response.length > 0) plan.filterEverywhere(name, responseMutations(response));
    const sets = request.flatMap((line) =>
      line.kind === 'remove' ? [] : [optionOf(line.kind, line.name, line.value)],
    );
    if (sets.length > 0) plan.requestHeaders(...sets);
    const removed = request.filter(({ kind }) => kind === 'remove').map((line) => line.name);
    if (removed.length > 0) plan.removeRequestHeaders(...removed);
    if (access.length > 0) accessFilter(access, plan);
    if (regexRewrite) {
      const { regex, substitution } = regexRewrite;
      plan.action({ regex_rewrite: { pattern: { regex }, substitution } });
    }
  },

  filter() {
    return { config: any('envoy.extensions.filters.http.header_mutation.v3.HeaderMutation', {}) };
  },
});

/** The path of the route as a header, beside which a line may ask for a path of its own. */
function requestsOf({ route: { match } }: RoutePlan): HeaderMatcher {
  const text = match.path.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
  const regexes = {
    exact: String.raw`${text}(?:\?.*)?`,
    prefix: String.raw`${text}(?:[/?].*)?`,
    regex: match.kind === 'regex' ? requestRegex(match.path) : '',
  };
  return { name: ':path', string_match: { safe_regex: { regex: regexes[match.kind] } } };
}
