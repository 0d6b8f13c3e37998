/** Other names under which a host is served. */
import { defineFeature } from './feature.ts';
import { list, matching } from './value.ts';

const label = /[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/i;
const names = list(matching(new RegExp(`(\\*\\.)?${label.source}(\\.${label.source}){0,125}`, 'i'), 'www.example.com'));

export const serverAlias = defineFeature({
  name: 'server-alias',
  settings: {
    names: {
      annotation: 'server-alias',
      parse: names,
      default: [],
      documentation: {
        value: 'host names with commas between',
        default: 'none',
        nginx: 'Serves all that its hosts serve under these names, too, unless an Ingress has a rule for the name',
        difference: 'Names that are regular expressions (`~…`) are reported; the whole list is left out then',
      },
    },
  },

  policy({ names: written }) {
    return written.length === 0 ? undefined : { names: written.map((name) => name.toLowerCase()) };
  },

  aliases({ names: aliases }) {
    return aliases;
  },
});
