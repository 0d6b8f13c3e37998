/**
 * Paths of requests that say the same in another spelling: `/admin%2Fx`, `/admin;v=1/x`, `/x/..%2Fadmin`. Envoy hands them on as they
 * are and looks for a route by what is written; backends that decode them see a path below `/admin`. Where paths of a host are not
 * protected alike, such a request has to meet the checks of the path that it may come to.
 */
import { checksOf } from '../features/policies.ts';
import type { PathMatch, Route } from '../model/host.ts';
import { isRoot } from '../model/host.ts';
import { requestRegex } from '../model/path-regex.ts';

/** How often somebody has escaped it does not matter: some backends decode more than once. */
const again = '%(?:25)*';
const slash = `(?:/|${again}(?:2[Ff]|5[Cc]))`;
const dot = String.raw`(?:\.|%(?:25)+2[Ee])`;
/** Servlet containers take them out of an element before they look for what serves it. Those with an escape are refused. */
const parameters = '(?:;[^/%]*)?';
const separator = `(?:${parameters}${slash})+`;

/**
 * What is refused on such hosts: elements `.` and `..` that only come out by decoding, or hide behind parameters, for a path that climbs
 * belongs to another one; parameters with escapes; NUL, at which some backends end the path; and letters and digits that are escaped
 * twice, which nobody does but to get past somebody.
 */
export const treacherousPath = [
  `.*${slash}${dot}${dot}?(?:;[^/]*)?(?:${slash}.*)?`,
  '.*;[^/]*%.*',
  `.*${again}00.*`,
  '.*%[Cc]0%[Aa][EeFf].*',
  '.*%(?:25)+(?:2[DdEe]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff]|7[Ee]).*',
].join('|');

/** Whether requests of some paths have to pass other checks than those of others. */
export function areUnequal(routes: readonly Route[]): boolean {
  const [first, ...others] = routes.filter(({ action }) => action.kind !== 'not found').map(protection);
  return first !== undefined && others.some((each) => !isSame(each, first));
}

/** Which requests come to a path in another spelling than that of its own match. */
export interface OtherSpellings {
  /** Compared with the whole path. */
  readonly regex: string;
  /** Set where it takes in others as well, which nobody has checked for what they are: they are refused. */
  readonly isRefused?: true;
}

/** @returns undefined for a route without checks, and for one that matches every path anyway. */
export function otherSpellings(route: Route): OtherSpellings | undefined {
  if (isRoot(route) || protection(route).length === 0) return undefined;
  const regex = spellings(route.match);
  const isSmall = regex.length <= longest && !(route.match.kind === 'regex' && route.match.path.includes('{'));
  return isSmall ? { regex } : { regex: `.*(?:${again}(?:2[Ff]|5[Cc])|;).*`, isRefused: true };
}

/** Far below the size that the bootstrap allows. */
const longest = 12_000;

/** Ingresses whose paths are closed have no policies left; nobody passes there. */
function protection({ action, policies, match }: Route): readonly unknown[] {
  return action.kind === 'unavailable' && action.isClosed === true ? [action.kind] : checksOf(policies, match.path);
}

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((each, index) => each === b[index]);
}

function spellings(match: PathMatch): string {
  switch (match.kind) {
    case 'exact':
      return `${textRegex(match.path)}${parameters}`;
    case 'prefix':
      return `${textRegex(match.path)}(?:${separator}.*|${parameters})`;
    case 'regex':
      return requestRegex(match.path.replaceAll(regexToken, inRegex));
  }
}

/** Characters that mean something in a path may be written as they are or escaped (RFC 3986, section 2.2). */
function textRegex(path: string): string {
  return path.replaceAll(/%([0-9A-Fa-f]{2})|[^\w~-]/g, (text: string, digits: string | undefined) => {
    if (text === '/') return separator;
    if (text === '%') return text;
    const code = digits === undefined ? (text.codePointAt(0) ?? 0) : Number.parseInt(digits, 16);
    const escape = `${again}(?i:${code.toString(16).padStart(2, '0')})`;
    const plain = String.fromCodePoint(code);
    if (plain === '.') return String.raw`\.`;
    return /[!$&'()*+,:;=@[\]]/.test(plain) ? `(?:\\${plain}|${escape})` : escape;
  });
}

const regexToken = /\\[^]|\[(?:\\[^]|[^\]\\])*\]|[/$]/g;

/** Only what stands for slashes and the end changes; no group that can be referred to is added. */
function inRegex(token: string): string {
  if (token === '/' || token === '\\/') return separator;
  if (token === '$') return `(?:${parameters}$)`;
  const mayBeSlash = token.startsWith('[') && !token.startsWith('[^') && token.includes('/');
  return mayBeSlash ? `(?:${token}|${slash})` : token;
}
