/** Other names under which a host is served. */
import { defineFeature } from './feature.ts';
import { regexFault } from '../model/path-regex.ts';
import { invalid, list, matching, valid } from './value.ts';

const label = /[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/i;
const hostName = matching(new RegExp(`(\\*\\.)?${label.source}(\\.${label.source}){0,125}`, 'i'), 'www.example.com');

/** Each is a virtual host of its own. */
const mostNames = 200;

const names = list((text) => {
  if (!text.startsWith('~')) return hostName(text);
  const fault = regexFault(text.slice(1));
  return fault === undefined && text.length > 1
    ? valid(text)
    : invalid(
        fault ?? 'has no expression',
        'write an expression that RE2 understands, such as "~^www\\d+\\.example\\.com$"',
      );
}, mostNames);

export const serverAlias = defineFeature({
  name: 'server-alias',
  settings: {
    names: {
      annotation: 'server-alias',
      parse: names,
      default: [],
      documentation: {
        value: 'host names, and expressions behind `~`, with commas between; 200 at most',
        default: 'none',
        nginx: 'Serves all that its hosts serve under these names, too, unless an Ingress has a rule for the name',
        differsFor: /~/,
        difference:
          'The dialect of expressions is RE2. Over TLS they are served with the certificate for all other names',
      },
    },
  },

  policy({ names: written }) {
    return written.length === 0
      ? undefined
      : { names: written.map((name) => (name.startsWith('~') ? name : name.toLowerCase())) };
  },

  aliases({ names: aliases }) {
    return aliases;
  },
});
