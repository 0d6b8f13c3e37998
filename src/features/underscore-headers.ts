/** What becomes of request headers whose names hold an underscore. */
import { defineFeature } from './feature.ts';
import { boolean } from './value.ts';

const flag = '`true` or `false`';

export const underscoreHeaders = defineFeature({
  name: 'underscore-headers',
  isHarmless: true,
  settings: {
    arePassed: {
      configMap: 'enable-underscores-in-headers',
      parse: boolean,
      default: false,
      documentation: {
        value: flag,
        nginx: 'Passes headers with underscores in their names on; without it they are dropped',
      },
    },
    ignoresInvalid: {
      configMap: 'ignore-invalid-headers',
      parse: boolean,
      default: true,
      documentation: {
        value: flag,
        nginx: 'Drops headers with invalid names; with `false` they are passed on, those with underscores among them',
        difference: 'Requests with names that HTTP does not allow are always refused, with 400',
      },
    },
  },

  policy({ arePassed, ignoresInvalid }) {
    return arePassed || !ignoresInvalid ? { arePassed: true } : undefined;
  },

  connectionManager() {
    return { common_http_protocol_options: { headers_with_underscores_action: 'ALLOW' } };
  },
});
