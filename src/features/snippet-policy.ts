/** What both places of snippets share: who may write them, what is told of their lines, and how they become routes. */
import { any } from '../proto/message.ts';
import type { AnyMessage, MessageTypes } from '../proto/message.ts';
import type { Report, Setting } from './feature.ts';
import { relativeRedirects } from './relative-redirects.ts';
import { literal, overwrite } from './route-plan.ts';
import type { Answer, HeaderMatcher, HeaderValueOption, RoutePlan } from './route-plan.ts';
import { mayProtect, readSnippet } from './snippet.ts';
import type { AccessRule, HeaderLine, Snippet, SnippetPlace, Step } from './snippet.ts';
import { boolean, valid } from './value.ts';
import type { Parse } from './value.ts';

type Principal = MessageTypes['envoy.config.rbac.v3.Principal'];
type RouteMatch = MessageTypes['envoy.config.route.v3.RouteMatch'];

/** Any text is a snippet; its lines are judged one by one. */
export const snippetText: Parse<string> = (text) => valid(text);

export const allowSnippets: Setting<boolean> = {
  configMap: 'allow-snippet-annotations',
  parse: boolean,
  default: false,
  documentation: {
    value: '`true` or `false`',
    nginx: 'Whether the snippets of Ingresses count; without it, they are left out',
    difference: 'Paths whose snippet is left out answer 503 if it may have protected them',
  },
};

export const snippetDifference =
  'Lines are translated one by one: return, rewrite, if, deny, allow, limit_except, more_set_headers, more_clear_headers, add_header (also on errors), proxy_set_header, more_set_input_headers, proxy_hide_header. Of others each is reported, and where it may protect something, what it stands for answers 503';

interface Texts {
  readonly isAllowed: boolean;
  /** Of the ConfigMap. */
  readonly shared: string;
  readonly text: string;
}

/** The lines that count; `report` gets one problem for each that does not. */
export function snippetOf(
  { isAllowed, shared, text }: Texts,
  place: SnippetPlace,
  report: Report<'text' | 'shared'>,
): { readonly snippet: Snippet; readonly closes: boolean } | undefined {
  const closed = place === 'server' ? 'host closed' : 'closed';
  const forbidden = text !== '' && !isAllowed;
  const protects = forbidden && mayProtect(text);
  // What counts for nothing closes the paths of its own Ingress, not those of others on the host.
  let closes = protects && place !== 'server';
  if (forbidden) {
    const fix = 'use annotations in its place, or set allow-snippet-annotations in the ConfigMap';
    report('text', 'snippets of Ingresses are not allowed', fix, protects ? 'closed' : 'default');
  }
  const read = (
    [
      ['shared', shared],
      ['text', forbidden ? '' : text],
    ] as const
  ).flatMap(([setting, each]) => {
    if (each === '') return [];
    const { snippet, faults } = readSnippet(each, place);
    for (const fault of faults) {
      closes ||= fault.closes;
      const line = fault.line.length > 80 ? `${fault.line.slice(0, 80)}…` : fault.line;
      const fix = 'use an annotation in its place, or take the line away';
      report(setting, `the line ${JSON.stringify(line)} ${fault.why}`, fix, fault.closes ? closed : 'default');
    }
    return [snippet];
  });
  if (read.length === 0 && !closes) return undefined;
  return { snippet: mergeSnippets(read), closes };
}

function mergeSnippets(all: readonly Snippet[]): Snippet {
  const regexRewrite = all.flatMap((each) => each.regexRewrite ?? []).at(-1);
  return {
    steps: all.flatMap(({ steps }) => steps),
    request: all.flatMap(({ request }) => request),
    response: all.flatMap(({ response }) => response),
    access: all.flatMap(({ access }) => access),
    ...(regexRewrite && { regexRewrite }),
  };
}

/** @param within what tells requests of the path when a step has a path of its own */
export function answerSteps(steps: readonly Step[], plan: RoutePlan, within: readonly HeaderMatcher[]): void {
  for (const { when, path, answer } of steps) {
    const headers = path === undefined ? when : [...when, ...within];
    const isAlways = headers.length === 0 && path === undefined;
    plan.answer(answerOf(answer, plan), isAlways ? undefined : { ...pathMatch(path), headers });
  }
}

function pathMatch(path: Step['path']): Partial<RouteMatch> {
  switch (path?.kind) {
    case 'exact':
      return { path: path.text };
    case 'prefix':
      return { prefix: path.text };
    case 'regex':
      return { safe_regex: { regex: path.text } };
    default:
      return {};
  }
}

const redirectCodes = { 301: 'MOVED_PERMANENTLY', 302: 'FOUND' } as const;

function answerOf(answer: Step['answer'], plan: RoutePlan): Answer {
  if (answer.kind === 'rewrite') {
    const { status, regex, substitution, to, dropsQuery } = answer;
    const own = plan.host.name.startsWith('*') ? {} : { host_redirect: plan.host.name };
    return {
      redirect: {
        ...(to === undefined ? own : { scheme_redirect: to.scheme, host_redirect: to.host }),
        regex_rewrite: { pattern: { regex }, substitution },
        response_code: redirectCodes[status === 301 ? 301 : 302],
        strip_query: dropsQuery,
      },
    };
  }
  const { status, location, body } = answer;
  const isRelative = plan.policyOf(relativeRedirects)?.isOn === true;
  const host = plan.host.name.startsWith('*') ? '%REQ(:authority)%' : literal(plan.host.name);
  const base = location?.startsWith('/') === true && !isRelative ? `${plan.scheme}://${host}` : '';
  return {
    direct_response: { status, ...(body !== undefined && { body: { inline_string: body } }) },
    response_headers_to_add: [
      ...(location === undefined ? [] : [overwrite('location', base + location)]),
      ...(body === undefined ? [] : [overwrite('content-type', 'text/html')]),
    ],
  };
}

/** Config of a header mutation filter for one route. */
export function responseMutations(lines: readonly HeaderLine[]): AnyMessage {
  return any('envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute', {
    mutations: {
      response_mutations: lines.map(({ kind, name, value }) =>
        kind === 'remove' ? { remove: name } : { append: optionOf(kind, name, value) },
      ),
    },
  });
}

export function optionOf(kind: 'set' | 'add', key: string, value: string): HeaderValueOption {
  if (kind === 'set') return overwrite(key, value);
  return { header: { key, value }, append_action: 'APPEND_IF_EXISTS_OR_ADD' };
}

/** From the last rules to the first: each kind decides for its addresses, and leaves the others to those after it. */
export function accessRules(rules: readonly AccessRule[]): AnyMessage {
  const groups: { readonly allows: boolean; readonly ids: Principal[] }[] = [];
  for (const { allows, range } of rules) {
    const id: Principal = range
      ? { remote_ip: { address_prefix: range.address, prefix_len: range.bits } }
      : { any: true };
    const last = groups.at(-1);
    if (last?.allows === allows) last.ids.push(id);
    else groups.push({ allows, ids: [id] });
  }
  const principal = groups.toReversed().reduce<Principal>(
    (rest, { allows, ids }) => {
      const own: Principal = { or_ids: { ids } };
      return allows ? { or_ids: { ids: [own, rest] } } : { and_ids: { ids: [{ not_id: own }, rest] } };
    },
    { any: true },
  );
  const policies = { snippet: { permissions: [{ any: true }], principals: [principal] } };
  return any('envoy.extensions.filters.http.rbac.v3.RBACPerRoute', { rbac: { rules: { action: 'ALLOW', policies } } });
}
