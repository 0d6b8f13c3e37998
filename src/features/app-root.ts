/** Sends the root of a host to the page where its application begins. */
import { defineFeature } from './feature.ts';
import { literal, overwrite } from './route-plan.ts';
import { matching } from './value.ts';

export const appRoot = defineFeature({
  name: 'app-root',
  isHarmless: true,
  settings: {
    path: {
      annotation: 'app-root',
      parse: matching(/\/[!-~]*/, '/app'),
      default: '',
      documentation: {
        value: 'absolute path',
        nginx:
          'Answers `/` with 302 to this path of the same host, before everything else; one Ingress sets it for its whole host',
      },
    },
  },
  isOfHost: true,

  policy({ path }) {
    return path === '' || path === '/' ? undefined : { path };
  },

  hostRoute({ path }, plan) {
    const header = overwrite('location', `${plan.scheme}://%REQ(:AUTHORITY)%${literal(path)}`);
    plan.answer({ direct_response: { status: 302 }, response_headers_to_add: [header] }, { path: '/' });
  },
});
