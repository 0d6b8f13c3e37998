/** The path and pathType of a rule as a PathMatch of the model. */
import type { PathType } from '../cluster/kubernetes-object.ts';
import type { PathMatch } from '../model/host.ts';
import { pathRegexFault } from '../model/path-regex.ts';

/** What makes a path unusable, as the end of a sentence that starts with the path. */
export type InvalidPath = { readonly kind: 'invalid'; readonly why: string };

const unreachable: readonly (readonly [RegExp, string])[] = [
  [/^(?!\/)/, 'does not start with "/"'],
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  [/[\u0000-\u0020\u007f]/, 'holds white space or a control character'],
  [/[?#]/, 'holds "?" or "#", which end a path'],
  [/\/\/|\/\.{1,2}(\/|$)/, 'holds an empty, "." or ".." element, which requests lose before they are matched'],
];

/**
 * The path as Envoy has it when it looks for a route: what needs no escape has none, and what clients may or may not escape
 * is escaped. So a path means the same in whatever spelling it is written, here or in a request.
 */
function spell(path: string): string {
  const plain = path.replaceAll(/%([0-9A-Fa-f]{2})/g, (escape, digits: string) => {
    const character = String.fromCharCode(Number.parseInt(digits, 16));
    return /[\w.~-]/.test(character) ? character : escape;
  });
  return plain.replaceAll(/["<>^`{|}]|\P{ASCII}+/gu, encodeURIComponent);
}

/**
 * `Exact` compares the whole path; `Prefix` element by element, so that a slash at its end does not count.
 * `ImplementationSpecific` means `Prefix`, as in ingress-nginx without regular expressions, and `/` when the path is empty.
 */
export function parsePathMatch(path: string, pathType: PathType): PathMatch | InvalidPath {
  const text = path === '' && pathType === 'ImplementationSpecific' ? '/' : spell(path);
  const fault = unreachable.find(([pattern]) => pattern.test(text));
  if (fault !== undefined) return { kind: 'invalid', why: fault[1] };
  const written = text === path || path === '' ? {} : { written: path };
  if (pathType === 'Exact') return { kind: 'exact', path: text, ...written };
  const hasSlash = text !== '/' && text.endsWith('/');
  return { kind: 'prefix', path: text.replace(/\/$/, ''), ...(hasSlash && { slash: true }), ...written };
}

/** The path of an Ingress with regular expressions; its type does not matter. */
export function parseRegexPath(path: string): PathMatch | InvalidPath {
  const text = path === '' ? '/' : path;
  const fault = pathRegexFault(text);
  return fault === undefined ? { kind: 'regex', path: text } : { kind: 'invalid', why: fault };
}

/** A path of a host where another one is a regular expression: then its text is one, too. */
export function asRegex(match: PathMatch): PathMatch {
  if (match.kind === 'regex') return match;
  const hasSlash = match.kind === 'prefix' && (match.path === '' || match.slash === true);
  const text = match.written ?? (hasSlash ? `${match.path}/` : match.path);
  const isGood = pathRegexFault(text) === undefined;
  return { kind: 'regex', path: isGood ? text : text.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`) };
}
