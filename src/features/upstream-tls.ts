/** How TLS towards backends proves who is who. */
import { isIP } from 'node:net';
import { readPair } from '../cluster/certificate-check.ts';
import type { Secret } from '../cluster/kubernetes-object.ts';
import type { Certificate } from '../model/certificate.ts';
import { readAuthorities } from './authorities.ts';
import { cipherList, knownCiphers } from './ciphers.ts';
import { defineFeature, noValue } from './feature.ts';
import { namedSecret } from './named-secret.ts';
import type { Report } from './feature.ts';
import { integer, matching, oneOf } from './value.ts';

interface Policy {
  /** What Envoys show of themselves, if they are asked. */
  readonly certificate?: Certificate;
  /** PEM; left out where backends need to prove nothing. */
  readonly authorities?: string;
  readonly depth: number;
  /** Empty for none. */
  readonly name: string;
  readonly isNameSent: boolean;
  readonly ciphers: readonly string[];
  readonly protocols: readonly Protocol[];
}

type Protocol = 'TLSv1_0' | 'TLSv1_1' | 'TLSv1_2' | 'TLSv1_3';

const protocolNames: ReadonlyMap<string, Protocol> = new Map([
  ['TLSv1', 'TLSv1_0'],
  ['TLSv1.1', 'TLSv1_1'],
  ['TLSv1.2', 'TLSv1_2'],
  ['TLSv1.3', 'TLSv1_3'],
]);

const settings = {
  secret: {
    annotation: 'proxy-ssl-secret',
    parse: matching(/[a-z0-9.-]+(?:\/[a-z0-9.-]+)?/, 'default/backend-tls'),
    default: '',
    onInvalid: 'closed',
    documentation: {
      value: 'name of a Secret, with its namespace before it and a slash',
      nginx:
        'The certificate and key (`tls.crt`, `tls.key`) that backends are shown, and the authorities (`ca.crt`) that may have signed theirs. Without it, the other annotations for TLS towards backends do nothing',
    },
  },
  verify: {
    annotation: 'proxy-ssl-verify',
    parse: oneOf(['on', 'off']),
    default: 'off',
    onInvalid: 'closed',
    documentation: {
      value: '`on` or `off`',
      nginx: 'Whether a backend must show a certificate of these authorities, for `proxy-ssl-name`; 502 if it does not',
      differsFor: /on/i,
      difference:
        'Without `proxy-ssl-name`, any name is good; nginx compares with one that no certificate has. The common name of a certificate does not count',
    },
  },
  depth: {
    annotation: 'proxy-ssl-verify-depth',
    parse: integer(0, 100),
    default: 1,
    documentation: { value: 'number', nginx: 'How many authorities may be between the backend and the known one' },
  },
  name: {
    annotation: 'proxy-ssl-name',
    parse: matching(/[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?/i, 'backend.example.com'),
    default: '',
    onInvalid: 'closed',
    documentation: { value: 'host name', nginx: 'The name that the certificate of a backend must have' },
  },
  sendsName: {
    annotation: 'proxy-ssl-server-name',
    parse: oneOf(['on', 'off']),
    default: 'off',
    documentation: { value: '`on` or `off`', nginx: 'Whether `proxy-ssl-name` is sent as server name (SNI)' },
  },
  ciphers: {
    annotation: 'proxy-ssl-ciphers',
    parse: cipherList,
    default: 'DEFAULT',
    documentation: {
      value: 'names of OpenSSL with colons between',
      nginx: 'Ciphers towards backends, up to TLS 1.2',
      difference: 'Names that Envoy does not know are passed over; with none that it knows, all of its own are used',
    },
  },
  protocols: {
    annotation: 'proxy-ssl-protocols',
    parse: matching(/(?:SSLv2|SSLv3|TLSv1(?:\.[123])?)(?:\s+(?:SSLv2|SSLv3|TLSv1(?:\.[123])?))*/, 'TLSv1.2 TLSv1.3'),
    default: '',
    documentation: {
      value: '`TLSv1`, `TLSv1.1`, `TLSv1.2`, `TLSv1.3`, with spaces between',
      default: '`TLSv1.2 TLSv1.3`',
      nginx: 'Versions of TLS towards backends',
      differsFor: noValue,
      difference: 'From the lowest to the highest, without gaps; SSL is left out. The default of nginx has no TLS 1.3',
    },
  },
} as const;

export const upstreamTls = defineFeature({
  name: 'upstream-tls',
  settings,

  policy(values, report, objects): Policy | undefined {
    if (values.secret === '') return undefined;
    const found = namedSecret(values.secret, objects);
    if (found.kind === 'fault') {
      report('secret', found.message, found.fix);
      return undefined;
    }
    const { secret } = found;
    const isVerified = values.verify === 'on';
    const authorities = isVerified ? authoritiesOf(values.secret, secret, report) : undefined;
    const certificate = certificateOf(values.secret, secret, report);
    return {
      ...(certificate && { certificate }),
      ...(authorities !== undefined && { authorities }),
      depth: values.depth,
      name: values.name,
      isNameSent: values.sendsName === 'on' && values.name !== '',
      ciphers: knownCiphers(values.ciphers),
      protocols: values.protocols
        .split(/\s+/)
        .flatMap((each) => protocolNames.get(each) ?? [])
        .toSorted(),
    };
  },

  backend(policy) {
    return policy;
  },

  cluster({ certificate, authorities, depth, name, isNameSent, ciphers: cipher_suites, protocols }, plan) {
    const [lowest, highest] = [protocols[0], protocols.at(-1)];
    if (isNameSent) plan.serverName = name;
    plan.tls = {
      tls_params: {
        ...(lowest && { tls_minimum_protocol_version: lowest }),
        ...(highest && { tls_maximum_protocol_version: highest }),
        ...(cipher_suites.length > 0 && { cipher_suites }),
      },
      ...(certificate && {
        tls_certificates: [
          {
            certificate_chain: { inline_string: certificate.chain },
            private_key: { inline_string: certificate.privateKey },
          },
        ],
      }),
      ...(authorities !== undefined && {
        validation_context: {
          trusted_ca: { inline_string: authorities },
          max_verify_depth: depth,
          ...(name !== '' && {
            match_typed_subject_alt_names: [
              { san_type: isIP(name) === 0 ? 'DNS' : 'IP_ADDRESS', matcher: { exact: name } },
            ],
          }),
        },
      }),
    };
  },
});

function authoritiesOf(name: string, secret: Secret, report: Report<'secret'>): string | undefined {
  const reading = readAuthorities(secret);
  if (reading.kind === 'authorities') return reading.pem;
  report('secret', `Secret "${name}" ${reading.why}`, 'put the certificates of the authorities into ca.crt, as PEM');
  return undefined;
}

/** Undefined for a Secret without one: most backends ask for none. */
function certificateOf(name: string, secret: Secret, report: Report<'secret'>): Certificate | undefined {
  if (secret.certificate === '' && secret.privateKey === '') return undefined;
  const reading = readPair(secret);
  if (reading.kind === 'pair') return reading.certificate;
  report(
    'secret',
    `Secret "${name}" ${reading.fault}`,
    'put a PEM certificate chain into tls.crt and its key into tls.key',
  );
  return undefined;
}
