/**
 * An Envoy on a real connection, as far as order goes: it warms clusters, follows listeners to route tables and virtual hosts, takes
 * its time, refuses, loses its connection and comes back with what it has; and it notes each moment at which one of its routes names
 * a cluster that is not there.
 */
import { setImmediate } from 'node:timers/promises';
import { decode } from '../../src/proto/message.ts';
import type { MessageTypes } from '../../src/proto/message.ts';
import { typeUrl } from '../../src/proto/type-url.ts';
import { adsPaths } from './grpc-frame.ts';
import { deltaTypes, DiscoveryClient, sotwTypes } from './discovery-client.ts';
import type { Protocol } from './conversation.ts';
import type { OpenStream } from './discovery-client.ts';
import { encodeMessage } from '../../src/proto/encode.ts';
import type { Random } from './random.ts';

type Host = MessageTypes['envoy.config.route.v3.VirtualHost'];

/** One response, whichever protocol it came by. */
interface Arrival {
  readonly type: string;
  readonly nonce: string;
  /** SotW only. */
  readonly version: string;
  readonly resources: readonly { readonly name: string; readonly version: string; readonly message: Content }[];
  /** Delta only. */
  readonly removed: readonly string[];
}

const wholeState: ReadonlySet<string> = new Set([typeUrl.listener, typeUrl.cluster]);

const routing: ReadonlySet<string> = new Set([typeUrl.routeConfiguration, typeUrl.virtualHost]);

export class WireEnvoy {
  readonly id: string;
  readonly protocol: Protocol;
  readonly #port: number;
  readonly #random: Random;
  #client: DiscoveryClient;
  #stream: OpenStream<Buffer, Buffer>;
  #taken = 0;
  #life = 0;
  /** What it uses: versions by name. */
  readonly #held = new Map<string, Map<string, string>>();
  /** Clusters whose endpoints it has had. */
  readonly #warm = new Set<string>();
  /** Clusters that it lacks because it has refused them, until they are warm. */
  readonly #refused = new Set<string>();
  /** The clusters that each virtual host names, or each route table where the hosts are in it. */
  readonly #routes = new Map<string, readonly string[]>();
  readonly #asked = new Map<string, ReadonlySet<string>>();
  readonly #nonces = new Map<string, string>();
  /** SotW: the version that it accepted last, which it keeps when it comes back. */
  readonly #versions = new Map<string, string>();
  /**
   * The types that it asks for, in this order. As an Envoy that starts, it asks for listeners when its clusters are warm, for a table
   * when it has the listener, and for virtual hosts when it has the table; coming back, for all at once.
   */
  readonly #types: string[] = [typeUrl.cluster, typeUrl.clusterLoadAssignment];
  /** Since it came: whether it has accepted a state of clusters, and taken up routes. */
  #isKnown = false;
  #isRouted = false;
  /** The response with clusters whose answer waits until they are warm. */
  #unacknowledged: string | undefined;
  readonly violations: string[] = [];
  applied = 0;
  refusals = 0;
  reconnects = 0;

  constructor(id: string, protocol: Protocol, port: number, random: Random) {
    this.id = id;
    this.protocol = protocol;
    this.#port = port;
    this.#random = random;
    this.#client = new DiscoveryClient(port);
    this.#stream = this.#join();
  }

  /** Works off some of what has arrived, so that answers are late by chance. */
  async work(): Promise<void> {
    await setImmediate();
    while (this.#taken < this.#stream.responses.length && this.#random.chance(0.7)) this.#take(true);
  }

  /** Works off everything, and refuses nothing; whether there was something. */
  settle(): boolean {
    const hasWork = this.#taken < this.#stream.responses.length;
    while (this.#taken < this.#stream.responses.length) this.#take(false);
    return hasWork;
  }

  /** Loses the connection, or only the stream, and comes back with what it has. */
  reconnect(): void {
    this.reconnects += 1;
    this.#life += 1;
    this.#stream.cancel();
    if (this.#random.chance(0.5)) {
      this.#client.close();
      this.#client = new DiscoveryClient(this.#port);
    }
    this.#stream = this.#join();
  }

  /** What it has of a type, sorted. */
  names(type: string): readonly string[] {
    return [...this.#heldOf(type).keys()].toSorted();
  }

  close(): void {
    this.#client.close();
  }

  #join(): OpenStream<Buffer, Buffer> {
    this.#taken = 0;
    this.#unacknowledged = undefined;
    this.#isKnown = false;
    this.#isRouted = false;
    this.#asked.clear();
    this.#nonces.clear();
    this.#stream = this.#client.raw(adsPaths[this.protocol]);
    for (const type of this.#types) this.#ask(type, this.#namesOf(type));
    return this.#stream;
  }

  /** What it asks for by name; none where it asks for all. */
  #namesOf(type: string): readonly string[] {
    if (type === typeUrl.clusterLoadAssignment) return [...this.#heldOf(typeUrl.cluster).keys()];
    return type === typeUrl.routeConfiguration ? ['http'] : [];
  }

  /** Has become ready to use a type. */
  #askAlso(type: string): void {
    if (this.#types.includes(type)) return;
    this.#types.push(type);
    this.#ask(type, this.#namesOf(type));
  }

  /** Asks for names (none means all), which are added to the ones before in delta and replace them in SotW. */
  #ask(type: string, names: readonly string[]): void {
    const before = this.#asked.get(type);
    if (before === undefined && names.length === 0 && type === typeUrl.clusterLoadAssignment) return;
    const isFirst = before === undefined;
    this.#asked.set(type, new Set(names));
    if (this.protocol === 'sotw') return this.#send(type, { nonce: this.#nonces.get(type) ?? '' });
    const added = names.filter((name) => before?.has(name) !== true);
    const gone = [...(before ?? [])].filter((name) => !names.includes(name));
    if (!isFirst && added.length + gone.length === 0) return;
    this.#send(type, { added, gone, ...(isFirst && { initial: this.#heldOf(type) }) });
  }

  #send(
    type: string,
    request: {
      readonly added?: readonly string[];
      readonly gone?: readonly string[];
      readonly initial?: ReadonlyMap<string, string>;
      readonly nonce?: string;
      readonly refusal?: string;
    },
  ): void {
    const { added = [], gone = [], initial = new Map(), nonce = '', refusal } = request;
    const shared = {
      node: { id: this.id },
      type_url: type,
      response_nonce: nonce,
      ...(refusal !== undefined && { error_detail: { code: 3, message: refusal } }),
    };
    const body =
      this.protocol === 'delta'
        ? encodeMessage(deltaTypes[0], {
            ...shared,
            resource_names_subscribe: added,
            resource_names_unsubscribe: gone,
            initial_resource_versions: Object.fromEntries(initial),
          })
        : encodeMessage(sotwTypes[0], {
            ...shared,
            resource_names: [...(this.#asked.get(type) ?? [])],
            version_info: this.#versions.get(type) ?? '',
          });
    this.#stream.send(Buffer.from(body));
  }

  #take(mayRefuse: boolean): void {
    const bytes = this.#stream.responses[this.#taken];
    this.#taken += 1;
    if (bytes === undefined) return;
    const arrival = this.protocol === 'delta' ? readDelta(bytes) : readSotw(bytes);
    this.#nonces.set(arrival.type, arrival.nonce);
    const refuses = mayRefuse && arrival.resources.length > 0 && this.#random.chance(0.05);
    if (refuses) this.#refuse(arrival);
    else this.#apply(arrival);
    // A refused assignment ends the wait for endpoints as well.
    if (arrival.type === typeUrl.clusterLoadAssignment) for (const { name } of arrival.resources) this.#heat(name);
    if (refuses) return;
    if (arrival.type === typeUrl.cluster) this.#unacknowledged = arrival.nonce;
    else this.#send(arrival.type, { nonce: arrival.nonce });
    this.#acknowledgeClusters();
    if (this.#heldOf(typeUrl.listener).size > 0) this.#askAlso(typeUrl.routeConfiguration);
    const hasTable = this.#heldOf(typeUrl.routeConfiguration).size > 0;
    if (hasTable && this.protocol === 'delta') this.#askAlso(typeUrl.virtualHost);
    this.#check(arrival.type);
  }

  #refuse({ type, nonce, resources }: Arrival): void {
    this.refusals += 1;
    if (type === typeUrl.cluster) {
      // What another run has given a SotW client, the server has to leave out by turns to find what is refused.
      const isSearched = this.protocol === 'sotw' && !this.#isKnown;
      for (const { name } of resources) if (isSearched || !this.#heldOf(type).has(name)) this.#refused.add(name);
      this.#unacknowledged = undefined;
    }
    this.#send(type, { nonce, refusal: 'refused by chance' });
    if (type === typeUrl.cluster) this.#askAlso(typeUrl.listener);
  }

  #heat(cluster: string): void {
    if (!this.#heldOf(typeUrl.cluster).has(cluster)) return;
    this.#warm.add(cluster);
    this.#refused.delete(cluster);
  }

  /** Envoy answers a response with clusters when all of them are warm. */
  #acknowledgeClusters(): void {
    const isWarm = [...this.#heldOf(typeUrl.cluster).keys()].every((name) => this.#warm.has(name));
    if (!isWarm || this.#unacknowledged === undefined) return;
    this.#send(typeUrl.cluster, { nonce: this.#unacknowledged });
    this.#unacknowledged = undefined;
    this.#isKnown = true;
    this.#askAlso(typeUrl.listener);
  }

  #apply({ type, version, resources, removed }: Arrival): void {
    this.applied += 1;
    if (type === typeUrl.routeConfiguration) this.#isRouted = true;
    this.#versions.set(type, version);
    const held = this.#heldOf(type);
    const isWhole = this.protocol === 'sotw' && wholeState.has(type);
    const gone = isWhole ? [...held.keys()].filter((name) => !resources.some((each) => each.name === name)) : removed;
    for (const name of gone) {
      held.delete(name);
      this.#routes.delete(`${type} ${name}`);
      if (type !== typeUrl.cluster) continue;
      // What is gone takes its endpoints with it.
      this.#warm.delete(name);
      this.#heldOf(typeUrl.clusterLoadAssignment).delete(name);
    }
    for (const { name, version: each, message } of resources) {
      // Endpoints that come after their cluster has gone are nobody's.
      if (type === typeUrl.clusterLoadAssignment && !this.#heldOf(typeUrl.cluster).has(name)) continue;
      held.set(name, each);
      if (type === typeUrl.cluster && this.#warm.has(name)) this.#refused.delete(name);
      if (routing.has(type)) this.#routes.set(`${type} ${name}`, clustersOf(message));
    }
    if (type === typeUrl.cluster) this.#ask(typeUrl.clusterLoadAssignment, [...held.keys()]);
  }

  /** SotW does not say what a client holds that comes back, so that its clusters may be gone before it has taken up its first routes. */
  #check(type: string): void {
    if (this.protocol === 'sotw' && !this.#isRouted) return;
    const clusters = this.#heldOf(typeUrl.cluster);
    for (const [route, names] of this.#routes) {
      for (const name of names) {
        if (this.#refused.has(name)) continue;
        const state = !clusters.has(name) ? 'not there' : this.#warm.has(name) ? undefined : 'not warm';
        if (state !== undefined)
          this.violations.push(`${this.id}.${this.#life}: after ${type}: ${route} names ${name}, which is ${state}`);
      }
    }
  }

  #heldOf(type: string): Map<string, string> {
    const held = this.#held.get(type) ?? new Map<string, string>();
    this.#held.set(type, held);
    return held;
  }
}

function readDelta(bytes: Buffer): Arrival {
  const message = decode(deltaTypes[1], bytes);
  return {
    type: message.type_url ?? '',
    nonce: message.nonce ?? '',
    version: '',
    removed: message.removed_resources ?? [],
    resources: (message.resources ?? []).map(({ name = '', version = '', resource }) => ({
      name,
      version,
      message: contentOf(resource),
    })),
  };
}

function readSotw(bytes: Buffer): Arrival {
  const message = decode(sotwTypes[1], bytes);
  return {
    type: message.type_url ?? '',
    nonce: message.nonce ?? '',
    version: message.version_info ?? '',
    removed: [],
    resources: (message.resources ?? []).map((resource) => {
      const content = contentOf(resource);
      return { name: content.name ?? content.cluster_name ?? '', version: '', message: content };
    }),
  };
}

/** The fields by which resources are named, and those of routes, whatever the type: what a type lacks is undefined. */
type Content = Host & { readonly cluster_name?: string; readonly virtual_hosts?: readonly Host[] };

function contentOf(resource: unknown): Content {
  const isAny = typeof resource === 'object' && resource !== null && 'value' in resource;
  // The decoder gives the message that the Any holds; only the fields above are read.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
  return isAny ? (resource.value as Content) : {};
}

/** The clusters that routes name: of a virtual host, and of those in a route table. */
function clustersOf({ virtual_hosts: inTable = [], ...host }: Content): readonly string[] {
  return [host, ...inTable].flatMap(({ routes = [] }) =>
    routes.flatMap(({ route }) => [
      ...(route?.cluster === undefined ? [] : [route.cluster]),
      ...(route?.weighted_clusters?.clusters ?? []).flatMap(({ name }) => name ?? []),
    ]),
  );
}
