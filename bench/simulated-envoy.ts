/**
 * One simulated Envoy: a TCP connection of its own that subscribes like Envoy does, acknowledges everything at once, and remembers the
 * version of every resource. It speaks HTTP/2 with Node's own client, because a full gRPC client would cost more than the server that
 * is measured.
 */
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { type Catalogue, Holding } from './catalogue.ts';
import { type Received, readResponse, types } from './discovery-response.ts';
import type { FleetOrder } from './fleet-protocol.ts';
import { FrameSplitter, frameOf } from './frame-splitter.ts';
import { allFields, encodeFields, fieldAt, FieldReader, type WireField } from './wire-message.ts';

const services: Readonly<Record<string, { readonly service: string; readonly plural: string }>> = {
  [types.cluster]: { service: 'cluster.v3.ClusterDiscoveryService', plural: 'Clusters' },
  [types.assignment]: { service: 'endpoint.v3.EndpointDiscoveryService', plural: 'Endpoints' },
  [types.listener]: { service: 'listener.v3.ListenerDiscoveryService', plural: 'Listeners' },
  [types.routes]: { service: 'route.v3.RouteDiscoveryService', plural: 'Routes' },
  [types.virtualHost]: { service: 'route.v3.VirtualHostDiscoveryService', plural: 'VirtualHosts' },
};

const windowBytes = 64 * 1024 * 1024;

export interface Observer {
  /** Every response, before it is acknowledged and before what it brings is held. */
  readonly response: (envoy: SimulatedEnvoy, received: Received) => void;
  readonly complete: (envoy: SimulatedEnvoy) => void;
  readonly failed: (message: string) => void;
}

export class SimulatedEnvoy {
  readonly id: number;
  readonly #order: FleetOrder;
  readonly #catalogue: Catalogue;
  readonly #observer: Observer;
  readonly #holdings = new Map<string, Holding>();
  /** The last version of each type, which SotW requests repeat. */
  readonly #versions = new Map<string, string>();
  readonly #hostsOfTable = new Map<string, number>();
  #session: ClientHttp2Session | undefined;
  #streams = new Map<string, ClientHttp2Stream>();
  #nonces = new Map<string, string>();
  /** Types that were asked for on this connection. */
  #subscribed = new Set<string>();
  #tables: readonly number[] = [];
  #isComplete = false;

  constructor(id: number, order: FleetOrder, catalogue: Catalogue, observer: Observer) {
    this.id = id;
    this.#order = order;
    this.#catalogue = catalogue;
    this.#observer = observer;
  }

  /** With `resume` it comes back with what it held when it was dropped, as an Envoy whose connection broke; else as a new one. */
  connect(resume = false): void {
    const { port, tls } = this.#order;
    this.drop();
    const settings = { initialWindowSize: windowBytes };
    const session = connect(`${tls ? 'https' : 'http'}://127.0.0.1:${port}`, { settings, ...tls });
    session.on('error', (error) => this.#fail(session, error.message));
    session.once('connect', () => session.setLocalWindowSize(windowBytes));
    this.#session = session;
    if (resume) return this.#resume();
    this.#holdings.clear();
    this.#versions.clear();
    this.#hostsOfTable.clear();
    this.#tables = [];
    this.#isComplete = false;
    this.#subscribe(types.cluster);
  }

  /** Closes the connection without a word, as a machine does that is gone. */
  drop(): void {
    const session = this.#session;
    this.#session = undefined;
    this.#streams = new Map();
    this.#nonces = new Map();
    this.#subscribed = new Set();
    session?.destroy();
  }

  holding(typeUrl: string): Holding {
    const known = this.#holdings.get(typeUrl);
    if (known !== undefined) return known;
    const made = new Holding();
    this.#holdings.set(typeUrl, made);
    return made;
  }

  #fail(session: ClientHttp2Session, message: string): void {
    if (session === this.#session) this.#observer.failed(`Envoy ${this.id}: ${message}`);
  }

  #resume(): void {
    const held = [...this.#holdings.keys()].filter((typeUrl) => this.holding(typeUrl).count > 0);
    for (const typeUrl of held) this.#subscribe(typeUrl, this.#namesOf(typeUrl));
  }

  /** The names that are asked for one by one; none of a type that is asked for with the wildcard. */
  #namesOf(typeUrl: string): readonly number[] {
    if (typeUrl === types.routes) return this.#tables;
    if (typeUrl !== types.assignment) return [];
    return this.#catalogue.assignments(this.holding(types.cluster).names());
  }

  /** In delta the names are added to those before; in SotW all are said each time. */
  #subscribe(typeUrl: string, names: readonly number[] = [], dropped: readonly number[] = []): void {
    const isFirst = !this.#subscribed.has(typeUrl);
    this.#subscribed.add(typeUrl);
    if (this.#order.protocol === 'sotw') return this.#sendSotw(typeUrl);
    const holding = this.holding(typeUrl);
    const numbering = this.#catalogue.names(typeUrl);
    // No names at all in the first request is the wildcard.
    const message = [
      encodeFields([
        ...this.#node(typeUrl),
        [2, typeUrl],
        ...dropped.map((name) => [4, numbering.text(name)] as const),
      ]),
      this.#catalogue.subscribe(typeUrl, names),
      ...(isFirst && holding.count > 0 ? [this.#catalogue.initialVersions(typeUrl, holding)] : []),
    ];
    this.#send(typeUrl, Buffer.concat(message));
  }

  #acknowledge(typeUrl: string, nonce: string): void {
    if (this.#order.protocol === 'sotw') return this.#sendSotw(typeUrl);
    const request = encodeFields([
      [2, typeUrl],
      [6, nonce],
    ]);
    this.#send(typeUrl, request);
  }

  #sendSotw(typeUrl: string): void {
    const head = encodeFields([
      [1, this.#versions.get(typeUrl) ?? ''],
      ...this.#node(typeUrl).map(([, node]) => [2, node] as const),
      [4, typeUrl],
      [5, this.#nonces.get(typeUrl) ?? ''],
    ]);
    this.#send(typeUrl, Buffer.concat([head, this.#catalogue.subscribe(typeUrl, this.#namesOf(typeUrl))]));
  }

  /** In the first request of a stream. */
  #node(typeUrl: string): readonly WireField[] {
    if (this.#streams.has(this.#streamKey(typeUrl))) return [];
    const node = encodeFields([
      [1, `envoy-${this.id}`],
      [2, this.#order.nodeCluster ?? 'bench'],
    ]);
    return [[1, node]];
  }

  #streamKey(typeUrl: string): string {
    return this.#order.service === 'ads' ? '' : typeUrl;
  }

  #send(typeUrl: string, message: Buffer): void {
    this.#stream(typeUrl)?.write(frameOf(message));
  }

  #stream(typeUrl: string): ClientHttp2Stream | undefined {
    const session = this.#session;
    const key = this.#streamKey(typeUrl);
    const existing = this.#streams.get(key);
    if (existing !== undefined || session === undefined) return existing;
    const stream = session.request({
      ':method': 'POST',
      ':path': methodPath(this.#order, typeUrl),
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const frames = new FrameSplitter((message) => {
      if (session === this.#session) this.#receive(message);
    });
    stream.on('data', (chunk: Buffer) => frames.push(chunk));
    stream.on('error', (error) => this.#fail(session, error.message));
    stream.on('trailers', (trailers) =>
      this.#fail(
        session,
        `stream ended with status ${String(trailers['grpc-status'])} ${String(trailers['grpc-message'])}`,
      ),
    );
    this.#streams.set(key, stream);
    return stream;
  }

  #receive(message: Buffer): void {
    const received = readResponse(this.#order.protocol, message);
    const { typeUrl, version, nonce } = received;
    this.#versions.set(typeUrl, version);
    this.#nonces.set(typeUrl, nonce);
    this.#observer.response(this, received);
    const newClusters = typeUrl === types.cluster ? this.#newClusters(received) : [];
    const gone = this.#hold(received);
    this.#acknowledge(typeUrl, nonce);
    if (typeUrl === types.cluster) this.#followClusters(newClusters, gone);
    else if (typeUrl === types.assignment) this.#askForListeners();
    else if (typeUrl === types.listener) this.#takeListeners(received);
    else if (typeUrl === types.routes) this.#takeRoutes(received);
    this.#checkComplete();
  }

  /** Answers the numbers of the names that it held and does not any more. */
  #hold({ typeUrl, resources, removed }: Received): readonly number[] {
    const holding = this.holding(typeUrl);
    const names = this.#catalogue.names(typeUrl);
    const listed = new Set<number>();
    const isWhole = this.#order.protocol === 'sotw' && (typeUrl === types.cluster || typeUrl === types.listener);
    for (const { name, version } of resources) {
      const number = names.of(name);
      if (this.#isSubscribed(typeUrl, number)) holding.set(number, this.#catalogue.versions.of(version));
      if (isWhole) listed.add(number);
    }
    const gone = isWhole
      ? [...holding.names()].filter((name) => !listed.has(name))
      : removed.map((name) => names.of(name));
    for (const name of gone) holding.set(name, 0);
    return gone;
  }

  /** A load assignment may still come when its cluster is gone. */
  #isSubscribed(typeUrl: string, name: number): boolean {
    return typeUrl !== types.assignment || this.holding(types.cluster).get(this.#catalogue.clusterOf(name)) !== 0;
  }

  /** Those that it did not hold yet. What load assignment they have is read once for all Envoys. */
  #newClusters({ message, resources }: Received): readonly number[] {
    const holding = this.holding(types.cluster);
    const found: number[] = [];
    for (const { name, from, to } of resources) {
      const cluster = this.#catalogue.names(types.cluster).of(name);
      if (holding.get(cluster) !== 0) continue;
      found.push(cluster);
      if (this.#catalogue.knows(cluster)) continue;
      const source = fieldAt(message.subarray(from, to), [3]);
      const assignment = source && (fieldAt(source, [2])?.toString() ?? name);
      const numbers = this.#catalogue.names(types.assignment);
      this.#catalogue.link(cluster, assignment === undefined ? 0 : numbers.of(assignment));
    }
    return found;
  }

  /** Load assignments by the names that the clusters give, or by the clusters' own. */
  #followClusters(added: readonly number[], gone: readonly number[]): void {
    const names = this.#catalogue.assignments(added);
    const dropped = this.#catalogue.assignments(gone);
    for (const name of dropped) this.holding(types.assignment).set(name, 0);
    if (names.length + dropped.length > 0) this.#subscribe(types.assignment, names, dropped);
    // Envoy asks for listeners when its clusters are ready.
    if (!this.#subscribed.has(types.assignment)) this.#askForListeners();
  }

  #askForListeners(): void {
    if (!this.#subscribed.has(types.listener)) this.#subscribe(types.listener);
  }

  /** Route tables by the names in the listeners' HTTP connection managers. */
  #takeListeners({ message, resources }: Received): void {
    const names = this.#catalogue.names(types.routes);
    const added = new Set<number>();
    for (const { from, to } of resources) {
      const listener = message.subarray(from, to);
      const chains = [...allFields(listener, 3), ...allFields(listener, 25)];
      for (const filter of chains.flatMap((chain) => allFields(chain, 3))) {
        const table = fieldAt(filter, [4, 2, 3, 2])?.toString();
        if (table !== undefined && !this.#tables.includes(names.of(table))) added.add(names.of(table));
      }
    }
    this.#tables = [...this.#tables, ...added];
    if (added.size > 0) this.#subscribe(types.routes, [...added]);
  }

  #takeRoutes({ message, resources }: Received): void {
    for (const { name, from, to } of resources) {
      if (this.#isComplete) break;
      let hosts = 0;
      let isOnDemand = false;
      for (const fields = new FieldReader(message, from, to); fields.next();) {
        if (fields.number === 2) hosts += 1;
        else if (fields.number === 9) isOnDemand = true;
      }
      this.#hostsOfTable.set(name, hosts);
      if (isOnDemand && !this.#subscribed.has(types.virtualHost)) this.#subscribe(types.virtualHost);
    }
  }

  #checkComplete(): void {
    const { assignments, hosts } = this.#order.complete;
    if (this.#isComplete || this.holding(types.assignment).count < assignments) return;
    const inTables = Math.max(0, ...this.#hostsOfTable.values());
    if (Math.max(inTables, this.holding(types.virtualHost).count) < hosts) return;
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
