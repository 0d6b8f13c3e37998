/** Sends the name of a host with `www.` to the one without, or the other way round, whichever has rules. */
import { defineFeature } from './feature.ts';
import { overwrite } from './route-plan.ts';
import { redirectCodes, tlsRedirect } from './tls-redirect.ts';
import { boolean } from './value.ts';

export const fromToWwwRedirect = defineFeature({
  name: 'from-to-www-redirect',
  settings: {
    isOn: {
      annotation: 'from-to-www-redirect',
      parse: boolean,
      default: false,
      documentation: {
        value: '`true` or `false`',
        nginx:
          'Redirects `www.` before the host, or the host without it, to the host, unless the other name has rules of its own. The port is always written, one slash at the end is dropped, and the status is that of the redirect to HTTPS',
        difference: 'Not for wildcard hosts, which ingress-nginx redirects to the text `*.…`',
      },
    },
  },
  isOfHost: true,

  policy({ isOn }) {
    return isOn ? { isOn } : undefined;
  },

  aliases(_policy, host) {
    return twinOf(host);
  },

  hostRoute(_policy, plan, { name, aliasOf }) {
    if (aliasOf === undefined || !twinOf(aliasOf).includes(name)) return;
    const code = plan.policyOf(tlsRedirect)?.code ?? '308';
    const port = plan.scheme === 'https' ? 443 : 80;
    const to = { host_redirect: aliasOf, port_redirect: port, response_code: redirectCodes[code] };
    const location = overwrite('location', `${plan.scheme}://${aliasOf}:${port}`);
    const isRoot = { headers: [{ name: ':path', string_match: { exact: '/' } }] };
    plan.answer({ direct_response: { status: Number(code) }, response_headers_to_add: [location] }, isRoot);
    const cut = { pattern: { regex: '/$' }, substitution: '' };
    const endsInSlash = { headers: [{ name: ':path', string_match: { suffix: '/' } }] };
    plan.answer({ redirect: { ...to, regex_rewrite: cut } }, endsInSlash);
    plan.answer({ redirect: to });
  },
});

function twinOf(host: string): readonly string[] {
  if (host.startsWith('*')) return [];
  return [host.startsWith('www.') ? host.slice(4) : `www.${host}`];
}
