/** The authentication service that a URL names: where it is, and the backend by which Envoys reach it. */
import type { Backend } from '../model/backend.ts';
import { clusterVariant } from './cluster-variant.ts';
import { nginxText } from './nginx-text.ts';
import type { NginxText } from './nginx-text.ts';
import { invalid, valid } from './value.ts';
import type { Parse } from './value.ts';

/** Where the authentication service is. */
export interface AuthService {
  readonly isTls: boolean;
  /** Undefined for the host that the request is for. */
  readonly host: string | undefined;
  readonly port: number;
  /** Path and query. */
  readonly path: NginxText;
}

const urlParts = /^(https?):\/\/([^/?#\s]+)([/?][^#\s]*)?$/i;
const authority =
  /^(\$\{?(?:host|http_host|best_http_host)\}?|\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9_.-]{0,251}[a-z0-9])?\.?)(?::(\d{1,5}))?$/i;
const exampleUrl = 'write a URL such as "http://auth.default.svc.cluster.local/verify"';

export const authService: Parse<AuthService> = (text) => {
  const [, scheme = '', where = '', rest = ''] = urlParts.exec(text) ?? [];
  const [, host = '', , portText] = authority.exec(where) ?? [];
  const port = portText === undefined ? (scheme.toLowerCase() === 'https' ? 443 : 80) : Number(portText);
  if (host === '' || host.includes('..') || port < 1 || port > 65_535 || text.length > 2048) {
    return invalid('is no URL', exampleUrl);
  }
  if (!/^[\u0021\u0023-\u007e]*$/.test(rest))
    return invalid('has characters that no URL can have', 'write them %-encoded');
  const path = nginxText(rest.startsWith('/') ? rest : `/${rest}`);
  if (path.kind === 'invalid') return path;
  return valid({
    isTls: scheme.toLowerCase() === 'https',
    host: host.startsWith('$') ? undefined : host.toLowerCase().replace(/\.$/, '').replaceAll(/[[\]]/g, ''),
    port,
    path: path.value,
  });
};

/** What a cluster has to know of the service. */
export interface AuthCluster {
  readonly serverName: string | undefined;
}

/** The name of a Service in the DNS of a cluster. */
const serviceName = /^([a-z0-9-]+)\.([a-z0-9-]+)\.svc(\.[a-z0-9.-]+)?$/;

/** @param host that of the rule; undefined comes back for one that stands for several, if the service is to be found under it */
export function authBackend(
  feature: string,
  { isTls, host, port }: AuthService,
  ruleHost: string,
): Backend | undefined {
  const name = host ?? ruleHost;
  if (name.startsWith('*')) return undefined;
  const [, service, namespace] = serviceName.exec(name) ?? [];
  const data: AuthCluster = { serverName: name };
  const variant = isTls ? clusterVariant({ [feature]: data }) : undefined;
  if (service !== undefined && namespace !== undefined) {
    return { namespace, service, port: { kind: 'number', number: port }, ...variant };
  }
  return {
    namespace: '',
    service: name,
    port: { kind: 'number', number: port },
    external: { host: name, port },
    ...variant,
  };
}
