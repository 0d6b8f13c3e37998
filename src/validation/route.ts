/** What routes match, answer, redirect to, and how they try again. */
import { readExpression } from '../model/expression.ts';
import { secondsIn } from '../proto/field-rules.ts';
import { formatFault } from './format.ts';
import { headerNameFault, headerTextFault } from './header.ts';
import { fieldsOf, listOf, numberOf, refuse, refuseDuplicate, textOf } from './rule.ts';
import type { Fields } from './rule.ts';

/** `RegexMatcher` of Envoy and of xDS. */
export function ruleOfRegex({ regex, google_re2: engine }: Fields): void {
  refuse('regex', regex, readExpression(textOf(regex)).fault);
  const limit = fieldsOf(engine)['max_program_size'];
  refuse('google_re2.max_program_size', limit, limit === undefined ? undefined : 'is a limit of its own');
}

/** `RegexMatchAndSubstitute`: what is put in refers to groups that are there. */
export function ruleOfSubstitution({ pattern, substitution }: Fields): void {
  const text = textOf(substitution);
  refuse('substitution', substitution, headerTextFault(text));
  const { groups } = readExpression(textOf(fieldsOf(pattern)['regex']));
  for (const [, reference = ''] of text.matchAll(/\\([^]?)/g)) {
    if (reference === '\\') continue;
    const fault = !/\d/.test(reference)
      ? 'has a backslash that refers to nothing'
      : Number(reference) > groups
        ? `refers to group ${reference} of ${groups}`
        : undefined;
    refuse('substitution', substitution, fault);
  }
}

/** What a request's path can begin with; Envoy takes anything, and never matches it. */
function pathFault(path: string): string | undefined {
  if (!path.startsWith('/')) return 'does not begin with "/"';
  for (let at = 1; at < path.length; at += 1) {
    const code = path.charCodeAt(at);
    if (code <= 0x20 || code === 0x7f || code === questionMark || code === numberSign) {
      return 'holds white space, a control character, "?" or "#"';
    }
  }
  return path.length > 8_192 ? 'is longer than 8,192 characters' : undefined;
}

const questionMark = 0x3f;
const numberSign = 0x23;

/** `RouteMatch`. */
export function ruleOfMatch(match: Fields): void {
  const { prefix, path, path_separated_prefix: elements } = match;
  if (prefix !== undefined) {
    if (prefix !== '/') refuse('prefix', prefix, pathFault(textOf(prefix)));
  } else if (path !== undefined) refuse('path', path, pathFault(textOf(path)));
  else if (elements !== undefined) {
    const text = textOf(elements);
    refuse('path_separated_prefix', elements, text.endsWith('/') ? 'ends with "/"' : pathFault(text));
  } else {
    const { path_match_policy: policy } = match;
    refuse('path_match_policy', policy, policy === undefined ? undefined : 'is not written by Sluice');
  }
}

/** `RouteAction`. */
export function ruleOfAction(action: Fields): void {
  const {
    cluster,
    host_rewrite_literal: literal,
    host_rewrite: format,
    path_rewrite: path,
    cluster_header: header,
  } = action;
  if (cluster !== undefined) refuse('cluster', cluster, textOf(cluster) === '' ? 'names no cluster' : undefined);
  if (literal !== undefined) refuse('host_rewrite_literal', literal, authorityFault(textOf(literal)));
  if (header !== undefined) refuse('cluster_header', header, headerNameFault(textOf(header)));
  refuse('host_rewrite', format, formatFault(textOf(format)) ?? headerTextFault(textOf(format)));
  refuse('path_rewrite', path, formatFault(textOf(path)) ?? headerTextFault(textOf(path)));
  const { prefix_rewrite: prefix } = action;
  if (prefix !== undefined) refuse('prefix_rewrite', prefix, pathFault(textOf(prefix)));
  const upgrades = listOf(action['upgrade_configs']).map((each) => textOf(fieldsOf(each)['upgrade_type']));
  refuseDuplicate('upgrade_configs', upgrades, 'is there twice');
}

/** A host with or without a port. */
function authorityFault(authority: string): string | undefined {
  return /^[\w.~%!$&'()*+,;=:[\]-]{1,255}$/.test(authority) ? undefined : 'is no host';
}

/** `RequestMirrorPolicy`. */
export function ruleOfMirror({ cluster, host_rewrite_literal: literal }: Fields): void {
  refuse('cluster', cluster, textOf(cluster) === '' ? 'names no cluster' : undefined);
  if (literal !== undefined && literal !== '') refuse('host_rewrite_literal', literal, authorityFault(textOf(literal)));
}

/** `ClusterWeight`. */
export function ruleOfWeight({ name }: Fields): void {
  refuse('name', name, textOf(name) === '' ? 'names no cluster' : undefined);
}

const largestWeight = 4_294_967_295;

/** `WeightedCluster`. */
export function ruleOfWeights({ clusters }: Fields): void {
  const weights = listOf(clusters).map((each) => numberOf(fieldsOf(each)['weight'] ?? 0));
  const sum = weights.reduce((total, each) => total + each, 0);
  refuse(
    'clusters',
    weights,
    sum > 0 && sum <= largestWeight ? undefined : `are weights whose sum is not 1 to ${largestWeight}`,
  );
}

/** Envoy's own limit for the body of all direct responses, unless a table says otherwise. */
const longestBody = 4_096;

/** `DirectResponseAction`. */
export function ruleOfDirectResponse({ body }: Fields): void {
  const { inline_string: text, inline_bytes: bytes, filename, environment_variable: variable } = fieldsOf(body);
  const fromOutside = filename ?? variable;
  refuse('body', fromOutside, fromOutside === undefined ? undefined : 'is read from the machine of the Envoy');
  const length = bytes instanceof Uint8Array ? bytes.length : Buffer.byteLength(textOf(text));
  refuse(
    'body',
    length,
    length > longestBody ? `bytes are more than the ${longestBody} that an answer may have` : undefined,
  );
}

/** `RedirectAction`. */
export function ruleOfRedirect(redirect: Fields): void {
  const { scheme_redirect: scheme, port_redirect: port, host_redirect: host, path_redirect: path } = redirect;
  if (scheme !== undefined)
    refuse('scheme_redirect', scheme, /^https?$/.test(textOf(scheme)) ? undefined : 'is neither http nor https');
  if (port !== undefined) refuse('port_redirect', port, numberOf(port) <= 65_535 ? undefined : 'is no port');
  if (host !== undefined && host !== '') refuse('host_redirect', host, authorityFault(textOf(host)));
  refuse('path_redirect', path, spaceFault(path));
  refuse('prefix_rewrite', redirect['prefix_rewrite'], spaceFault(redirect['prefix_rewrite']));
}

function spaceFault(text: unknown): string | undefined {
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  return /[\u0000-\u0020\u007f]/.test(textOf(text)) ? 'holds white space or a control character' : undefined;
}

const retryOn: ReadonlySet<string> = new Set([
  '5xx',
  'cancelled',
  'connect-failure',
  'deadline-exceeded',
  'envoy-ratelimited',
  'gateway-error',
  'http3-post-connect-failure',
  'internal',
  'refused-stream',
  'reset',
  'reset-before-request',
  'resource-exhausted',
  'retriable-4xx',
  'retriable-headers',
  'retriable-status-codes',
  'unavailable',
]);

/** Most routes share one. */
let lastRetry: Fields | undefined;

/** `RetryPolicy` of routes. */
export function ruleOfRetry(policy: Fields): void {
  if (policy === lastRetry) return;
  refuseRetry(policy);
  lastRetry = policy;
}

function refuseRetry({ retry_on: conditions, retry_back_off: backOff, retriable_status_codes: codes }: Fields): void {
  const unknown = textOf(conditions)
    .split(',')
    .find((each) => each !== '' && !retryOn.has(each));
  refuse('retry_on', unknown, unknown === undefined ? undefined : 'is no condition for a retry');
  for (const code of listOf(codes)) {
    refuse(
      'retriable_status_codes',
      code,
      numberOf(code) >= 100 && numberOf(code) <= 599 ? undefined : 'is no status code',
    );
  }
  if (backOff === undefined) return;
  const { base_interval: base, max_interval: most } = fieldsOf(backOff);
  refuse('retry_back_off.base_interval', base, secondsIn(base) >= 0.001 ? undefined : 'is shorter than a millisecond');
  if (most === undefined) return;
  refuse(
    'retry_back_off.max_interval',
    most,
    secondsIn(most) >= secondsIn(base) ? undefined : 'is shorter than the base interval',
  );
}

const cookieName = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/;

/** `HashPolicy.Cookie`, `CookieMatcher` and cookies of sessions: names that can stand in Set-Cookie (RFC 6265, section 4.1.1). */
export function ruleOfCookie({ name, path }: Fields): void {
  refuse('name', name, cookieName.test(textOf(name)) ? undefined : 'is no name of a cookie');
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  refuse('path', path, /[\u0000-\u001f\u007f;]/.test(textOf(path)) ? 'is no path of a cookie' : undefined);
}

/** `HashPolicy.Header`. */
export function ruleOfHashHeader({ header_name: name }: Fields): void {
  refuse('header_name', name, headerNameFault(textOf(name).replace(/^:/, '')));
}

/** `SubstitutionFormatString`: what an answer or a filter is given. */
export function ruleOfFormatString({ text_format: text, text_format_source: source }: Fields): void {
  const { inline_string: inline = '', filename, environment_variable: variable } = fieldsOf(source);
  refuse('text_format', text, formatFault(textOf(text)));
  refuse('text_format_source', inline, formatFault(textOf(inline)));
  const outside = filename ?? variable;
  refuse('text_format_source', outside, outside === undefined ? undefined : 'is read from the machine of the Envoy');
}

/** `RateLimit.HitsAddend`. */
export function ruleOfHits({ format }: Fields): void {
  refuse('format', format, formatFault(textOf(format)));
}
