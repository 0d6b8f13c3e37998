/** Kubernetes objects as an API server or a file holds them, for tests. */

export type RawObject = Readonly<Record<string, unknown>> & {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>> & { readonly name: string; readonly namespace?: string };
};

export function rawIngress(name: string, host = `${name}.test`, namespace = 'default'): RawObject {
  const backend = { service: { name: 'web', port: { number: 80 } } };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name, namespace },
    spec: { rules: [{ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }] },
  };
}

export function rawIngressClass(name: string): RawObject {
  const spec = { controller: 'sluice.dev/ingress-controller' };
  return { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: { name }, spec };
}

export function rawService(name: string, port = 80, namespace = 'default'): RawObject {
  const spec = { ports: [{ port }] };
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec };
}

export function rawEndpointSlice(name: string, service: string, addresses: readonly string[]): RawObject {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address] })),
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
  };
}

export function rawSecret(name: string, certificate = 'certificate', key = 'key'): RawObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'default' },
    type: 'kubernetes.io/tls',
    data: { 'tls.crt': Buffer.from(certificate).toString('base64'), 'tls.key': Buffer.from(key).toString('base64') },
  };
}

/** An Ingress whose only path has a port of the wrong type. */
export function rawBrokenIngress(name: string): RawObject {
  const backend = { service: { name: 'web', port: { number: 'eighty' } } };
  return {
    ...rawIngress(name),
    spec: { rules: [{ http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }] },
  };
}

export function rawConfigMap(name: string, data: Readonly<Record<string, string>>, namespace = 'default'): RawObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data };
}
