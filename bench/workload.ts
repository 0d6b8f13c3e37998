/**
 * What the cluster of a measurement holds: number i is an Ingress, its Service and an EndpointSlice with ten endpoints, and, for control
 * planes that read those, an HTTPRoute that says the same as the Ingress.
 */
import { type ApiClient, concurrently } from './api-client.ts';

const namespace = '/namespaces/default';

/** What a control plane reads hosts from. */
export type HostKind = 'Ingress' | 'HTTPRoute';

export const collections = {
  ingresses: `/apis/networking.k8s.io/v1${namespace}/ingresses`,
  services: `/api/v1${namespace}/services`,
  endpointSlices: `/apis/discovery.k8s.io/v1${namespace}/endpointslices`,
  httpRoutes: `/apis/gateway.networking.k8s.io/v1${namespace}/httproutes`,
} as const;

const ingressClasses = '/apis/networking.k8s.io/v1/ingressclasses';
const endpointsEach = 10;

/** The Gateway that HTTPRoutes belong to. */
export const gatewayName = 'bench';

/** Nobody connects to these addresses; the first endpoint's is what a change sets. */
export const churnPrefix = '10.201.';

export class Workload {
  readonly #api: ApiClient;
  #size = 0;
  #hostKind: HostKind = 'Ingress';
  /** How many HTTPRoutes there are; their kind exists only when a control plane that reads them takes part. */
  #routes = 0;

  constructor(api: ApiClient) {
    this.#api = api;
  }

  get size(): number {
    return this.#size;
  }

  async createClasses(): Promise<void> {
    for (const [name, controller] of [
      ['sluice', 'sluice.dev/ingress-controller'],
      ['contour', 'projectcontour.io/contour/contour'],
    ] as const) {
      const object = {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'IngressClass',
        metadata: { name },
        spec: { controller },
      };
      await this.#api.create(ingressClasses, object);
    }
  }

  /** Adds objects until there are `size` of each kind. */
  async growTo(size: number): Promise<void> {
    const tasks: (() => Promise<void>)[] = [];
    for (let i = this.#size; i < size; i += 1) {
      tasks.push(
        () => this.#api.create(collections.services, service(i)),
        () => this.#api.create(collections.endpointSlices, endpointSlice(i, firstAddress(i))),
        () => this.#api.create(collections.ingresses, ingress(`app-${i}`, `app-${i}.example.com`, i)),
      );
    }
    await concurrently(16, tasks);
    this.#size = Math.max(this.#size, size);
  }

  /** Gives the first endpoint of application i another address. */
  moveEndpoint(i: number, address: string): Promise<void> {
    return this.#api.replace(`${collections.endpointSlices}/app-${i}`, endpointSlice(i, address));
  }

  /** From now on new hosts are of this kind; there is one for each application when it is fulfilled. */
  async speak(kind: HostKind): Promise<void> {
    this.#hostKind = kind;
    if (kind === 'Ingress') return;
    const tasks: (() => Promise<void>)[] = [];
    for (let i = this.#routes; i < this.#size; i += 1) {
      tasks.push(() => this.#api.create(collections.httpRoutes, httpRoute(`app-${i}`, `app-${i}.example.com`, i)));
    }
    await concurrently(16, tasks);
    this.#routes = Math.max(this.#routes, this.#size);
  }

  get hostCollection(): string {
    return this.#hostKind === 'Ingress' ? collections.ingresses : collections.httpRoutes;
  }

  /** A new Ingress or HTTPRoute with a host of its own, for the Service of application i. */
  addHost(name: string, host: string, i: number): Promise<void> {
    const make = this.#hostKind === 'Ingress' ? ingress : httpRoute;
    return this.#api.create(this.hostCollection, make(name, host, i));
  }

  removeHost(name: string): Promise<void> {
    return this.#api.remove(`${this.hostCollection}/${name}`);
  }
}

/** `10.202.a.b` is number 256 a + b under the prefix `10.202.`. */
export function numberedAddress(prefix: string, number: number): string {
  return `${prefix}${Math.floor(number / 256) % 256}.${number % 256}`;
}

function firstAddress(i: number): string {
  return numberedAddress('10.100.', i);
}

function ingress(name: string, host: string, i: number): object {
  const backend = { service: { name: `app-${i}`, port: { name: 'http' } } };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name },
    spec: {
      ingressClassName: 'sluice',
      rules: [{ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
    },
  };
}

function httpRoute(name: string, host: string, i: number): object {
  const rule = {
    matches: [{ path: { type: 'PathPrefix', value: '/' } }],
    backendRefs: [{ name: `app-${i}`, port: 80 }],
  };
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name },
    spec: { parentRefs: [{ name: gatewayName }], hostnames: [host], rules: [rule] },
  };
}

function service(i: number): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `app-${i}` },
    spec: { clusterIP: 'None', ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
  };
}

function endpointSlice(i: number, first: string): object {
  const others = Array.from(
    { length: endpointsEach - 1 },
    (_, n) => `10.${110 + n}.${Math.floor(i / 256) % 256}.${i % 256}`,
  );
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `app-${i}`, labels: { 'kubernetes.io/service-name': `app-${i}` } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: [first, ...others].map((address) => ({ addresses: [address], conditions: { ready: true } })),
  };
}
