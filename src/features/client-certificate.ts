/** Asks the clients of a host for a certificate, and lets nobody pass who has shown it under another name. */
import { createHash } from 'node:crypto';
import type { Secret } from '../cluster/kubernetes-object.ts';
import { regexFault } from '../model/path-regex.ts';
import { readAuthorities } from './authorities.ts';
import { defineFeature } from './feature.ts';
import { namedSecret } from './named-secret.ts';
import type { ClientAuthentication, Report } from './feature.ts';
import { chainHeader, literal, overwrite, subjectHeader } from './route-plan.ts';
import type { HeaderMatcher, RoutePlan } from './route-plan.ts';
import { boolean, integer, oneOf, redirectTarget, valid } from './value.ts';
import type { Parse } from './value.ts';

type Policy =
  | {
      readonly kind: 'asked';
      /** PEM. */
      readonly authorities: string;
      readonly depth: number;
      readonly mode: 'on' | 'optional' | 'optional_no_ca';
      /** Where clients without a good certificate are sent; empty for 400. */
      readonly errorPage: string;
      /** Expression that is found in the subject; empty for any. */
      readonly subject: string;
      readonly isPassedOn: boolean;
    }
  /** Nobody is let in. */
  | { readonly kind: 'closed' };

const anyText: Parse<string> = (text) => valid(text);
const passed = ['ssl-client-verify', 'ssl-client-subject-dn', 'ssl-client-issuer-dn', 'ssl-client-cert'] as const;

const settings = {
  secret: {
    annotation: 'auth-tls-secret',
    parse: anyText,
    default: '',
    onInvalid: 'host closed',
    documentation: {
      value: 'name of a Secret with `ca.crt`, with its namespace before it and a slash',
      nginx:
        'Asks TLS clients of the whole host for a certificate that one of these authorities has signed, and answers 400 without. One Ingress sets it for its host. Backends get ssl-client-verify, ssl-client-subject-dn and ssl-client-issuer-dn',
      difference:
        'Also in plain text, requests that need a certificate are answered 403. A Secret that is missing or of no use closes the host (403), and one with `ca.crl` as well: revocation lists are not supported. A request over a connection for another host is answered 421',
    },
  },
  mode: {
    annotation: 'auth-tls-verify-client',
    parse: oneOf(['on', 'off', 'optional', 'optional_no_ca']),
    default: 'on',
    documentation: {
      value: '`on`, `off`, `optional` or `optional_no_ca`',
      nginx:
        'Whether a good certificate is needed, nobody is asked, a certificate must be good if there is one, or any certificate is taken',
    },
  },
  depth: {
    annotation: 'auth-tls-verify-depth',
    parse: integer(0, 100),
    default: 1,
    documentation: { value: 'number', nginx: 'How many authorities may be between the client and the known one' },
  },
  errorPage: {
    annotation: 'auth-tls-error-page',
    parse: redirectTarget,
    default: '',
    documentation: { value: 'URL', nginx: 'Where clients are sent (302) instead of 400' },
  },
  isPassedOn: {
    annotation: 'auth-tls-pass-certificate-to-upstream',
    parse: boolean,
    default: false,
    documentation: { value: '`true` or `false`', nginx: 'Whether backends get the certificate, in ssl-client-cert' },
  },
  subject: {
    annotation: 'auth-tls-match-cn',
    parse: anyText,
    default: '',
    onInvalid: 'host closed',
    documentation: {
      value: '`CN=` and a regular expression',
      nginx: 'Answers 403 where it is not found in the subject of the certificate, as RFC 2253 writes it',
    },
  },
} as const;

export const clientCertificate = defineFeature({
  name: 'client-certificate',
  settings,
  isOfHost: true,

  mayProtect: () => true,

  policy({ secret, mode, depth, errorPage, isPassedOn, subject }, report, objects): Policy | undefined {
    if (secret === '') return undefined;
    const found = namedSecret(secret, objects);
    if (found.kind === 'fault') {
      report('secret', found.message, found.fix);
      return { kind: 'closed' };
    }
    const authorities = authoritiesOf(secret, found.secret, report);
    if (authorities === undefined || !isSubjectGood(subject, report)) return { kind: 'closed' };
    if (mode === 'off') return undefined;
    return { kind: 'asked', authorities, depth, mode, errorPage, subject, isPassedOn };
  },

  clientAuthentication(policy) {
    return policy.kind === 'closed' ? undefined : authenticationOf(policy);
  },

  hostRoute(policy, plan) {
    if (policy.kind === 'closed') {
      plan.answer({ direct_response: { status: 403 } });
      return;
    }
    if (plan.scheme === 'http') return;
    const { id } = authenticationOf(policy);
    plan.answer({ direct_response: { status: 421 } }, { headers: [not(chainHeader, { exact: id })] });
    const refusal =
      policy.errorPage === ''
        ? { direct_response: { status: 400 } }
        : {
            direct_response: { status: 302 },
            response_headers_to_add: [overwrite('location', literal(policy.errorPage))],
          };
    if (policy.mode === 'on') plan.answer(refusal, { tls_context: { validated: false } });
    if (policy.mode === 'optional') plan.answer(refusal, { tls_context: { presented: true, validated: false } });
    if (policy.subject === '') return;
    const regex = `(?s).*(?:${policy.subject}).*`;
    plan.answer({ direct_response: { status: 403 } }, { headers: [not(subjectHeader, { safe_regex: { regex } })] });
  },

  hostPath(policy, plan) {
    plan.removeRequestHeaders(...passed);
    if (policy.kind === 'closed') return;
    if (plan.scheme === 'http') {
      // After the redirect to TLS.
      if (policy.mode === 'on' || policy.subject !== '') plan.answer({ direct_response: { status: 403 } });
      return;
    }
    describeClient(policy.isPassedOn, plan);
  },
});

function authenticationOf({ authorities, depth }: Policy & { readonly kind: 'asked' }): ClientAuthentication {
  const id = createHash('sha256').update(`${depth} ${authorities}`).digest('hex').slice(0, 12);
  return { id, authorities, depth };
}

function describeClient(isPassedOn: boolean, plan: RoutePlan): void {
  plan.requestHeaders(
    overwrite('ssl-client-verify', 'NONE'),
    overwrite('ssl-client-subject-dn', '%DOWNSTREAM_PEER_SUBJECT%'),
    overwrite('ssl-client-issuer-dn', '%DOWNSTREAM_PEER_ISSUER%'),
    ...(isPassedOn ? [overwrite('ssl-client-cert', '%DOWNSTREAM_PEER_CERT%')] : []),
  );
  const verified = (text: string) => () => plan.requestHeaders(overwrite('ssl-client-verify', text));
  plan.split([
    { when: { tls: { presented: true, validated: false } }, amend: verified('FAILED:certificate verify failed') },
    { when: { tls: { presented: true, validated: true } }, amend: verified('SUCCESS') },
  ]);
}

function authoritiesOf(name: string, secret: Secret, report: Report<'secret'>): string | undefined {
  const reading = readAuthorities(secret);
  if (reading.kind === 'authorities') return reading.pem;
  report('secret', `Secret "${name}" ${reading.why}`, 'put the certificates of the authorities into ca.crt, as PEM');
  return undefined;
}

function isSubjectGood(text: string, report: Report<'subject'>): boolean {
  if (text === '') return true;
  const why = text.startsWith('CN=') ? regexFault(text) : 'does not begin with CN=';
  if (why === undefined && text.length <= 1024) return true;
  report(
    'subject',
    `${JSON.stringify(text.slice(0, 80))} ${why ?? 'is too long'}`,
    'write an expression such as "CN=(alice|bob)"',
  );
  return false;
}

/** Also for a request without the header. */
function not(name: string, string_match: NonNullable<HeaderMatcher['string_match']>): HeaderMatcher {
  return { name, string_match, invert_match: true, treat_missing_header_as_empty: true };
}
