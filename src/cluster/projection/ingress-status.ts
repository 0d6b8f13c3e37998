// Reads `status.loadBalancer` of a `networking.k8s.io/v1` Ingress, and who of us wrote it. Controllers write it, not
// users: what cannot be read is passed over, and is no problem of the object.

import type { IngressStatus, LoadBalancerAddress, LoadBalancerPort } from '../kubernetes-object.ts';
import { isRecord } from './field-reader.ts';

/** With this begin the names under which Sluice writes the status; which replicas they are is what follows. */
export const statusManagerPrefix = 'sluice:';

/** Undefined when there is neither an address nor a manager of ours. */
export function readIngressStatus(raw: Readonly<Record<string, unknown>>): IngressStatus | undefined {
  const addresses = readAddresses(child(raw, 'status'));
  const managers = readManagers(child(raw, 'metadata'));
  return addresses.length === 0 && managers.length === 0 ? undefined : { addresses, managers };
}

/** `loadBalancer.ingress` of the status of an Ingress or a Service. */
export function readAddresses(status: Readonly<Record<string, unknown>>): readonly LoadBalancerAddress[] {
  return records(child(status, 'loadBalancer')['ingress']).flatMap((entry) => {
    const ip = text(entry['ip']);
    const hostname = text(entry['hostname']);
    if (ip === '' && hostname === '') return [];
    const ports = records(entry['ports']).flatMap(readPort);
    return [{ ...(ip !== '' && { ip }), ...(hostname !== '' && { hostname }), ...(ports.length > 0 && { ports }) }];
  });
}

function readPort(entry: Readonly<Record<string, unknown>>): readonly LoadBalancerPort[] {
  const { port } = entry;
  if (typeof port !== 'number') return [];
  const error = text(entry['error']);
  return [{ port, protocol: text(entry['protocol']) || 'TCP', ...(error !== '' && { error }) }];
}

function readManagers(metadata: Readonly<Record<string, unknown>>): readonly string[] {
  return records(metadata['managedFields'])
    .filter(({ subresource }) => subresource === 'status')
    .map(({ manager }) => text(manager))
    .filter((manager) => manager.startsWith(statusManagerPrefix))
    .toSorted();
}

function child(parent: Readonly<Record<string, unknown>>, key: string): Readonly<Record<string, unknown>> {
  const value = parent[key];
  return isRecord(value) ? value : {};
}

function records(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
