/**
 * Texts in which Envoy puts something of the request: what stands between percent signs. Only the commands that features write
 * are let through, whatever else Envoy knows: one of them returns variables of its environment.
 */

/** The arguments that each may have. */
const commands: ReadonlyMap<string, RegExp> = new Map([
  // The words for each status, and nothing else of the request.
  ['CEL', /^\(\{(\d{3}:'[A-Za-z ()-]+',?)+\}\[response\.code\]\)$/],
  ['DOWNSTREAM_PEER_CERT', /^$/],
  ['DOWNSTREAM_PEER_ISSUER', /^$/],
  ['DOWNSTREAM_PEER_SUBJECT', /^$/],
  ['DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT', /^$/],
  ['FILTER_STATE', /^\(sluice[\w.-]*:PLAIN\)$/],
  ['LOCAL_REPLY_BODY', /^$/],
  ['METADATA', /^\(ROUTE:sluice:[\w.:-]+\)$/],
  ['PATH', /^\(NQ:PATH\)$/],
  ['QUERY_PARAM', /^\([\w.~-]+\)$/],
  ['QUERY_PARAMS', /^\(ORIG\)$/],
  ['REQ', /^\((?::authority|:AUTHORITY|:method|:path|[\w-]+)\)$/],
  ['RESPONSE_CODE', /^$/],
  ['UNIQUE_ID', /^$/],
  ['UPSTREAM_HOST', /^$/],
  ['UPSTREAM_METADATA', /^\(envoy\.lb:sluice[\w.-]*\)$/],
]);

/** The end of a sentence that begins with the text. */
export function formatFault(text: string): string | undefined {
  if (!text.includes('%')) return undefined;
  for (let at = text.indexOf('%'); at !== -1; at = text.indexOf('%', at)) {
    if (text[at + 1] === '%') {
      at += 2;
      continue;
    }
    const end = text.indexOf('%', at + 1);
    if (end === -1) return 'has a percent sign that begins nothing';
    const command = text.slice(at + 1, end);
    const name = /^[A-Z0-9_]+/.exec(command)?.[0] ?? '';
    if (commands.get(name)?.test(command.slice(name.length)) !== true) {
      return `has the format operator %${command.slice(0, 100)}%, which is none of those that Sluice writes`;
    }
    at = end + 1;
  }
  return undefined;
}
