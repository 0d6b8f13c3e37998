/**
 * One simulated Envoy: a TCP connection of its own that subscribes like Envoy does and acknowledges everything at once. It speaks HTTP/2
 * with Node's own client, because a full gRPC client would cost more than the server that is measured.
 */
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import type { FleetOrder } from './fleet-protocol.ts';
import { allFields, encodeFields, fieldAt, fieldsOf } from './wire-message.ts';

const typeUrlPrefix = 'type.googleapis.com/envoy.';

const types = {
  cluster: `${typeUrlPrefix}config.cluster.v3.Cluster`,
  assignment: `${typeUrlPrefix}config.endpoint.v3.ClusterLoadAssignment`,
  listener: `${typeUrlPrefix}config.listener.v3.Listener`,
  routes: `${typeUrlPrefix}config.route.v3.RouteConfiguration`,
  virtualHost: `${typeUrlPrefix}config.route.v3.VirtualHost`,
} as const;

const services: Readonly<Record<string, { readonly service: string; readonly plural: string }>> = {
  [types.cluster]: { service: 'cluster.v3.ClusterDiscoveryService', plural: 'Clusters' },
  [types.assignment]: { service: 'endpoint.v3.EndpointDiscoveryService', plural: 'Endpoints' },
  [types.listener]: { service: 'listener.v3.ListenerDiscoveryService', plural: 'Listeners' },
  [types.routes]: { service: 'route.v3.RouteDiscoveryService', plural: 'Routes' },
  [types.virtualHost]: { service: 'route.v3.VirtualHostDiscoveryService', plural: 'VirtualHosts' },
};

const windowBytes = 64 * 1024 * 1024;

export interface Observer {
  /** Every response, before it is acknowledged. */
  readonly response: (envoy: SimulatedEnvoy, message: Buffer, isAssignment: boolean) => void;
  readonly complete: (envoy: SimulatedEnvoy) => void;
  readonly failed: (message: string) => void;
}

interface Received {
  readonly typeUrl: string;
  readonly version: string;
  readonly nonce: string;
  /** The name is empty in SotW, where it is inside of the resource. */
  readonly resources: readonly { readonly name: string; readonly body: Buffer }[];
  readonly removed: readonly string[];
}

export class SimulatedEnvoy {
  readonly id: number;
  readonly #order: FleetOrder;
  readonly #observer: Observer;
  readonly #session: ClientHttp2Session;
  readonly #streams = new Map<string, ClientHttp2Stream>();
  /** What is subscribed by name, for each type; a type without names is subscribed with the wildcard. */
  readonly #names = new Map<string, Set<string>>();
  /** The last version of each type, which SotW requests repeat. */
  readonly #versions = new Map<string, { readonly version: string; readonly nonce: string }>();
  /** EDS name by cluster. */
  readonly #assignmentOf = new Map<string, string>();
  readonly #assignments = new Set<string>();
  readonly #virtualHosts = new Set<string>();
  readonly #hostsOfTable = new Map<string, number>();
  #isComplete = false;

  constructor(id: number, order: FleetOrder, observer: Observer) {
    this.id = id;
    this.#order = order;
    this.#observer = observer;
    this.#session = connect(`http://127.0.0.1:${order.port}`, { settings: { initialWindowSize: windowBytes } });
    this.#session.on('error', (error) => observer.failed(error.message));
    this.#session.once('connect', (session) => session.setLocalWindowSize(windowBytes));
    this.#subscribe(types.cluster, undefined);
  }

  #stream(typeUrl: string): ClientHttp2Stream {
    const key = this.#order.service === 'ads' ? '' : typeUrl;
    const existing = this.#streams.get(key);
    if (existing !== undefined) return existing;
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': methodPath(this.#order, typeUrl),
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const frames = new FrameSplitter((message) => this.#receive(message));
    stream.on('data', (chunk: Buffer) => frames.push(chunk));
    stream.on('error', (error) => this.#observer.failed(error.message));
    stream.on('trailers', (trailers) =>
      this.#observer.failed(
        `stream ended with status ${String(trailers['grpc-status'])} ${String(trailers['grpc-message'])}`,
      ),
    );
    this.#streams.set(key, stream);
    return stream;
  }

  #subscribe(typeUrl: string, added: readonly string[] | undefined, dropped: readonly string[] = []): void {
    const names = this.#names.get(typeUrl) ?? new Set();
    this.#names.set(typeUrl, names);
    for (const name of added ?? []) names.add(name);
    for (const name of dropped) names.delete(name);
    if (this.#order.protocol === 'sotw') return this.#sendSotw(typeUrl);
    // No names at all in the first request is the wildcard.
    this.#send(typeUrl, [
      [1, this.#node()],
      [2, typeUrl],
      ...(added ?? []).map((name) => [3, name] as const),
      ...dropped.map((name) => [4, name] as const),
    ]);
  }

  #acknowledge(typeUrl: string, nonce: string): void {
    if (this.#order.protocol === 'sotw') return this.#sendSotw(typeUrl);
    this.#send(typeUrl, [
      [2, typeUrl],
      [6, nonce],
    ]);
  }

  #sendSotw(typeUrl: string): void {
    const { version = '', nonce = '' } = this.#versions.get(typeUrl) ?? {};
    this.#send(typeUrl, [
      [1, version],
      [2, this.#node()],
      ...[...(this.#names.get(typeUrl) ?? [])].map((name) => [3, name] as const),
      [4, typeUrl],
      [5, nonce],
    ]);
  }

  #node(): Buffer {
    return encodeFields([
      [1, `envoy-${this.id}`],
      [2, 'bench'],
    ]);
  }

  #send(typeUrl: string, fields: Parameters<typeof encodeFields>[0]): void {
    const message = encodeFields(fields);
    const frame = Buffer.allocUnsafe(5 + message.length);
    frame[0] = 0;
    frame.writeUInt32BE(message.length, 1);
    message.copy(frame, 5);
    this.#stream(typeUrl).write(frame);
  }

  #receive(message: Buffer): void {
    const received = this.#order.protocol === 'delta' ? readDelta(message) : readSotw(message);
    const { typeUrl, version, nonce } = received;
    this.#versions.set(typeUrl, { version, nonce });
    this.#observer.response(this, message, typeUrl === types.assignment);
    this.#acknowledge(typeUrl, nonce);
    if (typeUrl === types.cluster) this.#takeClusters(received);
    else if (typeUrl === types.assignment) this.#takeAssignments(received);
    else if (typeUrl === types.listener) this.#takeListeners(received);
    else if (typeUrl === types.routes) this.#takeRoutes(received);
    else if (typeUrl === types.virtualHost) this.#takeVirtualHosts(received);
    this.#checkComplete();
  }

  /** Load assignments by the names that the clusters give, or by the clusters' own. */
  #takeClusters({ resources, removed }: Received): void {
    const added: string[] = [];
    const held = new Set<string>();
    for (const { body } of resources) {
      const name = fieldAt(body, [1])?.toString() ?? '';
      held.add(name);
      if (this.#assignmentOf.has(name)) continue;
      const source = fieldAt(body, [3]);
      if (source === undefined) continue;
      const assignment = fieldAt(source, [2])?.toString() ?? name;
      this.#assignmentOf.set(name, assignment);
      added.push(assignment);
    }
    const gone =
      this.#order.protocol === 'delta' ? removed : [...this.#assignmentOf.keys()].filter((name) => !held.has(name));
    const dropped = gone.flatMap((name) => this.#assignmentOf.get(name) ?? []);
    for (const name of gone) this.#assignmentOf.delete(name);
    if (added.length + dropped.length > 0) this.#subscribe(types.assignment, added, dropped);
    // Envoy asks for listeners when its clusters are ready.
    if (!this.#names.has(types.listener) && this.#assignmentOf.size === 0) this.#subscribe(types.listener, undefined);
  }

  #takeAssignments({ resources }: Received): void {
    for (const { name, body } of resources) {
      this.#assignments.add(name === '' ? (fieldAt(body, [1])?.toString() ?? '') : name);
    }
    if (!this.#names.has(types.listener)) this.#subscribe(types.listener, undefined);
  }

  /** Route tables by the names in the listeners' HTTP connection managers. */
  #takeListeners({ resources }: Received): void {
    const known = this.#names.get(types.routes) ?? new Set();
    const added = new Set<string>();
    for (const { body } of resources) {
      const chains = [...allFields(body, 3), ...allFields(body, 25)];
      for (const filter of chains.flatMap((chain) => allFields(chain, 3))) {
        const table = fieldAt(filter, [4, 2, 3, 2])?.toString();
        if (table !== undefined && !known.has(table)) added.add(table);
      }
    }
    if (added.size > 0) this.#subscribe(types.routes, [...added]);
  }

  #takeRoutes({ resources }: Received): void {
    for (const { body } of resources) {
      let hosts = 0;
      let isOnDemand = false;
      for (const { number } of fieldsOf(body)) {
        if (number === 2) hosts += 1;
        else if (number === 9) isOnDemand = true;
      }
      this.#hostsOfTable.set(fieldAt(body, [1])?.toString() ?? '', hosts);
      if (isOnDemand && !this.#names.has(types.virtualHost)) this.#subscribe(types.virtualHost, undefined);
    }
  }

  #takeVirtualHosts({ resources, removed }: Received): void {
    for (const { name } of resources) this.#virtualHosts.add(name);
    for (const name of removed) this.#virtualHosts.delete(name);
  }

  #checkComplete(): void {
    if (this.#isComplete || this.#assignments.size < this.#order.complete.assignments) return;
    const inTables = Math.max(0, ...this.#hostsOfTable.values());
    if (Math.max(inTables, this.#virtualHosts.size) < this.#order.complete.hosts) return;
    this.#isComplete = true;
    this.#observer.complete(this);
  }
}

function methodPath({ service, protocol }: FleetOrder, typeUrl: string): string {
  const stem = protocol === 'delta' ? 'Delta' : 'Stream';
  if (service === 'ads') return `/envoy.service.discovery.v3.AggregatedDiscoveryService/${stem}AggregatedResources`;
  const own = services[typeUrl];
  if (own === undefined) throw new Error(`no service for ${typeUrl}`);
  return `/envoy.service.${own.service}/${stem}${own.plural}`;
}

function readDelta(message: Buffer): Received {
  const resources: { name: string; body: Buffer }[] = [];
  const removed: string[] = [];
  let typeUrl = '';
  let nonce = '';
  for (const { number, bytes } of fieldsOf(message)) {
    if (number === 2) {
      resources.push({ name: fieldAt(bytes, [3])?.toString() ?? '', body: fieldAt(bytes, [2, 2]) ?? Buffer.alloc(0) });
    } else if (number === 4) typeUrl = bytes.toString();
    else if (number === 5) nonce = bytes.toString();
    else if (number === 6) removed.push(bytes.toString());
  }
  return { typeUrl, version: '', nonce, resources, removed };
}

function readSotw(message: Buffer): Received {
  const text = (number: number): string => fieldAt(message, [number])?.toString() ?? '';
  const resources = allFields(message, 2).map((any) => ({ name: '', body: fieldAt(any, [2]) ?? Buffer.alloc(0) }));
  return { typeUrl: text(4), version: text(1), nonce: text(5), resources, removed: [] };
}

/** Cuts what arrives into the messages of gRPC's framing: a flag, four bytes of length, the message. */
class FrameSplitter {
  readonly #take: (message: Buffer) => void;
  #chunks: Buffer[] = [];
  #size = 0;
  #needed = 5;

  constructor(take: (message: Buffer) => void) {
    this.#take = take;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size < this.#needed) return;
    let all = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#size);
    this.#needed = 5;
    while (all.length >= 5) {
      const end = 5 + all.readUInt32BE(1);
      if (all.length < end) {
        this.#needed = end;
        break;
      }
      this.#take(all.subarray(5, end));
      all = all.subarray(end);
    }
    this.#chunks = all.length === 0 ? [] : [all];
    this.#size = all.length;
  }
}
