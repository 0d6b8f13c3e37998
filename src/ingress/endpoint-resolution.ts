/** The endpoints behind a backend: those of all EndpointSlices of its Service that can be used now. */
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import type { EndpointSlice, ServicePort } from '../cluster/kubernetes-object.ts';
import { backendName } from '../model/backend.ts';
import type { Endpoint } from '../model/endpoint.ts';
import type { Problem } from '../model/problem.ts';
import type { BackendPolicy, ResolvedBackend } from './backend-resolution.ts';
import { isForeignAddress, isReachableAddress } from '../model/endpoint-address.ts';

export interface ResolvedEndpoints {
  /** Also the name of the cluster they belong to. */
  readonly name: string;
  /** Whether a name outside of the cluster takes their place. */
  readonly isExternal: boolean;
  /** Without duplicates, sorted by address and port. */
  readonly endpoints: readonly Endpoint[];
  readonly problems: readonly Problem[];
}

/**
 * The ready endpoints; while there are none, those that terminate but still serve, so that the last replica of a Service
 * answers until it ends (EndpointConditions of `discovery.k8s.io/v1`).
 */
export function resolveEndpoints(
  resolved: ResolvedBackend,
  slices: readonly EndpointSlice[],
  policy: Pick<BackendPolicy, 'allowLocalEndpoints'>,
): ResolvedEndpoints {
  const { backend, port, transport } = resolved;
  const name = backendName(backend);
  const isExternal = transport.external !== undefined;
  if (port === undefined || isExternal) return { name, isExternal, endpoints: [], problems: [] };
  const named =
    resolved.address === undefined
      ? slices.flatMap((slice) => addressesOf(slice, portOf(slice, port, resolved.isOnlyPort)))
      : [{ ...resolved.address, isReady: true, target: '', zone: '', zoneHint: '' }];
  const isAllowed = ({ address }: Address): boolean =>
    policy.allowLocalEndpoints ? isReachableAddress(address) : isForeignAddress(address);
  const found = named.filter(isAllowed);
  const refused = found.length === named.length ? [] : named.filter((each) => !isAllowed(each));
  const ready = found.filter((each) => each.isReady);
  const usable = distinct(ready.length > 0 ? ready : found);
  const zoned = transport.prefer === 'zone' ? withZones(usable) : usable.map((each) => ({ ...each, zone: '' }));
  const merged = mergeFamilies(zoned, resolved.prefersIPv6);
  const endpoints =
    resolved.salt === undefined ? merged : merged.map((each) => withName(each, resolved, resolved.salt));
  if (refused.length > 0) return { name, isExternal, endpoints, problems: refusal(resolved, refused) };
  return {
    name,
    isExternal,
    endpoints,
    problems: endpoints.length > 0 ? [] : absence(resolved, slices.length === 0 && policy.allowLocalEndpoints),
  };
}

function withName(each: Endpoint, { backend: { namespace, service } }: ResolvedBackend, salt = ''): Endpoint {
  const { address, port } = each;
  const text = JSON.stringify([salt, namespace, service, address, port]);
  return { ...each, name: createHash('sha256').update(text).digest('hex').slice(0, 32) };
}

/** @param isUnwritten whether no EndpointSlice is of the Service, and no cluster writes one */
function absence({ backend, origins }: ResolvedBackend, isUnwritten: boolean): readonly Problem[] {
  const { namespace, service } = backend;
  const lacks = isUnwritten ? 'no EndpointSlice' : 'no ready endpoint';
  const message = `Service ${namespace}/${service} has ${lacks}, so its paths answer 503`;
  const fix = isUnwritten
    ? `in a cluster Kubernetes writes it; in a folder of manifests, add one with the addresses, labelled kubernetes.io/service-name: ${service}`
    : 'check that its pods run and are ready';
  return origins.map((origin) => ({ ...origin, severity: 'warning', reason: 'NoEndpoints', message, fix }));
}

function refusal({ backend, origins }: ResolvedBackend, addresses: readonly Address[]): readonly Problem[] {
  const shown = addresses.map(({ address }) => address).toSorted()[0] ?? '';
  const message = `Service ${backend.namespace}/${backend.service} has the endpoint ${shown}, which is not used: to an Envoy it is not a pod, but its own machine, network or cloud`;
  const fix = 'remove such addresses from the EndpointSlices of the Service';
  return origins.map((origin) => ({ ...origin, severity: 'error', reason: 'EndpointRefused', message, fix }));
}

interface Address {
  readonly address: string;
  readonly port: number;
  readonly isReady: boolean;
  readonly target: string;
  readonly zone: string;
  readonly zoneHint: string;
}

/**
 * The number of the Service's port in a slice; 0 when it is not there. The name ties them; the number may differ from slice to slice.
 *
 * When the only port of a Service is renamed, the EndpointSlice controller renames that of the slices a moment later. Until then
 * it is known by being the only one, else every rename would be answered with 503.
 */
function portOf(slice: EndpointSlice, servicePort: ServicePort, isOnlyPort: boolean): number {
  const ports = slice.ports.filter(({ protocol }) => protocol === 'TCP');
  const mayBeRenamed = slice.followsService === true && isOnlyPort && slice.ports.length === 1;
  const found = mayBeRenamed ? ports[0] : ports.find(({ name }) => name === servicePort.name);
  return found?.port ?? 0;
}

/** Those that are ready, or serve while they terminate. */
function addressesOf(slice: EndpointSlice, port: number): readonly Address[] {
  if (port === 0) return [];
  return slice.endpoints.flatMap(({ addresses, ready, serving, terminating, zone, zoneHint = '', target = '' }) => {
    // All addresses of an endpoint are interchangeable; consumers use the first (Endpoint of discovery.k8s.io/v1).
    const [address] = addresses;
    // Envoy takes no zone of an address: what it names is known on one node only.
    if (address === undefined || isIP(address) === 0 || address.includes('%')) return [];
    if (!ready && !(serving && terminating)) return [];
    return [{ address, port, isReady: ready, target, zone, zoneHint }];
  });
}

/** An endpoint may stand in two slices while it moves from one to the other. Sorted by address and port. */
function distinct(addresses: readonly Address[]): readonly Address[] {
  const byKey = new Map(addresses.map((each) => [`${each.address} ${each.port}`, each]));
  return [...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
}

/** Hints count only when every endpoint has one, else clients of some zones would have too few (as for kube-proxy). */
function withZones(addresses: readonly Address[]): readonly Address[] {
  const areHinted = addresses.every(({ zoneHint }) => zoneHint !== '');
  return addresses.map((each) => ({ ...each, zone: areHinted ? each.zoneHint : each.zone }));
}

/** A Pod with addresses in both families is one endpoint: as two it would get twice its share of the requests. */
function mergeFamilies(addresses: readonly Address[], prefersIPv6: boolean): readonly Endpoint[] {
  const first = prefersIPv6 ? 6 : 4;
  const pairKey = ({ target, port }: Address): string => `${target} ${port}`;
  const preferred = addresses.filter((each) => isIP(each.address) === first);
  const others = addresses.filter((each) => isIP(each.address) !== first);
  const alternatives = new Map(others.filter(({ target }) => target !== '').map((each) => [pairKey(each), each]));
  const paired = new Set<Address>();
  const merged = preferred.map((each): Endpoint => {
    const alternative = alternatives.get(pairKey(each));
    if (alternative === undefined) return endpoint(each);
    paired.add(alternative);
    return { ...endpoint(each), alternative: alternative.address };
  });
  return [...merged, ...others.filter((each) => !paired.has(each)).map(endpoint)];
}

function endpoint({ address, port, zone }: Address): Endpoint {
  return { address, port, ...(zone !== '' && { zone }) };
}
