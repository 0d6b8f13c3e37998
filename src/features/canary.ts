/** Gives some of the requests of a path to the backend of another Ingress, by header, by cookie or by chance. */
import { regexFault } from '../model/path-regex.ts';
import { affinity, isBoundTo } from './affinity.ts';
import { defineFeature, noValue } from './feature.ts';
import type { Case, Condition, HeaderMatcher, RoutePlan } from './route-plan.ts';
import { boolean, integer, matching, oneOf, valid } from './value.ts';
import type { Parse } from './value.ts';

interface Policy {
  /** Undefined for an Ingress that is no canary itself. */
  readonly split: Split | undefined;
  /** Whether whoever has a session with one of the two backends stays with it. */
  readonly isSticky: boolean;
}

interface Split {
  readonly header: HeaderRule | undefined;
  readonly cookie: string;
  /** Of a million. */
  readonly share: number;
}

interface HeaderRule {
  readonly name: string;
  /** Without either, the values `always` and `never` count. */
  readonly value?: string;
  /** Empty for an expression that cannot be used, which nothing matches. */
  readonly pattern?: string;
}

const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}/;
const whole = integer(-2_147_483_648, 2_147_483_647);
const headerNames = matching(token, 'X-Canary');
const cookieNames = matching(token, 'canary');
const behaviors: Parse<string> = oneOf(['sticky', 'legacy']);
const anyText: Parse<string> = (text) => valid(text);
const whereWritten = 'Only on an Ingress with `canary: "true"`';

export const canary = defineFeature({
  name: 'canary',
  settings: {
    isOn: {
      annotation: 'canary',
      parse: boolean,
      default: false,
      documentation: {
        value: '`true` or `false`',
        nginx:
          'The Ingress serves nothing by itself: its backends get some of the requests for the same host, path and pathType of another Ingress, whose annotations go for them. Of its own only `load-balance`, `service-upstream` and those of canaries count. Of several canaries of a path, the oldest gets requests; one without endpoints gets none',
        difference:
          'Other paths with the same Service are left alone; in ingress-nginx they get the same canary. A canary without an Ingress of its namespace to be the canary of is reported, and gets no requests: else whoever may write an Ingress anywhere could take those of others',
      },
    },
    header: {
      annotation: 'canary-by-header',
      parse: headerNames,
      default: '',
      documentation: {
        value: 'name of a header',
        default: 'unset',
        nginx: `${whereWritten}. With the value \`always\`, requests go to the canary, with \`never\` they do not; with others, the cookie decides, then the weight`,
      },
    },
    headerValue: {
      annotation: 'canary-by-header-value',
      parse: anyText,
      default: '',
      documentation: {
        value: 'text',
        default: 'unset',
        nginx: 'In place of `always`: requests whose header has exactly this value go to the canary',
      },
    },
    headerPattern: {
      annotation: 'canary-by-header-pattern',
      parse: anyText,
      default: '',
      documentation: {
        value: 'regular expression',
        default: 'unset',
        nginx:
          'In place of `always`, without `canary-by-header-value`: requests whose header has a part that matches go to the canary. With an expression that cannot be used, requests with the header do not',
        differsFor: noValue,
        difference: 'The dialect is RE2, which cannot look around or refer back',
      },
    },
    cookie: {
      annotation: 'canary-by-cookie',
      parse: cookieNames,
      default: '',
      documentation: {
        value: 'name of a cookie',
        default: 'unset',
        nginx: `${whereWritten}. With the value \`always\`, requests go to the canary, with \`never\` they do not; with others, the weight decides`,
        difference: 'The case of the name counts',
      },
    },
    weight: {
      annotation: 'canary-weight',
      parse: whole,
      default: 0,
      documentation: { value: 'whole number', nginx: 'How many of `canary-weight-total` requests go to the canary' },
    },
    weightTotal: {
      annotation: 'canary-weight-total',
      parse: whole,
      default: 100,
      documentation: { value: 'whole number', nginx: 'What `canary-weight` is a part of; 100 if it is less' },
    },
    behavior: {
      annotation: 'affinity-canary-behavior',
      parse: behaviors,
      default: 'sticky',
      documentation: {
        value: '`sticky` or `legacy`',
        nginx:
          'With `affinity`, who has a session with the canary or the main backend stays with it, whatever the header, the cookie and the weight say; `legacy` asks these for every request',
        differsFor: noValue,
        difference: 'It can be on either Ingress',
      },
    },
  },

  policy(written, report): Policy | undefined {
    const { isOn, header, headerValue, headerPattern, cookie, weight, weightTotal, behavior } = written;
    const isSticky = behavior === 'sticky';
    if (!isOn) {
      const asked = (['header', 'headerValue', 'headerPattern', 'cookie', 'weight'] as const).find((key) =>
        key === 'weight' ? weight > 0 : written[key] !== '',
      );
      const message = 'counts on a canary only, which this Ingress is not';
      if (asked !== undefined) report(asked, message, 'write canary: "true", or remove what is for canaries');
      return isSticky ? undefined : { split: undefined, isSticky };
    }
    const fault = headerPattern === '' ? undefined : regexFault(headerPattern);
    if (fault !== undefined)
      report('headerPattern', `the expression ${fault}`, 'write an expression such as "^v[2-9]"');
    const rule: HeaderRule = {
      name: header.toLowerCase(),
      ...(headerValue !== '' && { value: headerValue }),
      ...(headerValue === '' && headerPattern !== '' && { pattern: fault === undefined ? headerPattern : '' }),
    };
    const share = Math.round((1_000_000 * weight) / Math.max(weightTotal, 100));
    return {
      split: {
        header: header === '' ? undefined : rule,
        cookie,
        share: Math.min(Math.max(share, 0), 1_000_000),
      },
      isSticky,
    };
  },

  isAttached({ split }) {
    return split !== undefined;
  },

  attach({ split, isSticky }, own): Policy {
    return { split, isSticky: isSticky && own?.isSticky !== false };
  },

  route({ split, isSticky }, plan) {
    const { canary: second } = plan.route;
    if (split === undefined || second === undefined) return;
    const toCanary = (when: Condition): Case => ({
      when,
      amend: () => plan.action({ cluster: plan.clusterOf(second.backend) }),
    });
    plan.split([
      ...(isSticky ? sessionCases(plan, toCanary) : []),
      ...headerCases(split.header, toCanary),
      ...(split.cookie === '' ? [] : cookieCases(split.cookie, toCanary)),
      ...(split.share === 0 ? [] : [toCanary(split.share === 1_000_000 ? {} : { share: split.share })]),
    ]);
  },
});

function toMain(when: Condition): Case {
  return { when, amend: () => undefined };
}

/** Who has a session stays where it is. */
function sessionCases(plan: RoutePlan, toCanary: (when: Condition) => Case): readonly Case[] {
  const { action, canary: second } = plan.route;
  const session = plan.policyOf(affinity);
  if (session === undefined || action.kind !== 'backend' || second === undefined) return [];
  return [toMain(isBoundTo(session, action.backend)), toCanary(isBoundTo(session, second.backend))];
}

function headerCases(rule: HeaderRule | undefined, toCanary: (when: Condition) => Case): readonly Case[] {
  if (rule === undefined) return [];
  const { name, value, pattern } = rule;
  const header = (matcher: Omit<HeaderMatcher, 'name'>): Condition => ({ headers: [{ name, ...matcher }] });
  if (value !== undefined) return [toCanary(header({ string_match: { exact: value } }))];
  if (pattern === '') return [toMain(header({ present_match: true }))];
  if (pattern !== undefined) {
    return [toCanary(header({ string_match: { safe_regex: { regex: `.*(?:${pattern}).*` } } }))];
  }
  return [
    toCanary(header({ string_match: { exact: 'always' } })),
    toMain(header({ string_match: { exact: 'never' } })),
  ];
}

function cookieCases(name: string, toCanary: (when: Condition) => Case): readonly Case[] {
  const cookie = (exact: string): Condition => ({ cookies: [{ name, string_match: { exact } }] });
  return [toCanary(cookie('always')), toMain(cookie('never'))];
}
