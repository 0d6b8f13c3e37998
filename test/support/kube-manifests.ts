/** Kubernetes objects as users write them, for `kubectl apply`: only what a test is about. */

/** A manifest: JSON is YAML, too. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: object;
    readonly annotations?: object;
  };
}

/** Many objects in one text. */
export function manifestText(...items: readonly Manifest[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

export function namespaceManifest(name: string): Manifest {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

/** A node that pods can be bound to. The real EndpointSlice controller leaves out the pods of nodes that it does not know. */
export function nodeManifest(name: string): Manifest {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name } };
}

export function ingressClassManifest(name = 'sluice'): Manifest {
  const spec = { controller: 'sluice.dev/ingress-controller' };
  return of('networking.k8s.io/v1', 'IngressClass', { name }, { spec });
}

export interface IngressManifestParts {
  /** Backends (`web:80`) by host, each for all paths. */
  readonly hosts: Readonly<Record<string, string>>;
  /** Secrets by host. */
  readonly tls?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export function ingressManifest(namespace: string, name: string, parts: IngressManifestParts): Manifest {
  const { hosts, tls = {}, annotations = {} } = parts;
  const spec = {
    ingressClassName: 'sluice',
    rules: Object.entries(hosts).map(([host, backend]) => {
      const [service = '', port = ''] = backend.split(':');
      const paths = [
        { path: '/', pathType: 'Prefix', backend: { service: { name: service, port: { number: Number(port) } } } },
      ];
      return { host, http: { paths } };
    }),
    tls: Object.entries(tls).map(([host, secretName]) => ({ hosts: [host], secretName })),
  };
  return of('networking.k8s.io/v1', 'Ingress', { namespace, name, annotations }, { spec });
}

/** With the one port 80. */
export function serviceManifest(namespace: string, name: string): Manifest {
  return of('v1', 'Service', { namespace, name }, { spec: { ports: [{ port: 80 }] } });
}

export interface ServicePortManifest {
  readonly name: string;
  readonly port: number;
  readonly targetPort: number | string;
}

/** For the pods with that label `app`. */
export function selectingServiceManifest(
  namespace: string,
  name: string,
  app: string,
  ports: readonly ServicePortManifest[],
): Manifest {
  return of('v1', 'Service', { namespace, name }, { spec: { selector: { app }, ports } });
}

export interface DeploymentManifestParts {
  readonly replicas: number;
  /** Another one is a rollout. */
  readonly version: number;
  /** The node that all pods are bound to. */
  readonly nodeName: string;
  /** Container ports, by name. */
  readonly ports: Readonly<Record<string, number>>;
}

/** Its pods have its name as label `app`. A rollout makes a new pod before it ends an old one. */
export function deploymentManifest(namespace: string, name: string, parts: DeploymentManifestParts): Manifest {
  const { replicas, version, nodeName, ports } = parts;
  const containerPorts = Object.entries(ports).map(([each, containerPort]) => ({ name: each, containerPort }));
  return of(
    'apps/v1',
    'Deployment',
    { namespace, name },
    {
      spec: {
        replicas,
        selector: { matchLabels: { app: name } },
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
        template: {
          metadata: { labels: { app: name }, annotations: { version: String(version) } },
          spec: { nodeName, containers: [{ name: 'server', image: 'server', ports: containerPorts }] },
        },
      },
    },
  );
}

/** The one slice of a Service with the one port 80. */
export function endpointSliceManifest(
  namespace: string,
  service: string,
  { address, port }: { readonly address: string; readonly port: number },
): Manifest {
  const metadata = { namespace, name: `${service}-1`, labels: { 'kubernetes.io/service-name': service } };
  return of('discovery.k8s.io/v1', 'EndpointSlice', metadata, {
    addressType: 'IPv4',
    ports: [{ name: '', port, protocol: 'TCP' }],
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
  });
}

export function tlsSecretManifest(
  namespace: string,
  name: string,
  pair: { readonly cert: string; readonly key: string },
): Manifest {
  const stringData = { 'tls.crt': pair.cert, 'tls.key': pair.key };
  return of('v1', 'Secret', { namespace, name }, { type: 'kubernetes.io/tls', stringData });
}

function of(apiVersion: string, kind: string, metadata: Manifest['metadata'], rest: object): Manifest {
  return { apiVersion, kind, metadata, ...rest };
}
