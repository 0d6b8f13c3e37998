/** Names and values of headers that are set or compared. */
import { formatFault } from './format.ts';
import { fieldsOf, listOf, refuse, textOf } from './rule.ts';
import type { Fields } from './rule.ts';

/** RFC 9110, section 5.6.2; Envoy takes more, and sends what no receiver reads. */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/;

/** Without CR, LF, NUL and other control characters but tabs. */
// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const content = /^[^\u0000-\u0008\u000a-\u001f\u007f]*$/;

/** They say where a message ends or who is meant, so that another value would let one request hide in another. */
const framing: ReadonlySet<string> = new Set([
  'content-length',
  'transfer-encoding',
  'host',
  'connection',
  'upgrade',
  'te',
]);

export function headerNameFault(name: string): string | undefined {
  return token.test(name) ? undefined : 'is no name of a header';
}

export function headerTextFault(text: string): string | undefined {
  return content.test(text) ? undefined : 'holds a control character, which no header can have';
}

/** `HeaderValue`: one that is sent. */
export function ruleOfHeader({ key, value }: Fields): void {
  refuse('key', key, headerNameFault(textOf(key)));
  refuse('value', value, headerTextFault(textOf(value)));
}

/** `HeaderValueOption`: one that is set, to what a format gives. */
export function ruleOfSetHeader({ header }: Fields): void {
  const { key, value } = fieldsOf(header);
  if (framing.has(textOf(key).toLowerCase())) refuse('header.key', key, 'is a header that Envoy itself sets');
  refuse('header.value', value, formatFault(textOf(value)));
}

/** A list of names of headers that are taken away. */
export function removalFault(names: unknown): string | undefined {
  for (const name of listOf(names).map(textOf)) {
    if (framing.has(name.toLowerCase())) return `takes away ${name}, which must not be taken away`;
    const fault = headerNameFault(name);
    if (fault !== undefined) return `takes away ${JSON.stringify(name)}, which ${fault}`;
  }
  return undefined;
}

/** `HeaderMatcher`, whose names may be those of pseudo-headers. */
export function ruleOfHeaderMatcher({ name }: Fields): void {
  refuse('name', name, headerNameFault(textOf(name).replace(/^:/, '')));
}
