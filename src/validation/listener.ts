/** Listeners: their filter chains, and what leads to each. */
import { envoyCiphers } from '../model/cipher.ts';
import { dnsNameFault } from './address.ts';
import { fieldsOf, listOf, refuse, refuseDuplicate, textOf } from './rule.ts';
import type { Fields } from './rule.ts';

/** `Listener`. */
export function ruleOfListener(listener: Fields): void {
  const chains = listOf(listener['filter_chains']).map(fieldsOf);
  const names = chains.map(({ name }) => textOf(name));
  refuseDuplicate('filter_chains', names, 'is the name of two filter chains');
  const matches = chains.flatMap(({ filter_chain_match: match }) =>
    match === undefined ? [] : [JSON.stringify(match)],
  );
  refuseDuplicate('filter_chains', matches, 'is what two filter chains match');
}

/** `FilterChainMatch` and `ServerNameMatcher`: `*.` before a name is the only wildcard. */
function serverNameFault(name: string): string | undefined {
  const host = name.replace(/^\*\./, '');
  return /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/.test(host) ? undefined : 'is no server name in lower case';
}

export function ruleOfChainMatch({ server_names: names }: Fields): void {
  for (const name of listOf(names)) refuse('server_names', name, serverNameFault(textOf(name)));
}

/** `TlsParameters`. */
export function ruleOfTlsParameters({ cipher_suites: suites }: Fields): void {
  for (const name of listOf(suites).flatMap((each) =>
    textOf(each)
      .replace(/^\[(.*)\]$/, '$1')
      .split('|'),
  )) {
    refuse('cipher_suites', name, envoyCiphers.has(name) ? undefined : 'is no cipher that Envoy knows');
  }
}

/** `UpstreamTlsContext`: the name that the Envoy asks a server for. */
export function ruleOfUpstreamTls({ sni }: Fields): void {
  const name = textOf(sni);
  refuse('sni', sni, name === '' || dnsNameFault(name) === undefined ? undefined : 'is no name of a server');
}

/** `ServerNameMatcher`. */
export function ruleOfServerNames({ domain_matchers: matchers }: Fields): void {
  const domains = listOf(matchers).flatMap((each) => listOf(fieldsOf(each)['domains']).map(textOf));
  for (const domain of domains) refuse('domain_matchers', domain, domain === '*' ? undefined : serverNameFault(domain));
  refuseDuplicate('domain_matchers', domains, 'leads to two filter chains');
}
