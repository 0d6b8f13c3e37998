/** What the cluster of a measurement holds: number i is an Ingress, its Service and an EndpointSlice with ten endpoints. */
import { type ApiClient, concurrently } from './api-client.ts';

const namespace = '/namespaces/default';

export const collections = {
  ingresses: `/apis/networking.k8s.io/v1${namespace}/ingresses`,
  services: `/api/v1${namespace}/services`,
  endpointSlices: `/apis/discovery.k8s.io/v1${namespace}/endpointslices`,
} as const;

const ingressClasses = '/apis/networking.k8s.io/v1/ingressclasses';
const endpointsEach = 10;

/** Nobody connects to these addresses; the first endpoint's is what a change sets. */
export const churnPrefix = '10.201.';

export class Workload {
  readonly #api: ApiClient;
  #size = 0;

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

  /** A new Ingress with a host of its own, for the Service of application i. */
  addIngress(name: string, host: string, i: number): Promise<void> {
    return this.#api.create(collections.ingresses, ingress(name, host, i));
  }

  removeIngress(name: string): Promise<void> {
    return this.#api.remove(`${collections.ingresses}/${name}`);
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
