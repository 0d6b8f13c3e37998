// Where the nodes can be reached on which Envoys run, from the Pods and Nodes of the API.

import type { LoadBalancerAddress } from '../cluster/kubernetes-object.ts';
import { isRecord } from '../cluster/projection/field-reader.ts';
import { toAddress } from './address-set.ts';

/** A node that runs a Pod which serves. */
export interface ServingNode {
  readonly name: string;
  /** `status.hostIPs` of the Pod: what is known of the node without a right to read it. */
  readonly hostAddresses: readonly string[];
}

/** The nodes of the Pods of a `v1` PodList that are ready and not ending, each once, by name. */
export function servingNodes(list: unknown): readonly ServingNode[] {
  const nodes = new Map<string, ServingNode>();
  for (const pod of records(list, 'items')) {
    const { nodeName } = child(pod, 'spec');
    if (typeof nodeName !== 'string' || nodeName === '' || !isServing(pod)) continue;
    const status = child(pod, 'status');
    const several = records(status, 'hostIPs').map(({ ip }) => ip);
    const hostAddresses = (several.length > 0 ? several : [status['hostIP']]).filter(isFilledText);
    nodes.set(nodeName, { name: nodeName, hostAddresses });
  }
  return [...nodes.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * The addresses of a `v1` Node: the external ones (ExternalIP, ExternalDNS), or with `wantsInternal`, or where there are
 * none, the internal ones.
 */
export function nodeAddresses(node: unknown, wantsInternal: boolean): readonly LoadBalancerAddress[] {
  const addresses = records(child(isRecord(node) ? node : {}, 'status'), 'addresses');
  const ofType = (type: string) =>
    addresses
      .filter((entry) => entry['type'] === type)
      .map((entry) => entry['address'])
      .filter(isFilledText);
  const byPreference = wantsInternal ? ['InternalIP'] : ['ExternalIP', 'ExternalDNS', 'InternalIP'];
  const type = byPreference.find((candidate) => ofType(candidate).length > 0);
  return type === undefined ? [] : ofType(type).map(toAddress);
}

function isServing(pod: Readonly<Record<string, unknown>>): boolean {
  const isEnding = child(pod, 'metadata')['deletionTimestamp'] !== undefined;
  const conditions = records(child(pod, 'status'), 'conditions');
  return !isEnding && conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}

function child(parent: Readonly<Record<string, unknown>>, key: string): Readonly<Record<string, unknown>> {
  const value = parent[key];
  return isRecord(value) ? value : {};
}

function records(parent: unknown, key: string): readonly Readonly<Record<string, unknown>>[] {
  const value = isRecord(parent) ? parent[key] : undefined;
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

function isFilledText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
