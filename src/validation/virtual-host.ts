/** Hosts and the tables that they are in: domains that are hosts, each of them once. */
import { fieldsOf, listOf, refuse, refuseDuplicate, textOf } from './rule.ts';
import type { Fields } from './rule.ts';

const exact = /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\.?$/;

/** The end of a sentence that begins with the domain: `*`, a host in lower case, or such with `*.` before it. */
export function domainFault(domain: string): string | undefined {
  if (domain === '*') return undefined;
  const host = domain.startsWith('*.') ? domain.slice(2) : domain;
  if (host.length > 253 || !exact.test(host) || host.includes('..') || host.includes('.-') || host.includes('-.')) {
    return 'is no host in lower case, with or without "*." before it';
  }
  const isLong = host.length > 63 && host.split('.').some((label) => label.length > 63);
  return isLong ? 'has a label of more than 63 characters' : undefined;
}

/** `VirtualHost`. */
export function ruleOfVirtualHost(host: Fields): void {
  const domains = listOf(host['domains']).map(textOf);
  for (const domain of domains) refuse('domains', domain, domainFault(domain));
  if (domains.length < 2) return;
  refuseDuplicate('domains', domains, 'is there twice');
}

/**
 * One that is sent alone: its name says which domain it is for, so that no two resources of a table have the same, which Envoy
 * would refuse both for.
 */
export function ruleOfLoneVirtualHost({ name, domains }: Fields): void {
  const [domain, ...others] = listOf(domains).map(textOf);
  const isNamed =
    others.length === 0 && /^[a-z]+\//.test(textOf(name)) && textOf(name).replace(/^[a-z]+\//, '') === domain;
  refuse('name', name, isNamed ? undefined : 'is not the table and the one domain of the virtual host');
}

/** `RouteConfiguration` with virtual hosts in it. */
export function ruleOfRouteConfiguration(table: Fields): void {
  const hosts = listOf(table['virtual_hosts']).map(fieldsOf);
  const domains = hosts.flatMap((host) => listOf(host['domains']).map(textOf));
  refuseDuplicate('virtual_hosts', domains, 'is the domain of two hosts');
  const names = hosts.map(({ name }) => textOf(name));
  refuseDuplicate('virtual_hosts', names, 'is the name of two hosts');
}
