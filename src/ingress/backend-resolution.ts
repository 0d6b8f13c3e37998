/** What a backend stands for in the cluster: the port of its Service, and how requests get there. */
import { isIP } from 'node:net';
import type { Service, ServicePort } from '../cluster/kubernetes-object.ts';
import { planCluster } from '../features/output.ts';
import { describePort } from '../model/backend.ts';
import type { Backend, BackendProtocol, Transport } from '../model/backend.ts';
import type { Origin } from '../model/host.ts';
import type { Problem, ProblemReason } from '../model/problem.ts';
import { isForeignAddress } from '../model/endpoint-address.ts';
import { parseHostName } from './host-name.ts';

export interface ResolvedBackend {
  readonly backend: Backend;
  /** Undefined when the Service or its port is missing or can't be used: then there are no endpoints, and Envoy answers 503. */
  readonly port: ServicePort | undefined;
  /** Whether its Service has no other port. */
  readonly isOnlyPort: boolean;
  readonly transport: Transport;
  /** What takes the place of the endpoints, when that is asked for. */
  readonly address?: { readonly address: string; readonly port: number };
  /** Goes into the names of the endpoints, where they have any: nobody outside of the cluster knows it. */
  readonly salt?: string;
  /** Whether IPv6 addresses are before IPv4 addresses. */
  readonly prefersIPv6: boolean;
  /** Who uses the backend: what is wrong with it is said of them. */
  readonly origins: readonly Origin[];
  readonly problems: readonly Problem[];
}

export interface BackendPolicy {
  /** Whether a Service may name a host outside of the cluster; whoever writes Services then says what Envoy connects to. */
  readonly allowExternalNames: boolean;
  /** Whether EndpointSlices may name addresses of Envoy's own machine and the like; only where the operator writes them. */
  readonly allowLocalEndpoints: boolean;
}

const plain: Transport = { protocol: 'http1', prefer: 'any' };

export function resolveBackend(
  backend: Backend,
  service: Service | undefined,
  origins: readonly Origin[],
  policy: BackendPolicy,
): ResolvedBackend {
  const name = `${backend.namespace}/${backend.service}`;
  const report = (severity: Problem['severity'], reason: ProblemReason, message: string, fix: string) =>
    origins.map((origin): Problem => ({ ...origin, severity, reason, message, fix }));
  const unresolved = (reason: ProblemReason, message: string, fix: string): ResolvedBackend => ({
    backend,
    port: undefined,
    isOnlyPort: false,
    transport: plain,
    prefersIPv6: false,
    origins,
    problems: report('error', reason, `Service ${name} ${message}, so its paths answer 503`, fix),
  });
  const mayBeLocal = policy.allowLocalEndpoints ? ({ mayBeLocal: true } as const) : {};
  if (backend.external !== undefined) {
    const { external } = backend;
    const transport: Transport = { ...plain, external: { ...external, ...mayBeLocal } };
    if (policy.allowLocalEndpoints || !isLocal(external.host)) {
      return { backend, port: undefined, isOnlyPort: false, transport, prefersIPv6: false, origins, problems: [] };
    }
    const message = `the host ${external.host} is, to an Envoy, its own machine or network, so nothing is sent there`;
    return {
      ...unresolved('EndpointRefused', '', ''),
      problems: report('error', 'EndpointRefused', message, 'name a Service of the cluster, as NAME.NAMESPACE.svc'),
    };
  }
  if (service === undefined) {
    return unresolved(
      'ServiceNotFound',
      'does not exist',
      'create the Service, or name one of this namespace that exists',
    );
  }
  const isExternal = service.spec.type === 'ExternalName';
  if (isExternal && !policy.allowExternalNames) {
    const fix =
      'use a Service with a selector or with EndpointSlices of its own, or allow it with --allow-external-names';
    return unresolved('UnsupportedBackend', 'is of type ExternalName, which is not allowed', fix);
  }
  const port = findPort(service, backend) ?? (isExternal ? portOutside(service, backend) : undefined);
  if (port === undefined) {
    const ports = service.spec.ports.map((each) => (each.name === '' ? `${each.port}` : `${each.port} "${each.name}"`));
    const fix = `use one of its ports: ${ports.join(', ') || 'it has none'}`;
    return unresolved('ServicePortNotFound', `has no port ${describePort(backend.port)}`, fix);
  }
  const isOnlyPort = service.spec.ports.length === 1;
  const asked = backend.policies && askedOf(backend.policies, service, port);
  const prefersIPv6 = service.spec.ipFamily === 'IPv6';
  const common = { backend, port, isOnlyPort, prefersIPv6, origins, ...asked };
  const transport: Transport = { protocol: protocolOf(port), prefer: preferenceOf(service) };
  if (isExternal) {
    const host = externalHost(service.spec.externalName);
    if (host === undefined) {
      const message = `has the externalName "${service.spec.externalName}", which is not a DNS name outside of this machine`;
      return unresolved(
        'UnsupportedBackend',
        message,
        'set externalName to a DNS name; for addresses, write an EndpointSlice',
      );
    }
    return {
      ...common,
      transport: { ...transport, external: { host, port: port.targetPort ?? port.port, ...mayBeLocal } },
      problems: [],
    };
  }
  if (service.spec.internalTrafficPolicy !== 'Local') return { ...common, transport, problems: [] };
  const message = `Service ${name} asks for endpoints on the client's own node; Envoys use those on other nodes as well`;
  const fix = 'use trafficDistribution, which is kept by zone, or remove internalTrafficPolicy';
  return { ...common, transport, problems: report('warning', 'TrafficPolicyNotKept', message, fix) };
}

/** What features want instead of the endpoints, or of them. */
function askedOf(
  policies: Readonly<Record<string, unknown>>,
  { metadata, spec: { clusterIp } }: Service,
  { port }: ServicePort,
): Pick<ResolvedBackend, 'address' | 'salt'> {
  const { usesServiceAddress, namesEndpoints } = planCluster(policies);
  return {
    ...(usesServiceAddress && clusterIp !== undefined && { address: { address: clusterIp, port } }),
    ...(namesEndpoints && { salt: metadata.uid }),
  };
}

function findPort(service: Service, { port }: Backend): ServicePort | undefined {
  const ports = service.spec.ports.filter((each) => each.protocol === 'TCP');
  switch (port.kind) {
    case 'number':
      return ports.find((each) => each.port === port.number) ?? targeted(ports, String(port.number));
    case 'name':
      return ports.find((each) => each.name === port.name) ?? targeted(ports, port.name);
    case 'first':
      return ports[0];
  }
}

/** ingress-nginx takes the port of the Pods for that of the Service as well. */
function targeted(ports: readonly ServicePort[], text: string): ServicePort | undefined {
  return ports.find(({ target }) => target === text);
}

/** An ExternalName Service needs no ports: then the number in the Ingress is that of the host. */
function portOutside(service: Service, { port }: Backend): ServicePort | undefined {
  if (service.spec.ports.length > 0 || port.kind !== 'number') return undefined;
  return { name: '', port: port.number, protocol: 'TCP', appProtocol: '' };
}

/** A DNS name; not an address and not a name for the machine that Envoy runs on, whose ports are not for everyone. */
function externalHost(text: string): string | undefined {
  const host = parseHostName(text.replace(/\.$/, ''));
  return host === undefined || host.startsWith('*') || localName.test(host) ? undefined : host;
}

/** What resolvers may take for an address in another spelling, such as 2130706433 or 0x7f.1 (URL Standard, section 3.5). */
const numericName = /(?:^|\.)(?:\d+|0x[\da-f]*)\.?$|^[.:]*$/i;
const localName = /^(.*\.)?localhost(\.localdomain)?\.?$/i;

/** As a name or an address that anybody can tell; what other names resolve to, Envoys look at (src/translate/resolved-address.ts). */
function isLocal(host: string): boolean {
  if (isIP(host) !== 0) return !isForeignAddress(host);
  return localName.test(host) || numericName.test(host);
}

/** The names that Kubernetes defines (Service, appProtocol), and those that other ingress controllers and meshes know. */
const protocols: Readonly<Record<string, BackendProtocol>> = {
  'kubernetes.io/h2c': 'http2',
  'kubernetes.io/wss': 'http1-tls',
  grpc: 'http2',
  grpcs: 'http2-tls',
  h2c: 'http2',
  http2: 'http2',
  https: 'http1-tls',
};

/** HTTP/1.1 for all others, `http` and `kubernetes.io/ws` among them: WebSockets need nothing more. */
function protocolOf({ appProtocol }: ServicePort): BackendProtocol {
  const name = appProtocol.toLowerCase();
  return Object.hasOwn(protocols, name) ? (protocols[name] ?? 'http1') : 'http1';
}

/** A client that must come back to the same endpoint matters more than which zone that is in. */
function preferenceOf({ spec }: Service): Transport['prefer'] {
  if (spec.sessionAffinity === 'ClientIP') return 'client';
  return spec.trafficDistribution === undefined ? 'any' : 'zone';
}
