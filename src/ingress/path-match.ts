/** The path and pathType of a rule as a PathMatch of the model. */
import type { PathType } from '../cluster/kubernetes-object.ts';
import type { PathMatch } from '../model/host.ts';

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
 * `Exact` compares the whole path; `Prefix` element by element, so that a slash at its end does not count.
 * `ImplementationSpecific` means `Prefix`, as in ingress-nginx without regular expressions, and `/` when the path is empty.
 */
export function parsePathMatch(path: string, pathType: PathType): PathMatch | InvalidPath {
  const text = path === '' && pathType === 'ImplementationSpecific' ? '/' : path;
  const fault = unreachable.find(([pattern]) => pattern.test(text));
  if (fault !== undefined) return { kind: 'invalid', why: fault[1] };
  return pathType === 'Exact' ? { kind: 'exact', path: text } : { kind: 'prefix', path: text.replace(/\/$/, '') };
}
