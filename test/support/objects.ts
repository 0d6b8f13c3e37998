/** Kubernetes objects as the sources give them, with what a test does not care about filled in. */
import type {
  ConfigMap,
  EndpointSlice,
  Ingress,
  IngressClass,
  IngressPath,
  IngressTls,
  KubernetesObject,
  Metadata,
  PathType,
  Secret,
  Service,
} from '../../src/cluster/kubernetes-object.ts';
import type { ObjectUpdate } from '../../src/translation/translation.ts';

function metadata(name: string, overrides: Partial<Metadata> = {}): Metadata {
  return { namespace: 'default', name, uid: '', creationTimestamp: '', annotations: {}, ...overrides };
}

export function ingressClass(
  name = 'sluice',
  controller = 'sluice.dev/ingress-controller',
  isDefault = false,
): IngressClass {
  const annotations: Record<string, string> = isDefault
    ? { 'ingressclass.kubernetes.io/is-default-class': 'true' }
    : {};
  return { kind: 'IngressClass', metadata: metadata(name, { namespace: '', annotations }), spec: { controller } };
}

export function configMap(name: string, data: Readonly<Record<string, string>>, namespace = 'default'): ConfigMap {
  return { kind: 'ConfigMap', metadata: metadata(name, { namespace }), data };
}

/** `/shop` (Prefix), `=/shop` (Exact) or `~/shop` (ImplementationSpecific), to `service:port`. */
export function path(text: string, backend: string): IngressPath {
  const pathType: PathType = text.startsWith('=')
    ? 'Exact'
    : text.startsWith('~')
      ? 'ImplementationSpecific'
      : 'Prefix';
  return { path: pathType === 'Prefix' ? text : text.slice(1), pathType, backend: serviceBackend(backend) };
}

/** `web:80` or `web:http`. */
export function serviceBackend(text: string): IngressPath['backend'] {
  const [name = '', port = ''] = text.split(':');
  return { service: { name, port: /^\d+$/.test(port) ? { number: Number(port) } : { name: port } } };
}

export interface IngressParts {
  readonly namespace?: string;
  readonly created?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Null for none. */
  readonly className?: string | null;
  /** Paths to backends by host. */
  readonly hosts?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly defaultBackend?: string;
  readonly tls?: readonly IngressTls[];
}

export function ingress(name: string, parts: IngressParts): Ingress {
  const { className = 'sluice' } = parts;
  return {
    kind: 'Ingress',
    metadata: metadata(name, {
      namespace: parts.namespace ?? 'default',
      creationTimestamp: parts.created ?? '',
      annotations: parts.annotations ?? {},
    }),
    spec: {
      ...(className === null ? {} : { ingressClassName: className }),
      ...(parts.defaultBackend === undefined ? {} : { defaultBackend: serviceBackend(parts.defaultBackend) }),
      rules: Object.entries(parts.hosts ?? {}).map(([host, paths]) => ({
        host,
        paths: Object.entries(paths).map(([text, backend]) => path(text, backend)),
      })),
      tls: parts.tls ?? [],
    },
  };
}

/** With the ports `{ http: 80 }` by name; an empty name is the unnamed port. */
export function service(name: string, ports: Readonly<Record<string, number>>, namespace = 'default'): Service {
  return {
    kind: 'Service',
    metadata: metadata(name, { namespace }),
    spec: {
      type: 'ClusterIP',
      externalName: '',
      ports: Object.entries(ports).map(([portName, port]) => ({
        name: portName,
        port,
        protocol: 'TCP',
        appProtocol: '',
      })),
    },
  };
}

export function endpointSlice(
  name: string,
  serviceName: string,
  ports: Readonly<Record<string, number>>,
  addresses: readonly string[],
  namespace = 'default',
): EndpointSlice {
  return {
    kind: 'EndpointSlice',
    metadata: metadata(name, { namespace }),
    serviceName,
    addressType: 'IPv4',
    endpoints: addresses.map((address) => ({
      addresses: [address],
      ready: true,
      serving: true,
      terminating: false,
      zone: '',
    })),
    ports: Object.entries(ports).map(([portName, port]) => ({ name: portName, port, protocol: 'TCP' })),
  };
}

export function tlsSecret(name: string, certificate: string, privateKey: string, namespace = 'default'): Secret {
  return {
    kind: 'Secret',
    metadata: metadata(name, { namespace }),
    type: 'kubernetes.io/tls',
    certificate,
    privateKey,
  };
}

/** With further keys, such as `auth`. */
export function secret(name: string, entries: Readonly<Record<string, string>>, namespace = 'default'): Secret {
  return {
    kind: 'Secret',
    metadata: metadata(name, { namespace }),
    type: 'Opaque',
    certificate: '',
    privateKey: '',
    entries,
  };
}

/** The update that makes an object what it is. */
export function applied(object: KubernetesObject): ObjectUpdate {
  const { kind, metadata: named } = object;
  return { kind, namespace: named.namespace, name: named.name, object };
}

/** The update that takes an object away. */
export function deleted(object: KubernetesObject): ObjectUpdate {
  return { ...applied(object), object: undefined };
}
