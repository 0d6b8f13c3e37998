/** Paths as regular expressions, and what the path is when the request goes on. */
import { groupCount, rewriteRegex } from '../model/path-regex.ts';
import { defineFeature, noValue } from './feature.ts';
import { boolean, invalid, valid } from './value.ts';
import type { Parse } from './value.ts';

interface Policy {
  readonly target: string;
  readonly useRegex: boolean;
}

const target: Parse<string> = (text) => {
  const fix = 'write a path such as "/$2", whose numbers stand for groups of the path';
  if (!/^(https?:\/\/[a-z0-9.-]{1,253}(:\d{1,5})?(?=[/]|$)|\/)[!-~]*$/i.test(text))
    return invalid('is not an absolute path', fix);
  const [, port = ''] = /^https?:\/\/[^/:]+:(\d+)/i.exec(text) ?? [];
  if (Number(port) > 65_535) return invalid('has no port up to 65535', fix);
  if (/[?#]/.test(text)) return invalid('holds "?" or "#", which end a path', fix);
  if (/\$(?![1-9])/.test(text)) return invalid('holds a "$" that is not before a number from 1 to 9', fix);
  return valid(text);
};

const hostWide =
  'Makes all paths of all Ingresses of its hosts regular expressions, also Exact ones: without regard to case, anchored at their begin only, longest text first';
const re2 =
  'The dialect is RE2: paths that look around or refer back are reported and not served. What the namespace serves that the host belongs to stays as it is (hardening.md)';

export const rewrite = defineFeature({
  name: 'rewrite',
  isOfRules: true,
  settings: {
    target: {
      annotation: 'rewrite-target',
      parse: target,
      default: '',
      documentation: {
        value: 'path with `$1` to `$9`',
        default: 'unset',
        nginx: `Takes the place of the whole path; the query stays. With a URL, requests are redirected there with 302. ${hostWide}`,
        differsFor: noValue,
        difference: `${re2}. Targets that hold a query or variables are reported and left out`,
      },
    },
    useRegex: {
      annotation: 'use-regex',
      parse: boolean,
      default: false,
      documentation: { value: '`true` or `false`', nginx: hostWide, differsFor: noValue, difference: re2 },
    },
  },

  policy({ target: written, useRegex }): Policy | undefined {
    return written === '' && !useRegex ? undefined : { target: written, useRegex };
  },

  usesRegex(policy, path) {
    return policy.useRegex || isRewritten(policy, path);
  },

  route(policy, plan) {
    const { match } = plan.route;
    if (match.kind !== 'regex' || !isRewritten(policy, match.path)) return;
    const groups = groupCount(match.path);
    const [, scheme, host = '', port, path = ''] =
      /^(?:(https?):\/\/([^/:]+)(?::(\d+))?)?(.*)$/i.exec(policy.target) ?? [];
    // A group that the path does not have stands for nothing.
    const substitution = (path === '' ? '/' : path)
      .replaceAll('\\', '\\\\')
      .replaceAll(/\$([1-9])/g, (_, number: string) => (Number(number) <= groups ? `\\${number}` : ''));
    const regex_rewrite = { pattern: { regex: rewriteRegex(match.path) }, substitution };
    if (scheme === undefined) plan.action({ regex_rewrite });
    else {
      const to = {
        scheme_redirect: scheme.toLowerCase(),
        host_redirect: host,
        ...(port && { port_redirect: Number(port) }),
      };
      plan.answer({ redirect: { ...to, regex_rewrite, response_code: 'FOUND' } });
    }
  },
});

/** A target that is the path itself changes nothing. */
export function isRewritten(policy: Policy, path: string): boolean {
  return policy.target !== '' && policy.target !== path;
}
