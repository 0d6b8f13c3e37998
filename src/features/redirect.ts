/** Answers all requests of an Ingress with a redirect. */
import { defineFeature } from './feature.ts';
import { literal, overwrite } from './route-plan.ts';
import { integer, redirectTarget } from './value.ts';

interface Policy {
  readonly code: number;
  readonly location: string;
}

export const redirect = defineFeature({
  name: 'redirect',
  settings: {
    permanent: {
      annotation: 'permanent-redirect',
      parse: redirectTarget,
      default: '',
      documentation: {
        value: 'URL',
        nginx: 'Answers 301 with this Location, before the redirect to HTTPS and before all checks',
      },
    },
    permanentCode: {
      annotation: 'permanent-redirect-code',
      parse: integer(0, 999),
      default: 301,
      documentation: { value: '300 to 308', nginx: 'Status of `permanent-redirect`; 301 for other numbers' },
    },
    temporal: {
      annotation: 'temporal-redirect',
      parse: redirectTarget,
      default: '',
      documentation: { value: 'URL', nginx: 'Answers 302 with this Location; goes before `permanent-redirect`' },
    },
    temporalCode: {
      annotation: 'temporal-redirect-code',
      parse: integer(0, 999),
      default: 302,
      documentation: { value: '300 to 307', nginx: 'Status of `temporal-redirect`; 302 for other numbers' },
    },
  },

  policy({ permanent, permanentCode, temporal, temporalCode }): Policy | undefined {
    if (temporal !== '') return { code: within(temporalCode, 307) ? temporalCode : 302, location: temporal };
    if (permanent !== '') return { code: within(permanentCode, 308) ? permanentCode : 301, location: permanent };
    return undefined;
  },

  route({ code, location }, plan) {
    const header = overwrite('location', literal(location));
    plan.answer({ direct_response: { status: code }, response_headers_to_add: [header] });
  },
});

function within(code: number, most: number): boolean {
  return code >= 300 && code <= most;
}
