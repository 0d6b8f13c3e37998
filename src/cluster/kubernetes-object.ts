/**
 * The Kubernetes objects that Sluice reads, cut down to the fields it uses. They are immutable; two of them are
 * interchangeable when they are deeply equal, so what Kubernetes changes by itself (resourceVersion, status,
 * managedFields) is not part of them; except the addresses of an Ingress, which Sluice writes.
 */
export type KubernetesObject = Ingress | IngressClass | Service | EndpointSlice | Secret | ConfigMap;

export type Kind = KubernetesObject['kind'];

export type ObjectOfKind<K extends Kind> = Extract<KubernetesObject, { readonly kind: K }>;

/** In the order in which they are listed from an API server and shown to users. */
export const kinds = [
  'IngressClass',
  'Ingress',
  'Service',
  'EndpointSlice',
  'Secret',
  'ConfigMap',
] as const satisfies readonly Kind[];

/** ObjectMeta of `meta/v1`. */
export interface Metadata {
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string;
  readonly name: string;
  /** Empty for objects from files. */
  readonly uid: string;
  /** RFC 3339, UTC, in seconds: `2026-01-31T12:00:00Z`. Empty when unknown, as in most files, which counts as youngest. */
  readonly creationTimestamp: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** `networking.k8s.io/v1` Ingress. */
export interface Ingress {
  readonly kind: 'Ingress';
  readonly metadata: Metadata;
  readonly spec: {
    readonly ingressClassName?: string;
    readonly defaultBackend?: IngressBackend;
    readonly rules: readonly IngressRule[];
    readonly tls: readonly IngressTls[];
  };
  /** Absent when there is nothing in it, and for objects from files. Nothing that is served depends on it. */
  readonly status?: IngressStatus;
  /** Set while Envoys refuse what it asks for, and nothing earlier is known: its paths answer 503. No source sets it. */
  readonly isHeld?: true;
}

/** `status` of an Ingress: where it can be reached, and who says so. */
export interface IngressStatus {
  /** `status.loadBalancer.ingress`, in the order of the object. */
  readonly addresses: readonly LoadBalancerAddress[];
  /** Field managers of the status (`metadata.managedFields`) that are replicas of a Sluice, sorted. */
  readonly managers: readonly string[];
}

/** IngressLoadBalancerIngress of `networking.k8s.io/v1`; one of `ip` and `hostname` is set. */
export interface LoadBalancerAddress {
  readonly ip?: string;
  readonly hostname?: string;
  readonly ports?: readonly LoadBalancerPort[];
}

export interface LoadBalancerPort {
  readonly port: number;
  readonly protocol: string;
  readonly error?: string;
}

export interface IngressRule {
  /** Empty means every host. */
  readonly host: string;
  readonly paths: readonly IngressPath[];
}

export interface IngressPath {
  readonly path: string;
  readonly pathType: PathType;
  readonly backend: IngressBackend;
}

export type PathType = 'Exact' | 'Prefix' | 'ImplementationSpecific';

export type IngressBackend =
  | { readonly service: { readonly name: string; readonly port: PortReference } }
  | { readonly resource: { readonly apiGroup: string; readonly kind: string; readonly name: string } };

/** A Service port by number or by name; ServiceBackendPort of `networking.k8s.io/v1`. */
export type PortReference = { readonly number: number } | { readonly name: string };

export interface IngressTls {
  readonly hosts: readonly string[];
  /** Empty when the field is not set. */
  readonly secretName: string;
}

/** `networking.k8s.io/v1` IngressClass. */
export interface IngressClass {
  readonly kind: 'IngressClass';
  readonly metadata: Metadata;
  readonly spec: { readonly controller: string };
}

/** `v1` Service. */
export interface Service {
  readonly kind: 'Service';
  readonly metadata: Metadata;
  readonly spec: {
    readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
    /** The address of the Service in the cluster; absent when it has none. */
    readonly clusterIp?: string;
    /** Empty unless the type is ExternalName. */
    readonly externalName: string;
    readonly ports: readonly ServicePort[];
    /** Absent when a client may be sent to any endpoint each time. */
    readonly sessionAffinity?: 'ClientIP';
    /** Absent when the whole cluster may be used. */
    readonly internalTrafficPolicy?: 'Local';
    /** Absent when endpoints near and far are alike. */
    readonly trafficDistribution?: string;
    /** The first of `ipFamilies`; absent when that is IPv4 or not set. */
    readonly ipFamily?: 'IPv6';
  };
}

export interface ServicePort {
  /** Empty for the only port of a Service. */
  readonly name: string;
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly appProtocol: string;
  /** Only of a Service of type ExternalName, and only when it is a number: elsewhere EndpointSlices have the numbers. */
  readonly targetPort?: number;
  /** Of the others, where it is neither the port nor its name: Ingresses written for ingress-nginx may mean this. */
  readonly target?: string;
}

/** `discovery.k8s.io/v1` EndpointSlice. */
export interface EndpointSlice {
  readonly kind: 'EndpointSlice';
  readonly metadata: Metadata;
  /** The label `kubernetes.io/service-name`; empty when it is not set. */
  readonly serviceName: string;
  /** Whether the EndpointSlice controller writes it, so that it follows the Service sooner or later; absent when not. */
  readonly followsService?: true;
  readonly addressType: 'IPv4' | 'IPv6' | 'FQDN';
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly EndpointPort[];
}

export interface Endpoint {
  readonly addresses: readonly string[];
  /** EndpointConditions with the API's defaults filled in: an unset `ready` or `serving` is true, an unset `terminating` false. */
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** Empty when not set. */
  readonly zone: string;
  /** The first zone of `hints.forZones`: whose clients this endpoint is meant for. */
  readonly zoneHint?: string;
  /** Name of the Pod or whatever else `targetRef` names; tells the addresses of one Pod in both IP families from two Pods. */
  readonly target?: string;
}

export interface EndpointPort {
  /** Empty for an unnamed port. */
  readonly name: string;
  /** 0 when not set, which means that no port is open. */
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
}

/** `v1` Secret. Only the keys that Sluice can use, decoded. */
export interface Secret {
  readonly kind: 'Secret';
  readonly metadata: Metadata;
  readonly type: string;
  /** `tls.crt`: PEM text; empty when absent. */
  readonly certificate: string;
  /** `tls.key`: PEM text; empty when absent. */
  readonly privateKey: string;
  /** Further keys, as text: for annotations such as `auth-secret`. Left out when there are none. */
  readonly entries?: Readonly<Record<string, string>>;
  /** Set while Envoys refuse its certificate, which is not here then. No source sets it. */
  readonly isHeld?: true;
}

/** `v1` ConfigMap, without `binaryData`. */
export interface ConfigMap {
  readonly kind: 'ConfigMap';
  readonly metadata: Metadata;
  readonly data: Readonly<Record<string, string>>;
}
