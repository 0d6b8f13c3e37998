// Reads the fields of `v1` Service and `discovery.k8s.io/v1` EndpointSlice that Sluice uses, with the API's defaults.

import type { Endpoint, EndpointPort, EndpointSlice, Service, ServicePort } from '../kubernetes-object.ts';
import type { FieldReader } from './field-reader.ts';

const serviceTypes = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'] as const;
const protocols = ['TCP', 'UDP', 'SCTP'] as const;
const addressTypes = ['IPv4', 'IPv6', 'FQDN'] as const;
const serviceNameLabel = 'kubernetes.io/service-name';

export function readServiceSpec(root: FieldReader): Service['spec'] {
  const spec = root.requiredChild('spec');
  if (spec === undefined) return { type: 'ClusterIP', externalName: '', ports: [] };
  const type = spec.oneOf('type', serviceTypes, 'ClusterIP');
  const ports = spec.children('ports');
  return {
    type,
    externalName: type === 'ExternalName' ? spec.requiredText('externalName') : '',
    ports: ports.map((port) => readServicePort(port, ports.length > 1)),
  };
}

export function readEndpointSlice(root: FieldReader): Omit<EndpointSlice, 'kind' | 'metadata'> {
  return {
    serviceName: root.child('metadata')?.child('labels')?.text(serviceNameLabel) ?? '',
    addressType: root.oneOf('addressType', addressTypes),
    endpoints: root.children('endpoints').map(readEndpoint),
    ports: root.children('ports').map(readEndpointPort),
  };
}

function readServicePort(reader: FieldReader, isNamed: boolean): ServicePort {
  return {
    name: isNamed ? reader.requiredText('name') : reader.text('name'),
    port: reader.requiredPort('port'),
    protocol: reader.oneOf('protocol', protocols, 'TCP'),
    appProtocol: reader.text('appProtocol'),
  };
}

function readEndpoint(reader: FieldReader): Endpoint {
  const conditions = reader.child('conditions');
  const addresses = reader.texts('addresses');
  if (!reader.isFilled('addresses')) reader.missing('addresses', 'List at least one address');
  return {
    addresses,
    ready: conditions?.flag('ready', true) ?? true,
    serving: conditions?.flag('serving', true) ?? true,
    terminating: conditions?.flag('terminating', false) ?? false,
    zone: reader.text('zone'),
  };
}

function readEndpointPort(reader: FieldReader): EndpointPort {
  return {
    name: reader.text('name'),
    port: reader.port('port'),
    protocol: reader.oneOf('protocol', protocols, 'TCP'),
  };
}
