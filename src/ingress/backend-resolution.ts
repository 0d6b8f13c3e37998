/** What a backend stands for in the cluster: the port of its Service, and the addresses behind it. */
import { isIP } from 'node:net';
import type { EndpointSlice, Service, ServicePort } from '../cluster/kubernetes-object.ts';
import { backendName, describePort } from '../model/backend.ts';
import type { Backend } from '../model/backend.ts';
import type { Endpoint } from '../model/endpoint.ts';
import type { Origin } from '../model/host.ts';
import type { Problem, ProblemReason } from '../model/problem.ts';

export interface ResolvedBackend {
  readonly backend: Backend;
  /** Undefined when the Service or its port is missing or can't be used: then there are no endpoints, and Envoy answers 503. */
  readonly port: ServicePort | undefined;
  /** Who uses the backend: what is wrong with it is said of them. */
  readonly origins: readonly Origin[];
  readonly problems: readonly Problem[];
}

export function resolveBackend(
  backend: Backend,
  service: Service | undefined,
  origins: readonly Origin[],
): ResolvedBackend {
  const name = `${backend.namespace}/${backend.service}`;
  const unresolved = (reason: ProblemReason, message: string, fix: string): ResolvedBackend => ({
    backend,
    port: undefined,
    origins,
    problems: origins.map((origin) => ({ ...origin, severity: 'error', reason, message, fix })),
  });
  if (service === undefined) {
    const message = `Service ${name} does not exist, so its paths answer 503`;
    return unresolved('ServiceNotFound', message, 'create the Service, or name one of this namespace that exists');
  }
  if (service.spec.type === 'ExternalName') {
    const message = `Service ${name} is of type ExternalName, which is not served, so its paths answer 503`;
    return unresolved('UnsupportedBackend', message, 'use a Service with a selector or with EndpointSlices of its own');
  }
  const port = findPort(service, backend);
  if (port === undefined) {
    const ports = service.spec.ports.map((each) => (each.name === '' ? `${each.port}` : `${each.port} "${each.name}"`));
    const message = `Service ${name} has no port ${describePort(backend.port)}, so its paths answer 503`;
    return unresolved('ServicePortNotFound', message, `use one of its ports: ${ports.join(', ') || 'it has none'}`);
  }
  return { backend, port, origins, problems: [] };
}

function findPort(service: Service, { port }: Backend): ServicePort | undefined {
  const ports = service.spec.ports.filter((each) => each.protocol === 'TCP');
  switch (port.kind) {
    case 'number':
      return ports.find((each) => each.port === port.number);
    case 'name':
      return ports.find((each) => each.name === port.name);
    case 'first':
      return ports[0];
  }
}

export interface ResolvedEndpoints {
  /** Also the name of the cluster they belong to. */
  readonly name: string;
  /** Without duplicates, sorted by address and port. */
  readonly endpoints: readonly Endpoint[];
  readonly problems: readonly Problem[];
}

/**
 * The ready endpoints; while there are none, those that terminate but still serve, so that the last replica of a Service
 * answers until it ends (EndpointConditions of `discovery.k8s.io/v1`).
 */
export function resolveEndpoints(resolved: ResolvedBackend, slices: readonly EndpointSlice[]): ResolvedEndpoints {
  const { backend, port, origins } = resolved;
  const name = backendName(backend);
  if (port === undefined) return { name, endpoints: [], problems: [] };
  const ready = new Map<string, Endpoint>();
  const draining = new Map<string, Endpoint>();
  for (const slice of slices) collectEndpoints(slice, port, ready, draining);
  const chosen = ready.size > 0 ? ready : draining;
  const endpoints = [...chosen].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint);
  if (endpoints.length > 0) return { name, endpoints, problems: [] };
  const problems = origins.map((origin): Problem => {
    const message = `Service ${backend.namespace}/${backend.service} has no ready endpoint, so its paths answer 503`;
    return {
      ...origin,
      severity: 'warning',
      reason: 'NoEndpoints',
      message,
      fix: 'check that its pods run and are ready',
    };
  });
  return { name, endpoints, problems };
}

function collectEndpoints(
  slice: EndpointSlice,
  servicePort: ServicePort,
  ready: Map<string, Endpoint>,
  draining: Map<string, Endpoint>,
): void {
  // The name ties a slice's port to the Service's; its number may differ from slice to slice.
  const port = slice.ports.find((each) => each.name === servicePort.name && each.protocol === 'TCP')?.port ?? 0;
  if (port === 0) return;
  for (const endpoint of slice.endpoints) {
    // All addresses of an endpoint are interchangeable; consumers use the first (Endpoint of discovery.k8s.io/v1).
    const [address] = endpoint.addresses;
    // Envoy takes no zone: what it names is known on one node only.
    if (address === undefined || isIP(address) === 0 || address.includes('%')) continue;
    const key = `${address} ${port}`;
    if (endpoint.ready) ready.set(key, { address, port });
    else if (endpoint.serving && endpoint.terminating) draining.set(key, { address, port });
  }
}
