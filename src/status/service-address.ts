// Where a Service can be reached from outside: what `--publish-service` publishes.

import { isIP } from 'node:net';
import type { LoadBalancerAddress } from '../cluster/kubernetes-object.ts';
import { isRecord } from '../cluster/projection/field-reader.ts';
import { readAddresses } from '../cluster/projection/ingress-status.ts';
import { toAddress } from './address-set.ts';

export type ServiceReach =
  | { readonly kind: 'addresses'; readonly addresses: readonly LoadBalancerAddress[] }
  /** It is reached at the nodes of the Pods that have these labels. */
  | { readonly kind: 'nodes'; readonly selector: string }
  /** It cannot be reached now; `why` is a sentence without a full stop. */
  | { readonly kind: 'nowhere'; readonly why: string };

/**
 * Reads a `v1` Service. A load balancer has what its controller wrote, and `externalIPs`; an ExternalName its name; a
 * NodePort or headless Service its `externalIPs`, else the nodes of its Pods; a ClusterIP its `externalIPs`, else the
 * cluster's own address.
 */
export function reachOf(service: unknown): ServiceReach {
  const spec = isRecord(service) && isRecord(service['spec']) ? service['spec'] : {};
  const external = texts(spec['externalIPs']).map(toAddress);
  switch (spec['type']) {
    case 'LoadBalancer': {
      const status = isRecord(service) && isRecord(service['status']) ? service['status'] : {};
      return found([...readAddresses(status), ...external], 'its load balancer has no address yet');
    }
    case 'ExternalName':
      return found(texts([spec['externalName']]).map(toAddress), 'it has no externalName');
    case 'NodePort':
      return external.length > 0 ? found(external, '') : nodesOf(spec['selector']);
    default:
      return external.length > 0 ? found(external, '') : clusterReach(spec);
  }
}

function clusterReach(spec: Readonly<Record<string, unknown>>): ServiceReach {
  const own = texts([...texts(spec['clusterIPs']), spec['clusterIP']]).filter((text) => isIP(text) !== 0);
  return own.length > 0 ? found(own.map(toAddress), '') : nodesOf(spec['selector']);
}

function found(addresses: readonly LoadBalancerAddress[], why: string): ServiceReach {
  return addresses.length > 0 ? { kind: 'addresses', addresses } : { kind: 'nowhere', why };
}

function nodesOf(selector: unknown): ServiceReach {
  const labels = isRecord(selector) ? Object.entries(selector).map(([name, value]) => `${name}=${String(value)}`) : [];
  if (labels.length === 0) return { kind: 'nowhere', why: 'it has neither externalIPs nor a selector' };
  return { kind: 'nodes', selector: labels.toSorted().join(',') };
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string' && item !== '') : [];
}
