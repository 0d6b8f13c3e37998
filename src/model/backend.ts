/** Where a route sends requests, a port of a Service, and how requests travel there. */

/** The port of a Service, as an Ingress names it; `first` is the first port of the Service, whatever it is. */
export type BackendPort =
  | { readonly kind: 'number'; readonly number: number }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'first' };

export interface Backend {
  readonly namespace: string;
  readonly service: string;
  readonly port: BackendPort;
  /** What sets it apart from other uses of the same port, as a short hash, and by feature. */
  readonly variant?: string;
  readonly policies?: Readonly<Record<string, unknown>>;
  /** A host that no Service stands for: `service` is then its name, and `namespace` empty. */
  readonly external?: { readonly host: string; readonly port: number };
}

/**
 * `namespace/service/port`, or `namespace/service` for the first port, `host:port` for one that no Service stands for, and
 * `~variant` behind it if there is one. Unique, since a port name has at least one letter and a number has none. Envoy's cluster and its load assignment carry this name.
 */
export function backendName(backend: Backend): string {
  const { variant } = backend;
  return variant === undefined ? portName(backend) : `${portName(backend)}~${variant}`;
}

function portName({ namespace, service, port, external }: Backend): string {
  if (external !== undefined) return `${external.host}:${external.port}`;
  switch (port.kind) {
    case 'number':
      return `${namespace}/${service}/${port.number}`;
    case 'name':
      return `${namespace}/${service}/${port.name}`;
    case 'first':
      return `${namespace}/${service}`;
  }
}

/** `80` or `http`, in messages. */
export function describePort(port: BackendPort): string {
  switch (port.kind) {
    case 'number':
      return String(port.number);
    case 'name':
      return `"${port.name}"`;
    case 'first':
      return 'at all';
  }
}

/** How requests reach the endpoints of a backend. */
export interface Transport {
  readonly protocol: BackendProtocol;
  /** `client` sends requests of one client address to one endpoint, `zone` to endpoints in the zone of the proxy. */
  readonly prefer: 'any' | 'client' | 'zone';
  /** A name outside of the cluster that takes the place of endpoints; `mayBeLocal` if it may lead to the Envoy's own machine. */
  readonly external?: { readonly host: string; readonly port: number; readonly mayBeLocal?: true };
}

/** HTTP/1.1 or HTTP/2, in plain text or over TLS. */
export type BackendProtocol = 'http1' | 'http2' | 'http1-tls' | 'http2-tls';
