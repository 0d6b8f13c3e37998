/** Tells the backend which part of the path the rewriting has taken away. */
import { defineFeature, noValue } from './feature.ts';
import { isRewritten, rewrite } from './rewrite.ts';
import { literal, overwrite } from './route-plan.ts';
import { invalid, valid } from './value.ts';
import type { Parse } from './value.ts';

const prefix: Parse<string> = (text) => {
  if (text.includes('$')) return invalid('holds "$": only fixed text can be sent', 'write a path such as "/shop"');
  if (/^[!-~][ -~]{0,1000}$/.test(text)) return valid(text);
  return invalid('is no text of a header', 'write a path such as "/shop"');
};

export const forwardedPrefix = defineFeature({
  name: 'forwarded-prefix',
  isHarmless: true,
  settings: {
    prefix: {
      annotation: 'x-forwarded-prefix',
      parse: prefix,
      default: '',
      documentation: {
        value: 'path',
        nginx: 'Sets X-Forwarded-Prefix of requests whose path is rewritten by `rewrite-target`, and of no others',
        differsFor: noValue,
        difference: 'Numbers of groups, such as `$1`, are reported and left out',
      },
    },
  },

  policy({ prefix: written }) {
    return written === '' ? undefined : { prefix: written };
  },

  route({ prefix: written }, plan) {
    const { match } = plan.route;
    const rewriting = plan.policyOf(rewrite);
    if (rewriting === undefined || match.kind !== 'regex' || !isRewritten(rewriting, match.path)) return;
    plan.requestHeaders(overwrite('x-forwarded-prefix', literal(written)));
  },
});
