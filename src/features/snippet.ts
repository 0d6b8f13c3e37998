/** What the lines of a snippet mean: those with an equal in Envoy are data, the others are judged by whether they protect. */
import { groupCount, regexFault } from '../model/path-regex.ts';
import { parseNginxConfig } from './nginx-config.ts';
import type { Directive } from './nginx-config.ts';
import { nginxFormat } from './nginx-format.ts';
import { matcherOf } from './snippet-condition.ts';
import type { HeaderMatcher } from './route-plan.ts';
import { cidr } from './value.ts';
import type { Cidr } from './value.ts';

/** A line that answers requests, in the order of the text. */
export interface Step {
  readonly when: readonly HeaderMatcher[];
  /** An expression for the whole path, or text that it begins with or equals. */
  readonly path?: { readonly kind: 'regex' | 'prefix' | 'exact'; readonly text: string };
  readonly answer: StepAnswer;
}

export type StepAnswer =
  /** Formats of Envoy; a location that begins with a slash is of the same host. */
  | { readonly kind: 'answer'; readonly status: number; readonly location?: string; readonly body?: string }
  /** The path is made anew from the groups of an expression. */
  | {
      readonly kind: 'rewrite';
      readonly status: number;
      readonly regex: string;
      readonly substitution: string;
      readonly to?: { readonly scheme: string; readonly host: string };
      readonly dropsQuery: boolean;
    };

export interface HeaderLine {
  readonly kind: 'set' | 'add' | 'remove';
  readonly name: string;
  /** A format of Envoy. */
  readonly value: string;
}

/** The first rule that has the address decides; without one, requests pass. */
export interface AccessRule {
  readonly allows: boolean;
  /** Undefined for all addresses. */
  readonly range: Cidr | undefined;
}

export interface Snippet {
  readonly steps: readonly Step[];
  readonly request: readonly HeaderLine[];
  readonly response: readonly HeaderLine[];
  readonly access: readonly AccessRule[];
  readonly regexRewrite?: { readonly regex: string; readonly substitution: string };
}

/** A line that is not kept; `closes` if it may protect what it stands for. */
export interface SnippetFault {
  readonly line: string;
  readonly why: string;
  readonly closes: boolean;
}

export interface SnippetReading {
  readonly snippet: Snippet;
  readonly faults: readonly SnippetFault[];
}

/** Where the text stands; lines that nginx overrides in its locations mean nothing in a server. */
export type SnippetPlace = 'location' | 'server';

export function readSnippet(text: string, place: SnippetPlace): SnippetReading {
  const directives = parseNginxConfig(text);
  const draft = new Draft(place);
  if (directives === undefined) {
    draft.faults.push({ line: text, why: 'is no configuration of nginx', closes: mayProtect(text) });
  } else for (const directive of directives) draft.read(directive, []);
  return { snippet: draft.snippet(), faults: draft.faults };
}

/** Whether a text that nobody reads line by line may hold something that protects. */
export function mayProtect(text: string): boolean {
  return /\b(allow|auth_\w+|deny|internal|limit_\w+|modsecurity\w*|return|satisfy|secure_link\w*|valid_referers)\b|_by_lua/.test(
    text,
  );
}

class Draft {
  readonly faults: SnippetFault[] = [];
  readonly #place: SnippetPlace;
  readonly #steps: Step[] = [];
  readonly #request: HeaderLine[] = [];
  readonly #response: HeaderLine[] = [];
  readonly #access: AccessRule[] = [];
  #regexRewrite: Snippet['regexRewrite'];

  constructor(place: SnippetPlace) {
    this.#place = place;
  }

  snippet(): Snippet {
    return {
      steps: this.#steps,
      request: this.#request,
      response: this.#response,
      access: this.#access,
      ...(this.#regexRewrite && { regexRewrite: this.#regexRewrite }),
    };
  }

  /** @param when what requests of the block match */
  read(directive: Directive, when: readonly HeaderMatcher[], path?: Step['path']): void {
    const why = this.#translate(directive, when, path);
    if (why === undefined) return;
    this.faults.push({ line: show(directive), why, closes: protects(directive) });
  }

  /** Why the line is not kept. */
  #translate(
    { name, args, block }: Directive,
    when: readonly HeaderMatcher[],
    path?: Step['path'],
  ): string | undefined {
    const isConditional = when.length > 0 || path !== undefined;
    switch (name) {
      case 'return':
        return this.#return(args, when, path);
      case 'rewrite':
        return this.#rewrite(args, when, path);
      case 'if':
        return this.#if(args[0] ?? '', block ?? [], when, path);
      case 'limit_except':
        return this.#limitExcept(args, block ?? [], when, path);
      case 'location':
        return this.#location(args, block ?? [], when, path);
    }
    if (Object.hasOwn(meaningless, name)) return undefined;
    if (isConditional && name === 'allow' && args[0] === 'all') return undefined;
    if (isConditional && !(path !== undefined && name === 'deny')) return 'is not supported in a block';
    switch (name) {
      case 'deny':
      case 'allow':
        return this.#address(name, args, path);
      case 'more_set_headers':
        return this.#many(args, (line) => this.#header(this.#response, line));
      case 'more_set_input_headers':
        return this.#many(args, (line) => this.#header(this.#request, line));
      case 'more_clear_headers':
      case 'proxy_hide_header':
        return this.#many(args, (each) => push(this.#response, 'remove', each, ''));
      case 'more_clear_input_headers':
        return this.#many(args, (each) => push(this.#request, 'remove', each, ''));
      case 'add_header':
        return push(this.#response, 'add', args[0] ?? '', args[1] ?? '');
      case 'proxy_set_header':
        return this.#proxySetHeader(args[0] ?? '', args[1] ?? '');
      default:
        return Object.hasOwn(annotations, name) ? `means nothing here: ${annotations[name]}` : 'is not supported';
    }
  }

  #return(args: readonly string[], when: readonly HeaderMatcher[], path?: Step['path']): string | undefined {
    const [first = '', text] = args;
    const isUrl = !/^\d{3}$/.test(first);
    const status = isUrl ? 302 : Number(first);
    const rest = isUrl ? first : text;
    if (args.length > 2 || status < 200 || status > 599) return 'has no status from 200 to 599';
    const isRedirect = [301, 302, 303, 307, 308].includes(status);
    if (isRedirect && rest !== undefined) {
      const location = nginxFormat(rest);
      if (location.kind === 'invalid') return location.why;
      if (!/^[!-~]{1,2048}$/.test(rest)) return 'has no URL';
      this.#step({ kind: 'answer', status, location: location.value }, when, path);
      return undefined;
    }
    if (rest !== undefined && (rest.includes('$') || Buffer.byteLength(rest) > 4096)) {
      return 'has a text with variables, or of more than 4,096 bytes';
    }
    this.#step({ kind: 'answer', status, ...(rest !== undefined && { body: rest }) }, when, path);
    return undefined;
  }

  #step(answer: StepAnswer, when: readonly HeaderMatcher[], path?: Step['path']): void {
    this.#steps.push({ when, ...(path && { path }), answer });
  }

  #rewrite(args: readonly string[], when: readonly HeaderMatcher[], path?: Step['path']): string | undefined {
    const [regex = '', replacement = '', flag = ''] = args;
    const fault = regexFault(regex);
    if (fault !== undefined) return fault;
    const dropsQuery = replacement.endsWith('?');
    const target = dropsQuery ? replacement.slice(0, -1) : replacement;
    const isAway = /^(https?:\/\/|\$scheme)/.test(target);
    const status = flag === 'permanent' ? 301 : 302;
    const redirects = isAway || flag === 'permanent' || flag === 'redirect';
    if (!redirects && (flag !== 'break' || when.length > 0 || path !== undefined)) {
      return 'goes on with another path, which is supported for rewrite-target, and for "break" outside of blocks';
    }
    if (path !== undefined) return 'is not supported in a location';
    const whole = `^.*?(?:${regex}).*$`;
    const [, scheme, host = '', rest = target] =
      /^(?:(https?):\/\/([a-z0-9.-]{1,253}))?(\/[!-~]*|)$/i.exec(target) ?? [];
    const variables = rest.replaceAll(/\$[1-9]/g, '').includes('$') || rest.includes('?');
    if (variables || (isAway && scheme === undefined)) {
      const location = nginxFormat(target);
      if (location.kind === 'invalid') return location.why;
      if (!redirects || /\$[1-9]/.test(target) || !/^[!-~]{1,2048}$/.test(target)) return 'mixes groups and variables';
      const matched = { kind: 'regex', text: whole } as const;
      const query = { name: ':path', string_match: { contains: '?' } };
      const joint = target.includes('?') ? '&' : '?';
      if (!dropsQuery) {
        const withQuery = `${location.value}${joint}%QUERY_PARAMS(ORIG)%`;
        this.#step({ kind: 'answer', status, location: withQuery }, [...when, query], matched);
      }
      this.#step({ kind: 'answer', status, location: location.value }, when, matched);
      return undefined;
    }
    const groups = groupCount(`/(?:${regex})`);
    const substitution = (rest === '' ? '/' : rest)
      .replaceAll('\\', '\\\\')
      .replaceAll(/\$([1-9])/g, (_, digit: string) => (Number(digit) <= groups ? `\\${digit}` : ''));
    if (!redirects) {
      this.#regexRewrite = { regex: whole, substitution };
      return undefined;
    }
    const to = scheme === undefined ? undefined : { scheme: scheme.toLowerCase(), host };
    this.#step({ kind: 'rewrite', status, regex: whole, substitution, ...(to && { to }), dropsQuery }, when, {
      kind: 'regex',
      text: whole,
    });
    return undefined;
  }

  #if(
    condition: string,
    block: readonly Directive[],
    when: readonly HeaderMatcher[],
    path?: Step['path'],
  ): string | undefined {
    const matched = matcherOf(condition);
    if (matched === undefined) return 'has a condition that is not supported';
    if (matched.kind === 'path' && path !== undefined) return 'is not supported in a location';
    const inner = matched.kind === 'header' ? [...when, matched.matcher] : when;
    const innerPath = matched.kind === 'path' ? ({ kind: 'regex', text: matched.regex } as const) : path;
    for (const directive of block) this.read(directive, inner, innerPath);
    return undefined;
  }

  #limitExcept(
    args: readonly string[],
    block: readonly Directive[],
    when: readonly HeaderMatcher[],
    path?: Step['path'],
  ): string | undefined {
    const [only, ...others] = block;
    if (only?.name !== 'deny' || only.args[0] !== 'all' || others.length > 0) return 'holds more than "deny all"';
    if (!args.every((each) => /^[A-Z]{1,20}$/.test(each))) return 'names no methods';
    const methods = [...args, ...(args.includes('GET') ? ['HEAD'] : [])].join('|');
    const matcher = { name: ':method', string_match: { safe_regex: { regex: methods } }, invert_match: true };
    this.#step({ kind: 'answer', status: 403 }, [...when, matcher], path);
    return undefined;
  }

  /** A location that only answers; the path of one that does more is closed if it may protect something. */
  #location(
    args: readonly string[],
    block: readonly Directive[],
    when: readonly HeaderMatcher[],
    outer?: Step['path'],
  ): string | undefined {
    const [modifier = '', text = modifier] = args;
    const path = args.length > 2 || outer !== undefined || when.length > 0 ? undefined : pathOf(modifier, text);
    if (path === undefined) return 'has a path that is not supported';
    const before = this.faults.length;
    for (const directive of block) this.read(directive, when, path);
    const own = this.faults.splice(before);
    this.faults.push(...own.map((fault) => ({ ...fault, closes: false })));
    if (own.some(({ closes }) => closes)) this.#step({ kind: 'answer', status: 503 }, when, path);
    return undefined;
  }

  #address(name: string, [text = '', ...others]: readonly string[], path?: Step['path']): string | undefined {
    if (others.length > 0) return 'has more than one address';
    if (path !== undefined) {
      if (text !== 'all') return 'is not supported in a location';
      this.#step({ kind: 'answer', status: 403 }, [], path);
      return undefined;
    }
    const range = text === 'all' ? undefined : cidr(text);
    if (range?.kind === 'invalid') return range.why;
    const allows = name === 'allow';
    const turns = this.#access.filter((rule, index, all) => rule.allows !== all[index + 1]?.allows).length;
    if (turns >= 32 && this.#access.at(-1)?.allows !== allows) return 'changes between allow and deny too often';
    this.#access.push({ allows, range: range?.value });
    return undefined;
  }

  #many(args: readonly string[], each: (arg: string) => string | undefined): string | undefined {
    if (args.some((arg) => arg.startsWith('-'))) return 'has options, which are not supported';
    for (const arg of args) {
      const why = each(arg);
      if (why !== undefined) return why;
    }
    return undefined;
  }

  /** `Name: value`; without a value, the header is taken away. */
  #header(into: HeaderLine[], line: string): string | undefined {
    const colon = line.indexOf(':');
    const value = colon < 0 ? '' : line.slice(colon + 1).trim();
    return push(into, value === '' ? 'remove' : 'set', colon < 0 ? line : line.slice(0, colon), value);
  }

  #proxySetHeader(name: string, value: string): string | undefined {
    if (this.#place === 'server') return 'means nothing here: locations set such headers themselves';
    if (/^(upgrade|connection)$/i.test(name)) return undefined;
    if (/^host$/i.test(name) && /^\$(http_host|host|best_http_host)$/.test(value)) return undefined;
    return push(this.#request, value === '' ? 'remove' : 'set', name, value);
  }
}

function push(into: HeaderLine[], kind: HeaderLine['kind'], written: string, text: string): string | undefined {
  const name = written.trim().toLowerCase();
  if (!/^[!#$&'+.^`|~0-9a-z_-]{1,128}$/.test(name)) return 'has no name of a header';
  if (/^(host|connection|content-length|te|transfer-encoding|upgrade|x-(sluice|envoy)-.*)$/.test(name)) {
    return `sets ${name}, which is not supported`;
  }
  const value = nginxFormat(text);
  if (value.kind === 'invalid') return value.why;
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  if (text.length > 4096 || /[\u0000-\u001f\u007f]/.test(text)) return 'has a value that no header can have';
  into.push({ kind, name, value: value.value });
  return undefined;
}

function pathOf(modifier: string, text: string): Step['path'] | undefined {
  switch (modifier) {
    case '=':
      return text.startsWith('/') ? { kind: 'exact', text } : undefined;
    case '~':
    case '~*': {
      const fault = regexFault(text);
      return fault === undefined
        ? { kind: 'regex', text: `${modifier === '~*' ? '(?i)' : ''}.*?(?:${text}).*` }
        : undefined;
    }
    default:
      return text.startsWith('/') && (modifier === text || modifier === '^~') ? { kind: 'prefix', text } : undefined;
  }
}

/** Whether somebody may rely on the line to keep requests out. */
function protects({ name, args, block = [] }: Directive): boolean {
  if (block.some(protects)) return true;
  if (name === 'return') return true;
  if (name === 'rewrite') return args.some((each) => each === 'permanent' || each === 'redirect');
  return /^(allow|auth_.*|deny|internal|limit_(req|conn|except).*|modsecurity.*|satisfy|secure_link.*|valid_referers|access_by_lua.*|rewrite_by_lua.*|content_by_lua.*|proxy_ssl_verify.*)$/.test(
    name,
  );
}

function show({ name, args, block }: Directive): string {
  return [name, ...args].join(' ') + (block === undefined ? ';' : ' { … }');
}

/** What nginx does for them, Envoy does as well, or need not do. */
const meaningless = Object.fromEntries(
  [
    'access_log error_log log_not_found log_subrequest rewrite_log charset default_type types',
    'gzip_http_version gzip_proxied gzip_vary gzip_disable tcp_nodelay tcp_nopush sendfile aio output_buffers',
    'keepalive_timeout keepalive_requests send_timeout reset_timedout_connection lingering_close',
    'client_body_buffer_size client_body_timeout client_header_buffer_size client_header_timeout',
    'large_client_header_buffers chunked_transfer_encoding etag server_tokens resolver resolver_timeout',
    'proxy_buffering proxy_buffers proxy_buffer_size proxy_busy_buffers_size proxy_http_version',
    'proxy_max_temp_file_size proxy_temp_file_write_size proxy_request_buffering proxy_headers_hash_max_size',
    'proxy_headers_hash_bucket_size proxy_ignore_client_abort proxy_socket_keepalive proxy_pass_header',
    'fastcgi_buffers fastcgi_buffer_size ssl_session_cache ssl_session_timeout http2_push_preload',
    'grpc_buffer_size proxy_ssl_server_name proxy_ssl_session_reuse uninitialized_variable_warn break',
  ]
    .flatMap((line) => line.split(' '))
    .map((name) => [name, true]),
);

/** Lines that ingress-nginx writes into every location itself: a second one is an error there, or without effect. */
const annotations: Readonly<Record<string, string>> = {
  client_max_body_size: 'write the annotation proxy-body-size',
  proxy_connect_timeout: 'write the annotation proxy-connect-timeout',
  proxy_read_timeout: 'write the annotation proxy-read-timeout',
  proxy_send_timeout: 'write the annotation proxy-send-timeout',
  grpc_read_timeout: 'write the annotation proxy-read-timeout',
  grpc_send_timeout: 'write the annotation proxy-send-timeout',
  proxy_next_upstream: 'write the annotation proxy-next-upstream',
  proxy_redirect: 'write the annotations proxy-redirect-from and proxy-redirect-to',
  proxy_cookie_path: 'write the annotation proxy-cookie-path',
  proxy_cookie_domain: 'write the annotation proxy-cookie-domain',
};
