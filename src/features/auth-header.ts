/** Headers that the authentication service is sent, as a ConfigMap or a snippet sets them, and those of its answers. */
import type { ConfigMap } from '../cluster/kubernetes-object.ts';
import { nginxText } from './nginx-text.ts';
import type { NginxText } from './nginx-text.ts';
import { invalid, valid } from './value.ts';
import type { Parse } from './value.ts';

export interface ExtraHeader {
  readonly name: string;
  readonly value: NginxText;
}

const unusable = /^(connection|content-length|expect|host|keep-alive|te|trailer|transfer-encoding|upgrade)$/i;
export const headerName: Parse<string> = (text) =>
  /^[a-z0-9-]{1,128}$/i.test(text) && !unusable.test(text)
    ? valid(text.toLowerCase())
    : invalid('is no name of a header that can be set', 'write names such as "X-Auth-User, X-Auth-Email"');

const statement = /\s*proxy_set_header\s+([A-Za-z0-9-]+)\s+(?:"([^"\\]*)"|'([^'\\]*)'|([^\s;"'{}]+))\s*;/y;

/** The headers that a snippet sets. Any other statement changes who may pass, for all that is known. */
export const snippetHeaders: Parse<readonly ExtraHeader[]> = (text) => {
  const headers: ExtraHeader[] = [];
  let end = 0;
  while (text.slice(end).trim() !== '') {
    statement.lastIndex = end;
    const [whole, name = '', ...values] = statement.exec(text) ?? [];
    const value = values.find((each) => each !== undefined);
    if (whole === undefined || value === undefined || headerName(name).kind === 'invalid') {
      return invalid('has other statements than proxy_set_header', 'set headers only, or protect the backend itself');
    }
    const parsed = nginxText(value);
    if (parsed.kind === 'invalid') return parsed;
    if (!/^[\u0020-\u007e]*$/.test(value)) return invalid('has a value that is no plain text', 'write it in ASCII');
    headers.push({ name: name.toLowerCase(), value: parsed.value });
    end += whole.length;
  }
  return valid(headers);
};

/** Those of a ConfigMap; the text says what is wrong. */
export function headersFrom(configMap: ConfigMap): readonly ExtraHeader[] | string {
  const headers: ExtraHeader[] = [];
  for (const [name, value] of Object.entries(configMap.data).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const parsed = nginxText(value.trim());
    if (headerName(name).kind === 'invalid') return `"${name}" is no name of a header that can be set`;
    if (parsed.kind === 'invalid') return `the value of "${name}" ${parsed.why}`;
    if (!/^[\u0020-\u007e]{0,2048}$/.test(value.trim())) return `the value of "${name}" is no plain text`;
    headers.push({ name: name.toLowerCase(), value: parsed.value });
  }
  return headers;
}
