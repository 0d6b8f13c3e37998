/** Text with variables of nginx, as the format strings of Envoy that say the same. */
import { literal } from './route-plan.ts';
import { invalid, valid } from './value.ts';
import type { Parse } from './value.ts';

/** `${name}` or `$name`; a `$` before anything else, such as `$1`, is text. */
const variable = /\$(?:\{([a-z_][a-z0-9_]*)\}|([a-z_][a-z0-9_]*))/gi;

/** The format of one variable; undefined where Envoy does not know what it says. */
export function formatOf(name: string): string | undefined {
  if (Object.hasOwn(formats, name)) return formats[name];
  const [, kind, rest = ''] = /^(http|arg)_([a-z0-9_]{1,64})$/.exec(name) ?? [];
  if (kind === 'http') return `%REQ(${rest.replaceAll('_', '-')})%`;
  return kind === 'arg' ? `%QUERY_PARAM(${rest})%` : undefined;
}

/** The whole text as a format; reports the first variable that has none. */
export const nginxFormat: Parse<string> = (text) => {
  let format = '';
  let end = 0;
  for (const found of text.matchAll(variable)) {
    const name = (found[1] ?? found[2] ?? '').toLowerCase();
    const known = formatOf(name);
    if (known === undefined) return invalid(`has the variable $${name}, which is not supported`, example);
    format += literal(text.slice(end, found.index)) + known;
    end = found.index + found[0].length;
  }
  return valid(format + literal(text.slice(end)));
};

const example = 'use $scheme, $host, $http_host, $request_uri, $uri, $args, $remote_addr, $http_NAME or $arg_NAME';

const formats: Readonly<Record<string, string>> = {
  scheme: '%REQ(x-forwarded-proto)%',
  host: '%REQ(:authority)%',
  http_host: '%REQ(:authority)%',
  best_http_host: '%REQ(:authority)%',
  request_uri: '%REQ(:path)%',
  uri: '%PATH(NQ:PATH)%',
  args: '%QUERY_PARAMS(ORIG)%',
  query_string: '%QUERY_PARAMS(ORIG)%',
  request_method: '%REQ(:method)%',
  remote_addr: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%',
  request_id: '%REQ(x-request-id)%',
  req_id: '%REQ(x-request-id)%',
};
