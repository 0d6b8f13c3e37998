// Reads the fields of `v1` Service and `discovery.k8s.io/v1` EndpointSlice that Sluice uses, with the API's defaults.

import type { Endpoint, EndpointPort, EndpointSlice, Metadata, Service, ServicePort } from '../kubernetes-object.ts';
import type { FieldReader } from './field-reader.ts';

const serviceTypes = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'] as const;
const protocols = ['TCP', 'UDP', 'SCTP'] as const;
const addressTypes = ['IPv4', 'IPv6', 'FQDN'] as const;
const serviceNameLabel = 'kubernetes.io/service-name';
const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
const endpointSliceController = 'endpointslice-controller.k8s.io';

export function readServiceSpec(root: FieldReader, { annotations }: Metadata): Service['spec'] {
  const spec = root.requiredChild('spec');
  if (spec === undefined) return { type: 'ClusterIP', externalName: '', ports: [] };
  const type = spec.oneOf('type', serviceTypes, 'ClusterIP');
  const ports = spec.children('ports');
  const clusterIp = spec.text('clusterIP');
  const trafficDistribution = spec.text('trafficDistribution') || topologyMode(annotations);
  return {
    type,
    ...(clusterIp !== '' && clusterIp !== 'None' && type !== 'ExternalName' && { clusterIp }),
    externalName: type === 'ExternalName' ? spec.requiredText('externalName') : '',
    ports: ports.map((port) => ({
      ...readServicePort(port, ports.length > 1),
      ...(type === 'ExternalName' ? readTargetPort(port) : readTarget(port)),
    })),
    ...(spec.text('sessionAffinity') === 'ClientIP' && { sessionAffinity: 'ClientIP' }),
    ...(spec.text('internalTrafficPolicy') === 'Local' && { internalTrafficPolicy: 'Local' }),
    ...(trafficDistribution !== '' && { trafficDistribution }),
    ...(spec.texts('ipFamilies')[0] === 'IPv6' && { ipFamily: 'IPv6' }),
  };
}

/** The annotation that trafficDistribution has replaced; both ask for endpoints in the zone of the client. */
function topologyMode(annotations: Metadata['annotations']): string {
  const mode = annotations['service.kubernetes.io/topology-mode'] ?? '';
  return mode.toLowerCase() === 'auto' ? 'PreferSameZone' : '';
}

/** A number or the name of a container port; a name says nothing where there are no containers. */
function readTargetPort(port: FieldReader): { readonly targetPort: number } | undefined {
  if (!port.isNumber('targetPort')) return undefined;
  const targetPort = port.port('targetPort');
  return targetPort === 0 ? undefined : { targetPort };
}

/** Where it is neither the number nor the name of the port itself. */
function readTarget(port: FieldReader): { readonly target: string } | undefined {
  const target = port.isNumber('targetPort') ? String(port.port('targetPort')) : port.text('targetPort');
  return target === '' || target === '0' || target === String(port.port('port')) || target === port.text('name')
    ? undefined
    : { target };
}

export function readEndpointSlice(root: FieldReader): Omit<EndpointSlice, 'kind' | 'metadata'> {
  const labels = root.child('metadata')?.child('labels');
  return {
    serviceName: labels?.text(serviceNameLabel) ?? '',
    ...(labels?.text(managedByLabel) === endpointSliceController && { followsService: true }),
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
  const zoneHint = reader.child('hints')?.children('forZones')[0]?.text('name') ?? '';
  const target = reader.child('targetRef')?.text('name') ?? '';
  return {
    addresses,
    ready: conditions?.flag('ready', true) ?? true,
    serving: conditions?.flag('serving', true) ?? true,
    terminating: conditions?.flag('terminating', false) ?? false,
    zone: reader.text('zone'),
    ...(zoneHint !== '' && { zoneHint }),
    ...(target !== '' && { target }),
  };
}

function readEndpointPort(reader: FieldReader): EndpointPort {
  return {
    name: reader.text('name'),
    port: reader.port('port'),
    protocol: reader.oneOf('protocol', protocols, 'TCP'),
  };
}
