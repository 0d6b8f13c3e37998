/** Answers all requests of an Ingress with a redirect. */
import { defineFeature } from './feature.ts';
import { nginxFormat } from './nginx-format.ts';
import { relativeRedirects } from './relative-redirects.ts';
import { overwrite } from './route-plan.ts';
import { integer, redirectTarget } from './value.ts';
import type { HostFacts } from './route-plan.ts';
import type { Parse } from './value.ts';

interface Policy {
  readonly code: number;
  /** A format of Envoy. */
  readonly location: string;
}

const isAbsolute = /^(https?:\/\/|\$(scheme|\{scheme\}):\/\/)[^/?#]/i;

/** A URL or a path, with variables of nginx; as a format. */
const permanentTarget: Parse<string> = (text) => {
  const written = redirectTarget(text.replace(/^\$(scheme|\{scheme\}):/, 'http:'));
  return written.kind === 'invalid' ? written : nginxFormat(text);
};

const temporalTarget: Parse<string> = (text) => {
  if (!isAbsolute.test(text)) return urlOnly;
  return permanentTarget(text);
};

const urlOnly = {
  kind: 'invalid',
  why: 'does not begin with "http"',
  fix: 'write a URL such as "https://example.com/new"',
} as const;

const variables =
  '$scheme, $host, $request_uri and their like are filled in; from 1.12 on, ingress-nginx refuses values with variables';

export const redirect = defineFeature({
  name: 'redirect',
  isOfRules: true,
  settings: {
    permanent: {
      annotation: 'permanent-redirect',
      parse: permanentTarget,
      default: '',
      documentation: {
        value: 'URL or path',
        nginx:
          'Answers 301 with this Location, before the redirect to HTTPS and before all checks; a path is of the same host',
        differsFor: /\$/,
        difference: variables,
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
      parse: temporalTarget,
      default: '',
      documentation: {
        value: 'URL',
        nginx: 'Answers 302 with this Location; goes before `permanent-redirect`',
        differsFor: /\$/,
        difference: variables,
      },
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
    const isRelative = plan.policyOf(relativeRedirects)?.isOn === true;
    const base = location.startsWith('/') && !isRelative ? `${plan.scheme}://${hostFormat(plan.host)}` : '';
    const header = overwrite('location', base + location);
    plan.answer({ direct_response: { status: code }, response_headers_to_add: [header] });
  },
});

/** Without the port, as nginx writes it; of hosts that are known by their names only. */
function hostFormat({ name }: HostFacts): string {
  return name.startsWith('*') ? '%REQ(:authority)%' : name;
}

function within(code: number, most: number): boolean {
  return code >= 300 && code <= most;
}
