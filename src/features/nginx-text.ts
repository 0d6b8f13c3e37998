/** Text in which users write nginx's variables, such as `https://$host/start?rd=$escaped_request_uri`. */
import { invalid, valid } from './value.ts';
import type { Parse } from './value.ts';

/** What stands before the first variable, its name, what stands before the second, and so on. */
export type NginxText = readonly string[];

/** What src/features/access-script.ts knows the values of; beside them `$http_NAME`, `$cookie_NAME` and `$arg_NAME`. */
const variables: ReadonlySet<string> = new Set([
  'args',
  'best_http_host',
  'escaped_request_uri',
  'host',
  'http_host',
  'pass_access_scheme',
  'pass_server_port',
  'query_string',
  'remote_addr',
  'remote_user',
  'req_id',
  'request_id',
  'request_method',
  'request_uri',
  'scheme',
  'server_name',
  'server_port',
  'uri',
]);

const variable = /\$(?:\{([a-z0-9_]+)\}|([a-z0-9_]+)|)/gi;

export const nginxText: Parse<NginxText> = (text) => {
  const parts: string[] = [];
  let end = 0;
  for (const found of text.matchAll(variable)) {
    const name = (found[1] ?? found[2] ?? '').toLowerCase();
    if (!variables.has(name) && !/^(http|cookie|arg)_[a-z0-9_]+$/.test(name)) {
      return invalid(
        `has the variable "$${name}", which is not supported`,
        'write it without, or with $host and its like',
      );
    }
    parts.push(text.slice(end, found.index), name);
    end = found.index + found[0].length;
  }
  return valid([...parts, text.slice(end)]);
};
