/** Paths that are regular expressions: what of them Envoy's RE2 understands, and how they are anchored. */
import { readExpression, tooLarge, tooOften } from './expression.ts';

/** What makes an expression of paths unusable, as the end of a sentence that starts with it; undefined for a good one. */
export function pathRegexFault(text: string): string | undefined {
  const fault = pathFaults.find(([pattern]) => pattern.test(text));
  return fault === undefined ? regexFault(text) : fault[1];
}

/** The same of any expression. */
export function regexFault(text: string): string | undefined {
  const fault = faults.find(([pattern]) => pattern.test(text));
  if (fault !== undefined) return fault[1];
  const { fault: syntax } = readExpression(text);
  if (syntax === undefined || syntax === tooLarge || syntax === tooOften) return syntax;
  return 'is not a regular expression that Envoy (RE2) understands';
}

const pathFaults: readonly (readonly [RegExp, string])[] = [
  [/^(?!\/)/, 'does not start with "/"'],
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  [/[\u0000-\u0020\u007f]/, 'holds white space or a control character'],
];

const faults: readonly (readonly [RegExp, string])[] = [
  [/^[^]{1025}/, 'is longer than 1,024 characters'],
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  [/[\u0000-\u001f\u007f]/, 'holds a control character'],
  [/\(\?(?!:|P?<[a-zA-Z_]\w*>)/, 'holds a group that looks ahead or behind, or sets options, which Envoy (RE2) cannot'],
  [/\\[0-9k]/, 'refers back to a group, which Envoy (RE2) cannot'],
  [/\\(?![dDwWsSbBtnrfvx])[a-zA-Z]|\\$/, 'holds an escape that Envoy (RE2) does not know'],
  [/\[[:.=]/, 'holds a POSIX class of characters, which is not supported (write the characters)'],
  [/\[\^?\]|\[[^\]]*\\[bB]/, 'holds a character class that Envoy (RE2) reads otherwise'],
];

/** How many groups can be referred to; 0 for an expression with a fault. */
export function groupCount(text: string): number {
  if (pathRegexFault(text) !== undefined) return 0;
  return readExpression(text).groups;
}

/**
 * What Envoy compares the whole path with. ingress-nginx puts `^` before the text, so that of alternatives at its top
 * level only the first is anchored.
 */
export function requestRegex(text: string): string {
  return hasAlternatives(text) ? `(?i).*?(?:^${text}).*` : `(?i)${text}.*`;
}

/** What the whole path of a matching request is replaced by way of; the groups are those of the text. */
export function rewriteRegex(text: string): string {
  return hasAlternatives(text) ? `(?i)^.*?(?:${text}).*$` : `(?i)^${text}.*$`;
}

/** Whether the expression is plain text, and so can be compared without a regular expression. */
export function isPlainText(text: string): boolean {
  return /^[\w/\-~%!&',:;=@]*$/.test(text);
}

/** Whether there are any outside of groups. */
export function hasAlternatives(text: string): boolean {
  let depth = 0;
  for (const [token] of text.matchAll(/\\[^]|\[(?:\\[^]|[^\]\\])*\]|[()|]/g)) {
    if (token === '(') depth += 1;
    if (token === ')') depth -= 1;
    if (token === '|' && depth === 0) return true;
  }
  return false;
}
