/** Parsers of the values that users write in annotations and ConfigMaps. None of them throws. */
import { isIP } from 'node:net';

export type Parsed<T> =
  | { readonly kind: 'valid'; readonly value: T }
  /** `why` ends a sentence that begins with the value, `fix` says what to write instead. */
  | { readonly kind: 'invalid'; readonly why: string; readonly fix: string };

const mostText = 4096;

export type Parse<T> = (text: string) => Parsed<T>;

export function valid<T>(value: T): Parsed<T> {
  return { kind: 'valid', value };
}

export function invalid(
  why: string,
  fix: string,
): { readonly kind: 'invalid'; readonly why: string; readonly fix: string } {
  return { kind: 'invalid', why, fix };
}

/** As Go's strconv.ParseBool reads it, by which ingress-nginx goes. */
export const boolean: Parse<boolean> = (text) => {
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return valid(true);
  if (/^(0|f|F|FALSE|false|False)$/.test(text)) return valid(false);
  return invalid('is neither true nor false', 'write "true" or "false"');
};

export function integer(least: number, most: number): Parse<number> {
  return (text) => {
    const number = /^[+-]?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (number >= least && number <= most) return valid(number);
    return invalid(`is not a whole number from ${least} to ${most}`, `write a number such as "${Math.max(least, 1)}"`);
  };
}

/** Bytes, as nginx writes sizes: `8192`, `8k`, `1m`, `2G`. */
export const byteSize: Parse<number> = (text) => {
  const [, digits, unit = ''] = /^(\d{1,15})([kmg]?)$/i.exec(text) ?? [];
  const size = Number(digits) * 1024 ** ['', 'k', 'm', 'g'].indexOf(unit.toLowerCase());
  if (size <= Number.MAX_SAFE_INTEGER) return valid(size);
  return invalid('is no size', 'write bytes, or a number with k, m or g, such as "8m"');
};

/** Of the given words, without regard to case. */
export function oneOf<const T extends string>(words: readonly T[]): Parse<T> {
  return (text) => {
    const found = words.find((word) => word.toLowerCase() === text.toLowerCase());
    return found === undefined ? invalid('is none of the values there are', `write ${words.join(', ')}`) : valid(found);
  };
}

/** Any text that the pattern matches as a whole; it may end up in a header, for which Envoy takes 16 KiB at most. */
export function matching(pattern: RegExp, example: string): Parse<string> {
  const whole = new RegExp(`^(?:${pattern.source})$`, pattern.flags);
  return (text) => {
    const fix = `write a value such as "${example}"`;
    if (text.length > mostText) return invalid(`is longer than ${mostText} characters`, fix);
    return whole.test(text) ? valid(text) : invalid('is not of the form that is needed', fix);
  };
}

/** With commas between; empty items do not count. */
export function list<T>(item: Parse<T>, most = Infinity): Parse<readonly T[]> {
  return (text) => {
    const values: T[] = [];
    for (const part of text.split(',').map((each) => each.trim())) {
      if (part === '') continue;
      if (values.length === most) return invalid(`has more than ${most} items`, 'write fewer');
      const parsed = item(part);
      if (parsed.kind === 'invalid') return invalid(`has the item "${part}", which ${parsed.why}`, parsed.fix);
      values.push(parsed.value);
    }
    return valid(values);
  };
}

/** A range of addresses. */
export interface Cidr {
  readonly address: string;
  readonly bits: number;
}

/** `10.0.0.0/8`, `2001:db8::/32`, or a single address. */
export const cidr: Parse<Cidr> = (text) => {
  const [address = '', bitsText, ...rest] = text.split('/');
  const family = address.includes('%') ? 0 : isIP(address);
  const most = family === 4 ? 32 : 128;
  const bits = bitsText === undefined ? most : /^\d{1,3}$/.test(bitsText) ? Number(bitsText) : Number.NaN;
  if (family === 0 || rest.length > 0 || !(bits <= most)) {
    return invalid('is no address range', 'write ranges such as "10.0.0.0/8,2001:db8::/32"');
  }
  return valid({ address, bits });
};

/** A target of redirects: printable ASCII without quotes, which every client takes as it is. */
export const redirectTarget: Parse<string> = (text) => {
  if (/^[\u0021\u0023-\u007e]{1,2048}$/.test(text) && /^(https?:\/\/[^/?#]|\/)/i.test(text)) return valid(text);
  return invalid('is no URL', 'write a URL such as "https://example.com/new", with special characters %-encoded');
};

/** No value of ours holds one, and in a header or a format they would begin a new one. */
export function hasControlCharacter(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  return /[\u0000-\u001f\u007f]/.test(text);
}
