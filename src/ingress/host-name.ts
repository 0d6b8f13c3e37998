/** The hosts of rules and TLS entries: which of them are DNS names, and their one spelling. */

const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * The lower-case spelling of a host, or undefined when it is neither a DNS-1123 subdomain of at most 253 characters nor
 * `*.` before one (IngressRule.host of `networking.k8s.io/v1`).
 */
export function parseHostName(text: string): string | undefined {
  const host = text.toLowerCase();
  const labels = (host.startsWith('*.') ? host.slice(2) : host).split('.');
  if (host.length > 253 || !labels.every((each) => label.test(each))) return undefined;
  const looksLikeAddress = labels.length === 4 && labels.every((each) => /^\d+$/.test(each));
  return looksLikeAddress ? undefined : host;
}
