/** The gRPC server: every discovery service, client status, health and reflection over one store of resources. */
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { sendUnaryData, ServerDuplexStream, ServerUnaryCall, UntypedServiceImplementation } from '@grpc/grpc-js';
import { encode } from '../proto/message.ts';
import type { MessageTypes } from '../proto/message.ts';
import { serviceDefinition } from '../proto/service.ts';
import { typeUrl } from '../proto/type-url.ts';
import { Acceptor } from './acceptor.ts';
import { clientStatus } from './client-status.ts';
import type { Substitute } from './delivery.ts';
import { DiscoveryStream } from './discovery-stream.ts';
import type { DiscoveryCall, Protocol, StreamEvent } from './discovery-stream.ts';
import { Health } from './health.ts';
import { reflectionServices } from './reflection.ts';
import { createResource } from './resource.ts';
import type { Resource } from './resource.ts';
import { ResourceStore } from './resource-store.ts';
import { tlsCredentials, type TlsSource } from './tls-credentials.ts';
import { Turns } from './turns.ts';
import type { ResourceChange, View } from './view.ts';

type StatusRequest = MessageTypes['envoy.service.status.v3.ClientStatusRequest'];
type StatusResponse = MessageTypes['envoy.service.status.v3.ClientStatusResponse'];

export interface XdsServerOptions {
  readonly host: string;
  /** 0 means any free port. */
  readonly port: number;
  /** Clients must show a certificate that its authorities have signed. Without it the server is plaintext. */
  readonly tls?: TlsSource;
  readonly observe: (stream: DiscoveryStream, event: StreamEvent) => void;
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

const statusService = 'envoy.service.status.v3.ClientStatusDiscoveryService';
const healthService = 'grpc.health.v1.Health';
const patienceCheckMs = 500;
const checksPerSweep = 5;
const substituteLimit = 1_000;
const shutdownGraceMs = 2_000;

export class XdsServer {
  readonly store = new ResourceStore();
  readonly #server: Server;
  readonly #options: XdsServerOptions;
  readonly #streams = new Map<unknown, DiscoveryStream>();
  readonly #turns = new Turns();
  readonly #substitute = endpointSubstitutes();
  readonly #health: Health;
  #acceptor: Acceptor | undefined;
  #patience: NodeJS.Timeout | undefined;
  #nextId = 1;

  constructor(options: XdsServerOptions) {
    this.#options = options;
    this.#server = new Server({
      'grpc.keepalive_time_ms': 30_000,
      'grpc.keepalive_timeout_ms': 10_000,
      // Clients send the names and versions of all they have when they come back.
      'grpc.max_receive_message_length': 16 * 1024 * 1024,
      'grpc.max_send_message_length': -1,
    });
    const names = [...discoveryServices.map(({ name }) => name), statusService];
    this.#health = new Health(names);
    this.#addServices([...names, healthService]);
  }

  /** @returns the port. Throws what the operating system says when the address can't be bound. */
  async start(): Promise<number> {
    const { host, port, tls } = this.#options;
    const credentials = tls === undefined ? ServerCredentials.createInsecure() : tlsCredentials(tls);
    const injector = this.#server.createConnectionInjector(credentials);
    this.#acceptor = new Acceptor(this.#turns, (connection) => injector.injectConnection(connection));
    const bound = await this.#acceptor.listen(host, port);
    let checks = 0;
    this.#patience = setInterval(() => {
      for (const stream of this.#streams.values()) stream.checkPatience();
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
      this.#server.addService(serviceDefinition(service.name, 'raw'), methods);
    }
    this.#server.addService(serviceDefinition(statusService), {
      FetchClientStatus: (call: ServerUnaryCall<StatusRequest, StatusResponse>, reply: sendUnaryData<StatusResponse>) =>
        reply(null, this.#status(call.request)),
      StreamClientStatus: (call: ServerDuplexStream<StatusRequest, StatusResponse>) => {
        call.on('data', (request: StatusRequest) => call.write(this.#status(request)));
        call.on('end', () => call.end());
        call.on('error', () => undefined);
      },
    });
    this.#server.addService(serviceDefinition(healthService), {
      Check: this.#health.check.bind(this.#health),
      Watch: this.#health.watch.bind(this.#health),
    });
    for (const { definition, implementation } of reflectionServices(names)) {
      this.#server.addService(definition, implementation);
    }
  }

  #open(call: DiscoveryCall, protocol: Protocol, type: string | undefined): void {
    const stream = new DiscoveryStream(call, {
      id: this.#nextId++,
      protocol,
      typeUrl: type,
      view: this.store.attach(protocol),
      turns: this.#turns,
      substitute: this.#substitute,
      observe: (source, event) => {
        if (event.kind === 'closed') {
          this.#streams.delete(source.session);
          this.store.detach(protocol);
        }
        this.#options.observe(source, event);
      },
    });
    this.#streams.set(stream.session, stream);
  }

  #status(request: StatusRequest): StatusResponse {
    const viewOf = (stream: DiscoveryStream): View =>
      stream.protocol === 'delta' ? this.store.delta : this.store.sotw;
    return clientStatus(
      request,
      this.streams().map((stream) => ({ stream, view: viewOf(stream) })),
    );
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
