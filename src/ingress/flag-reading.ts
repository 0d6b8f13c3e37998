/** What the operator asks for by flags, in the form of what an Ingress asks for, so that it is merged by the same rules. */
import { anyHost, knownHosts } from '../model/host.ts';
import type { Route } from '../model/host.ts';
import { noPolicies } from '../model/policy.ts';
import type { HostReading, IngressReading } from './ingress-reading.ts';

export interface NamespacedName {
  readonly namespace: string;
  readonly name: string;
}

export interface FlagDefaults {
  /** Serves, on its first port, every host that no Ingress has. */
  readonly backendService?: NamespacedName;
  /** The Secret whose certificate is shown to TLS clients that ask for no host with its own. */
  readonly certificate?: NamespacedName;
}

/** What the origins of flags have in place of a Kubernetes kind. */
export const flagKind = 'Flag';

/** Of the catch-all host, which is thereby always there, if only to answer 404, and of what known hosts do not match. */
export function flagReading({ backendService, certificate }: FlagDefaults): IngressReading {
  const object = { kind: flagKind, namespace: '', name: 'serve' };
  const fallback: Route | undefined = backendService && {
    match: { kind: 'prefix', path: '' },
    action: {
      kind: 'backend',
      backend: { namespace: backendService.namespace, service: backendService.name, port: { kind: 'first' } },
    },
    policies: noPolicies,
    origin: { object, field: '--default-backend-service' },
  };
  const unknown: HostReading = {
    routes: [],
    fallback,
    hasTls: false,
    certificates:
      certificate === undefined
        ? []
        : [
            {
              secret: `${certificate.namespace}/${certificate.name}`,
              origin: { object, field: '--default-ssl-certificate' },
            },
          ],
  };
  const known: HostReading = { routes: [], fallback, certificates: [], hasTls: false };
  const hosts = new Map([[anyHost, unknown], ...(fallback === undefined ? [] : [[knownHosts, known] as const])]);
  return { object, creationTimestamp: '', policies: noPolicies, hosts, aliases: new Map(), problems: [] };
}
