/** The conditions of `if` in nginx's configuration that Envoy's routes can tell. */
import { regexFault } from '../model/path-regex.ts';
import type { HeaderMatcher } from './route-plan.ts';

export type Condition =
  | { readonly kind: 'header'; readonly matcher: HeaderMatcher }
  /** An expression for the whole path. */
  | { readonly kind: 'path'; readonly regex: string };

/** @param text what stands between the parentheses; undefined where it cannot be told */
export function matcherOf(text: string): Condition | undefined {
  const parts = /^\$\{?([a-z_]\w*)\}?(?:\s*(!?~\*?|!?=)\s*([^]*))?$/i.exec(text);
  if (parts === null) return undefined;
  const [, variable = '', operator = '', written = ''] = parts;
  const operand = unquote(written.trim());
  if (operand === undefined || (operator.includes('=') && operand.includes('$'))) return undefined;
  const regex = regexOf(operator, operand);
  if (regex === undefined) return undefined;
  const isNot = operator.startsWith('!');
  if (variable === 'uri' || variable === 'document_uri') return isNot ? undefined : { kind: 'path', regex };
  const header = headerOf(variable);
  if (header === undefined) return undefined;
  // A port behind the host is no part of $host.
  const whole = variable === 'host' ? `${regex.endsWith('.*') ? regex : `(?i)${regex}`}(?::[0-9]+)?` : regex;
  return {
    kind: 'header',
    matcher: {
      name: header,
      string_match: { safe_regex: { regex: whole } },
      treat_missing_header_as_empty: true,
      ...(isNot && { invert_match: true }),
    },
  };
}

/** What the whole value must match. */
function regexOf(operator: string, operand: string): string | undefined {
  if (operator === '') return '[^0]|.{2,}';
  if (operator.includes('=')) return escape(operand);
  const text = operand.replaceAll(' ', String.raw`\x20`);
  if (text === '' || regexFault(text) !== undefined) return undefined;
  return `${operator.endsWith('*') ? '(?i)' : ''}.*?(?:${text}).*`;
}

function escape(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}

function unquote(text: string): string | undefined {
  const quoted = /^(["'])([^]*)\1$/.exec(text);
  if (quoted !== null) return quoted[2];
  return /["'\s]/.test(text) ? undefined : text;
}

function headerOf(variable: string): string | undefined {
  if (Object.hasOwn(headers, variable)) return headers[variable];
  const [, name] = /^http_([a-z0-9_]{1,64})$/.exec(variable) ?? [];
  return name?.replaceAll('_', '-');
}

const headers: Readonly<Record<string, string>> = {
  host: ':authority',
  http_host: ':authority',
  request_method: ':method',
  request_uri: ':path',
  scheme: 'x-forwarded-proto',
};
