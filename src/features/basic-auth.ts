/** User names and passwords: which there are. The verifier beside each Envoy compares them (src/verifier). */
import { noValue } from './feature.ts';
import type { Secret } from '../cluster/kubernetes-object.ts';
import type { Report, ValuesOf } from './feature.ts';
import { namedSecret } from './named-secret.ts';
import type { ObjectLookup } from './object-lookup.ts';
import { invalid, matching, oneOf, valid } from './value.ts';
import type { Parse } from './value.ts';

export interface BasicAuth {
  readonly realm: string;
  /** Hash by name. */
  readonly users: Readonly<Record<string, string>>;
}

const type: Parse<'basic' | ''> = (text) => {
  if (text === 'basic') return valid('basic');
  const fix = 'write "basic", and serve it over TLS only';
  return text === 'digest'
    ? invalid('is not supported: it needs passwords that can be read, and browsers are giving it up', fix)
    : invalid('is no type of authentication', fix);
};

export const basicAuthSettings = {
  type: {
    annotation: 'auth-type',
    parse: type,
    default: '',
    onInvalid: 'closed',
    documentation: {
      value: '`basic`',
      nginx: 'Asks for a user name and a password (401), and takes the Authorization header away',
      differsFor: noValue,
      difference:
        '`digest` is refused. A verifier beside each Envoy compares passwords, `sluice verify`: without it, 503',
    },
  },
  secret: {
    annotation: 'auth-secret',
    parse: matching(/[a-z0-9.-]+(?:\/[a-z0-9.-]+)?/, 'users'),
    default: '',
    onInvalid: 'closed',
    documentation: {
      value: 'name of a Secret, or `namespace/name` if `allow-cross-namespace-resources` is set',
      nginx: 'Where the users are: bcrypt, `$apr1$`, `$1$`, `$5$`, `$6$`, `{SHA}`, `{SSHA}` and `{PLAIN}`',
      difference: 'The hashes of DES and of yescrypt fit no password',
    },
  },
  secretType: {
    annotation: 'auth-secret-type',
    parse: oneOf(['auth-file', 'auth-map']),
    default: 'auth-file',
    onInvalid: 'closed',
    documentation: {
      value: '`auth-file` or `auth-map`',
      nginx: 'Whether the key `auth` has a file of `htpasswd`, or each key is a user with its hash',
    },
  },
  realm: {
    annotation: 'auth-realm',
    parse: matching(/[\u0020\u0021\u0023-\u005b\u005d-\u007e]{0,256}/, 'Members only'),
    default: '',
    documentation: { value: 'text without quotes', default: 'empty', nginx: 'What browsers show to whom they ask' },
  },
  otherNamespaces: {
    configMap: 'allow-cross-namespace-resources',
    parse: oneOf(['true', 'false']),
    default: 'false',
    documentation: { value: '`true` or `false`', nginx: 'Whether annotations may name Secrets of other namespaces' },
  },
} as const;

type Values = ValuesOf<typeof basicAuthSettings>;

export function basicAuth(
  { type: asked, secret, secretType, realm }: Values,
  report: Report<keyof Values>,
  objects: ObjectLookup,
): BasicAuth | undefined {
  if (asked === '') return undefined;
  if (secret === '') {
    report('type', 'there is no auth-secret, which says who may pass', 'name a Secret in auth-secret');
    return undefined;
  }
  const found = namedSecret(secret, objects);
  if (found.kind === 'fault') {
    report('secret', found.message, found.fix);
    return undefined;
  }
  const lines = secretType === 'auth-map' ? mapLines(found.secret) : fileLines(found.secret);
  if (lines === undefined) {
    report('secret', `Secret "${secret}" has no key "auth"`, 'put a file of htpasswd there, or set auth-secret-type');
    return undefined;
  }
  const users = [...new Map(lines.toReversed())].filter(([, hash]) => isKnownHash(hash));
  return { realm, users: Object.fromEntries(users.toSorted(([a], [b]) => (a < b ? -1 : 1))) };
}

type Line = readonly [user: string, hash: string];

function mapLines({ entries = {} }: Secret): readonly Line[] {
  return Object.entries(entries).map(([user, hash]) => [user, hash.trim()]);
}

/** The first line of a user counts. */
function fileLines({ entries = {} }: Secret): readonly Line[] | undefined {
  return entries['auth']?.split(/\r?\n/).flatMap((line): readonly Line[] => {
    const [, user, hash] = /^([^#:][^:]*):([^:]*)/.exec(line) ?? [];
    return user === undefined || hash === undefined ? [] : [[user, hash.trim()]];
  });
}

function isKnownHash(hash: string): boolean {
  return /^(\$(apr1|1|5|6|2[abxy])\$|\{(SHA|SSHA|PLAIN)\})[^\r\n]*$/.test(hash) && hash.length <= 512;
}
