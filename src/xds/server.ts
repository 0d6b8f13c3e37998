/** The gRPC server: every discovery service, client status, health and reflection over one store of resources. */
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { encode } from '../proto/message.ts';
import { serviceDefinition } from '../proto/service.ts';
import { typeUrl } from '../proto/type-url.ts';
import { Acceptor } from './acceptor.ts';
import { Allowance } from './allowance.ts';
import type { Freshness } from './arrival.ts';
import { callGuard } from './call-guard.ts';
import { ClientStatusService } from './client-status-service.ts';
import type { StreamView } from './client-status.ts';
import type { Substitute } from './delivery.ts';
import { DiscoveryStream } from './discovery-stream.ts';
import type { DiscoveryCall, Protocol, StreamEvent } from './discovery-stream.ts';
import { Health } from './health.ts';
import { defaultServerLimits } from './limits.ts';
import type { ConnectionRefusal, ServerLimits } from './limits.ts';
import type { TlsSource } from './mutual-tls.ts';
import { reflectionServices } from './reflection.ts';
import { createResource } from './resource.ts';
import type { Resource } from './resource.ts';
import { ResourceStore } from './resource-store.ts';
import type { Standing } from './standing.ts';
import { Turns } from './turns.ts';
import type { ResourceChange } from './view.ts';

export interface XdsServerOptions {
  readonly host: string;
  /** 0 means any free port. */
  readonly port: number;
  /** Clients must show a certificate that its authorities have signed. Without it the server is plaintext. */
  readonly tls?: TlsSource;
  /** Names (DNS or URI) of which a client's certificate must have one; absent means that any will do. */
  readonly clientNames?: readonly string[];
  readonly limits?: Partial<ServerLimits>;
  /** Tells whether what is served is the newest; absent when it always is. */
  readonly freshness?: Freshness;
  readonly observe: (stream: DiscoveryStream, event: StreamEvent) => void;
  /** A connection was not taken in. */
  readonly observeRefusal?: (reason: ConnectionRefusal, details: string) => void;
}

/** The discovery services with their methods; the type is undefined for the aggregated one. */
const discoveryServices: readonly {
  readonly name: string;
  readonly typeUrl: string | undefined;
  readonly sotw?: string;
  readonly delta: string;
}[] = [
  {
    name: 'envoy.service.discovery.v3.AggregatedDiscoveryService',
    typeUrl: undefined,
    sotw: 'StreamAggregatedResources',
    delta: 'DeltaAggregatedResources',
  },
  {
    name: 'envoy.service.listener.v3.ListenerDiscoveryService',
    typeUrl: typeUrl.listener,
    sotw: 'StreamListeners',
    delta: 'DeltaListeners',
  },
  {
    name: 'envoy.service.route.v3.RouteDiscoveryService',
    typeUrl: typeUrl.routeConfiguration,
    sotw: 'StreamRoutes',
    delta: 'DeltaRoutes',
  },
  {
    name: 'envoy.service.route.v3.VirtualHostDiscoveryService',
    typeUrl: typeUrl.virtualHost,
    delta: 'DeltaVirtualHosts',
  },
  {
    name: 'envoy.service.cluster.v3.ClusterDiscoveryService',
    typeUrl: typeUrl.cluster,
    sotw: 'StreamClusters',
    delta: 'DeltaClusters',
  },
  {
    name: 'envoy.service.endpoint.v3.EndpointDiscoveryService',
    typeUrl: typeUrl.clusterLoadAssignment,
    sotw: 'StreamEndpoints',
    delta: 'DeltaEndpoints',
  },
  {
    name: 'envoy.service.secret.v3.SecretDiscoveryService',
    typeUrl: typeUrl.secret,
    sotw: 'StreamSecrets',
    delta: 'DeltaSecrets',
  },
];

const discoveryPaths: ReadonlySet<string> = new Set(
  discoveryServices.flatMap(({ name, sotw, delta }) => [`/${name}/${delta}`, `/${name}/${sotw ?? delta}`]),
);

const statusService = 'envoy.service.status.v3.ClientStatusDiscoveryService';
const healthService = 'grpc.health.v1.Health';
const patienceCheckMs = 500;
const checksPerSweep = 5;
const substituteLimit = 1_000;
const shutdownGraceMs = 2_000;
/** A client has read the end of a stream by then. */
const readingMs = 200;

export class XdsServer {
  readonly store = new ResourceStore();
  /** The paths of all methods that can be called. */
  readonly methods: string[] = [];
  readonly #server: Server;
  readonly #options: XdsServerOptions;
  readonly #limits: ServerLimits;
  readonly #streams = new Map<unknown, DiscoveryStream>();
  readonly #turns = new Turns();
  readonly #substitute = endpointSubstitutes();
  readonly #health: Health;
  #acceptor: Acceptor | undefined;
  #patience: NodeJS.Timeout | undefined;
  #nextId = 1;

  constructor(options: XdsServerOptions) {
    this.#options = options;
    this.#limits = { ...defaultServerLimits, ...options.limits };
    const { store } = this;
    const { messageBytes, streamsPerConnection, idleMs, firstRequestMs, keepaliveMs, keepaliveTimeoutMs } =
      this.#limits;
    this.#server = new Server({
      'grpc.keepalive_time_ms': keepaliveMs,
      'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
      'grpc.max_connection_idle_ms': idleMs,
      'grpc.max_concurrent_streams': streamsPerConnection,
      // Read for each call. Clients that come back send the names and versions of all that they have.
      get 'grpc.max_receive_message_length'() {
        return Math.max(messageBytes, 2 * store.peakNameBytes);
      },
      'grpc.max_send_message_length': -1,
      interceptors: [
        callGuard({
          firstRequestMs,
          allowanceOf: (peer) => this.#allowanceOf(peer),
          isPatient: (path) => discoveryPaths.has(path),
        }),
      ],
    });
    const names = [...discoveryServices.map(({ name }) => name), statusService];
    this.#health = new Health(names);
    this.#addServices([...names, healthService]);
  }

  /** @returns the port. Throws what the operating system says when the address can't be bound. */
  async start(): Promise<number> {
    const { host, port, tls, clientNames, observeRefusal } = this.#options;
    // TLS is ended before, in the acceptor.
    const injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    this.#acceptor = new Acceptor({
      turns: this.#turns,
      limits: this.#limits,
      ...(tls && { tls }),
      ...(clientNames && { clientNames }),
      handOn: (connection) => injector.injectConnection(connection),
      refuse: (reason, details) => observeRefusal?.(reason, details),
    });
    const bound = await this.#acceptor.listen(host, port);
    let checks = 0;
    const check = (): void => {
      for (const stream of this.#streams.values()) stream.checkPatience();
      this.#acceptor?.cutSilent(performance.now());
    };
    this.#patience = setInterval(() => {
      // Where the event loop stood still, what clients have done meanwhile is seen first.
      setImmediate(check);
      checks += 1;
      if (checks % checksPerSweep === 0) this.store.sweep();
    }, patienceCheckMs);
    return bound;
  }

  /** Takes changes that belong together and sends them to whom they concern. */
  publish(changes: readonly ResourceChange[]): void {
    const isFirst = this.store.sequence === 0;
    const told = this.store.publish(changes);
    this.#health.serve();
    if (isFirst) for (const stream of this.#streams.values()) stream.listen();
    for (const subscriber of told) this.#streams.get(subscriber)?.pump();
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#acceptor?.connections ?? 0;
  }

  /** Whether the client of the stream has taken anything, now or before it came back. */
  hasTaken(stream: number): boolean {
    return this.#find(stream)?.session.hasTaken === true;
  }

  isConnected(stream: number): boolean {
    return this.#find(stream) !== undefined;
  }

  #find(stream: number): DiscoveryStream | undefined {
    return this.streams().find(({ id }) => id === stream);
  }

  /** What the streams make of a version of a resource, without some of them. */
  standingOf(type: string, name: string, version: string, without: ReadonlySet<number>): Standing {
    let standing: Standing = 'none';
    for (const { id, session } of this.#streams.values()) {
      const each = without.has(id) ? 'none' : session.standingOf(type, name, version);
      if (each === 'accepted') return each;
      if (each === 'open') standing = each;
    }
    return standing;
  }

  /** By age. */
  streams(): readonly DiscoveryStream[] {
    return [...this.#streams.values()];
  }

  async stop(): Promise<void> {
    clearInterval(this.#patience);
    this.#acceptor?.close();
    for (const stream of this.streams()) stream.end(status.UNAVAILABLE, 'the control plane is shutting down');
    this.#health.close();
    await new Promise<void>((resolve) => {
      const force = setTimeout(() => {
        this.#server.forceShutdown();
        this.#acceptor?.cut();
      }, shutdownGraceMs);
      this.#server.tryShutdown(() => {
        clearTimeout(force);
        resolve();
      });
    });
  }

  #addServices(names: readonly string[]): void {
    for (const service of discoveryServices) {
      const methods: UntypedServiceImplementation = {
        [service.delta]: (call: DiscoveryCall) => this.#open(call, 'delta', service.typeUrl),
      };
      if (service.sotw !== undefined) {
        methods[service.sotw] = (call: DiscoveryCall) => this.#open(call, 'sotw', service.typeUrl);
      }
      this.#add(serviceDefinition(service.name, 'raw'), methods);
    }
    const clients = new ClientStatusService(() => this.#statusViews(), this.#limits.statusEntries);
    this.#add(serviceDefinition(statusService), clients.implementation());
    this.#add(serviceDefinition(healthService), {
      Check: this.#health.check.bind(this.#health),
      Watch: this.#health.watch.bind(this.#health),
    });
    for (const { definition, implementation } of reflectionServices(names)) {
      this.#add(definition, implementation);
    }
  }

  #add(definition: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    this.#server.addService(definition, implementation);
    this.methods.push(...Object.values(definition).map(({ path }) => path));
  }

  #open(call: DiscoveryCall, protocol: Protocol, type: string | undefined): void {
    if (this.#streams.size >= this.#limits.streams) {
      call.emit('error', { code: status.RESOURCE_EXHAUSTED, details: 'too many discovery streams are open' });
      return;
    }
    const stream = new DiscoveryStream(call, {
      id: this.#nextId++,
      protocol,
      typeUrl: type,
      view: this.store.attach(protocol),
      turns: this.#turns,
      limits: this.#limits,
      allowance: this.#allowanceOf(call.getPeer()),
      store: this.store,
      substitute: this.#substitute,
      ...(this.#options.freshness && { freshness: this.#options.freshness }),
      observe: (source, event) => {
        if (event.kind === 'sent-on') this.#hangUpSoon(source.peer);
        if (event.kind === 'closed') {
          this.#streams.delete(source.session);
          this.store.detach(protocol);
        }
        this.#options.observe(source, event);
      },
    });
    this.#streams.set(stream.session, stream);
  }

  /** When it has read why: it would come back over the same connection, and so to the same server. */
  #hangUpSoon(peer: string): void {
    setTimeout(() => this.#acceptor?.hangUp(peer), readingMs).unref();
  }

  /** Of a connection that is gone there is nothing to share. */
  #allowanceOf(peer: string): Allowance {
    const { burstMs, shareMs } = this.#limits;
    return this.#acceptor?.allowanceOf(peer) ?? new Allowance(burstMs, shareMs, performance.now());
  }

  #statusViews(): readonly StreamView[] {
    return this.streams().map((stream) => ({
      stream,
      view: stream.protocol === 'delta' ? this.store.delta : this.store.sotw,
    }));
  }
}

/**
 * Envoy holds back the cluster, and the answer to its CDS response, until it has endpoints for it. So a name that does not
 * exist is answered with an assignment that has none. Those made last are kept, so that all streams are sent the same one.
 */
function endpointSubstitutes(): Substitute {
  const made = new Map<string, Resource>();
  return (type, name) => {
    if (type !== typeUrl.clusterLoadAssignment) return undefined;
    const known = made.get(name);
    if (known !== undefined) return known;
    const body = encode('envoy.config.endpoint.v3.ClusterLoadAssignment', { cluster_name: name });
    const resource = createResource(type, name, body);
    if (made.size >= substituteLimit) made.clear();
    made.set(name, resource);
    return resource;
  };
}
