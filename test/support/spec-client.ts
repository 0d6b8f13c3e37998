/**
 * A small reference of the xDS protocol, as xds_protocol.rst of Envoy's documentation tells it: what a client has asked for, what it
 * therefore may be sent, and what it must hold in the end. It knows nothing of how the server keeps its books.
 */
import { typeUrl } from '../../src/proto/type-url.ts';
import { bodyOf } from '../../src/xds/resource.ts';
import type { ResourceStore } from '../../src/xds/resource-store.ts';
import { Session } from '../../src/xds/session.ts';
import type { Reception, Response } from '../../src/xds/session.ts';
import { emptyAssignments, heldVersions } from './conversation.ts';
import type { Protocol } from './conversation.ts';

/** What one stream has said and heard of one type. */
interface Topic {
  wildcard: boolean;
  /** SotW: names have been given once, so an empty list is no wildcard any more. */
  hasNamed: boolean;
  readonly names: Set<string>;
  /** Versions of what it holds. */
  readonly held: Map<string, string>;
  /** Names that may be sent although nothing has changed, because the client asked again, or refused, or must warm them. */
  readonly due: Set<string>;
  /** Names of which it knows that there is nothing. */
  readonly absent: Set<string>;
  lastNonce: string;
  /** What it is sent may be put together so that the culprit is found. */
  hasRefused: boolean;
}

const wholeState: ReadonlySet<string> = new Set([typeUrl.listener, typeUrl.cluster]);

export class SpecClient {
  readonly protocol: Protocol;
  readonly #store: ResourceStore;
  readonly #session: Session;
  readonly #topics = new Map<string, Topic>();
  readonly #nonces = new Set<string>();
  readonly unanswered: Response[] = [];
  /** What the server has done that it must not do. */
  readonly violations: string[] = [];

  constructor(protocol: Protocol, store: ResourceStore) {
    this.protocol = protocol;
    this.#store = store;
    this.#session = new Session(protocol, store.attach(protocol), emptyAssignments);
  }

  /** Adds names (`*` for everything; none in the first request is the same) and drops others. */
  subscribe(
    type: string,
    add: readonly string[],
    drop: readonly string[],
    nonce: string,
    held: readonly string[] = [],
  ): Reception {
    const known = this.#topics.get(type);
    const topic = known ?? newTopic();
    this.#topics.set(type, topic);
    if (this.protocol === 'sotw') return this.#list(topic, type, add, drop, nonce, known === undefined);
    for (const name of drop) this.#drop(topic, name);
    const isLegacyWildcard = known === undefined && add.length === 0;
    for (const name of isLegacyWildcard ? ['*'] : add) this.#add(topic, type, name, !isLegacyWildcard);
    const initial = known === undefined ? this.#remembered(topic, type, held) : {};
    if (known === undefined && type === typeUrl.clusterLoadAssignment) {
      for (const name of this.#view.names(typeUrl.cluster)) topic.due.add(name);
    }
    const initialVersions = heldVersions(initial);
    return this.#session.receiveDelta({
      typeUrl: type,
      subscribe: add,
      unsubscribe: drop,
      initialVersions,
      nonce,
      refusal: undefined,
    });
  }

  /** Answers the response; a refused one leaves things as they are. */
  answer(response: Response, refusal: string | undefined): Reception {
    const { typeUrl: type, nonce } = response;
    const topic = this.#topicOf(type);
    if (refusal !== undefined) {
      topic.hasRefused = true;
      for (const name of namesIn(response)) topic.due.add(name);
    }
    if (this.protocol === 'delta') {
      const nothing = { subscribe: [], unsubscribe: [], initialVersions: heldVersions({}) };
      return this.#session.receiveDelta({ typeUrl: type, ...nothing, nonce, refusal });
    }
    return this.#session.receiveSotw({ typeUrl: type, names: listOf(topic), version: '', nonce, refusal });
  }

  /** An answer to nothing that was ever sent; it must not move anything. */
  answerNothing(type: string, nonce: string, refusal: string | undefined): void {
    const topic = this.#topics.get(type);
    if (topic === undefined) return;
    const reception =
      this.protocol === 'delta'
        ? this.#session.receiveDelta({
            typeUrl: type,
            subscribe: [],
            unsubscribe: [],
            initialVersions: heldVersions({}),
            nonce,
            refusal,
          })
        : this.#session.receiveSotw({ typeUrl: type, names: listOf(topic), version: '', nonce, refusal });
    if (reception.kind === 'ack' || reception.kind === 'nack')
      this.#violate(`${nonce} was never sent, and is taken as ${reception.kind}`);
  }

  /** A resource is gone. In SotW most types have no words for it, so that what comes back may be sent as if it were new. */
  lose(type: string, name: string): void {
    if (this.protocol === 'sotw') this.#topics.get(type)?.due.add(name);
  }

  /** Takes what is sent at this time, and holds it. */
  receive(now: number): void {
    for (const response of this.#session.take(now)) {
      this.#check(response);
      this.#hold(response);
      this.unanswered.push(response);
    }
  }

  get isWaiting(): boolean {
    return this.#session.isWaiting;
  }

  /** What the server thinks of it, for failures. */
  describe(): string {
    const all = this.#session.subscriptions().map(({ typeUrl: type, wildcard, names, dirty, rejected, inFlight }) => {
      const parts = { wildcard, names: [...names], dirty: [...dirty.keys()], rejected: [...rejected.keys()], inFlight };
      return `${type.slice(type.lastIndexOf('.') + 1)} ${JSON.stringify(parts)}`;
    });
    return [this.protocol, ...all].join('; ');
  }

  close(): void {
    this.#session.close();
    this.#store.detach(this.protocol);
  }

  /** Everything has changed since it has refused anything. */
  forgive(): void {
    for (const topic of this.#topics.values()) topic.hasRefused = false;
  }

  /** What it should hold by now and does not, or holds and should not. */
  differences(): readonly string[] {
    return [...this.#topics].flatMap(([type, topic]) => {
      const names = new Set([...topic.held.keys(), ...topic.names, ...(topic.wildcard ? this.#view.names(type) : [])]);
      return [...names].flatMap((name) => {
        const wanted = this.#covers(topic, name) ? this.#versionOf(type, name, topic) : undefined;
        const held = topic.held.get(name);
        // SotW says that something is gone only where a response is the whole state.
        if (this.protocol === 'sotw' && wanted === undefined && !wholeState.has(type)) return [];
        if (held !== wanted) return [`${type} ${name}: holds ${held}, should hold ${wanted}`];
        const isUntold =
          this.protocol === 'delta' && wanted === undefined && topic.names.has(name) && !topic.absent.has(name);
        return isUntold ? [`${type} ${name}: was never told that there is none`] : [];
      });
    });
  }

  #list(
    topic: Topic,
    type: string,
    add: readonly string[],
    drop: readonly string[],
    nonce: string,
    isFirst: boolean,
  ): Reception {
    const list = new Set([...listOf(topic), ...add]);
    for (const name of drop) list.delete(name);
    const isStale = !isFirst && topic.lastNonce !== '' && nonce !== '' && nonce !== topic.lastNonce;
    for (const name of topic.names) if (!list.has(name)) this.#drop(topic, name);
    if (!isStale) {
      if (topic.wildcard && (list.size > 0 || topic.hasNamed) && !list.has('*')) this.#drop(topic, '*');
      if (list.size > 0) topic.hasNamed = true;
      else if (!topic.hasNamed) this.#add(topic, type, '*', false);
      for (const name of list) if (!topic.names.has(name)) this.#add(topic, type, name, true);
    }
    return this.#session.receiveSotw({ typeUrl: type, names: [...list], version: '', nonce, refusal: undefined });
  }

  #add(topic: Topic, type: string, name: string, isNamed: boolean): void {
    if (name !== '*') {
      topic.names.add(name);
      topic.due.add(name);
      topic.absent.delete(name);
    } else if (type !== typeUrl.secret) {
      if (!topic.wildcard) for (const each of [...topic.held.keys(), ...this.#view.names(type)]) topic.due.add(each);
      topic.wildcard = true;
    }
    if (isNamed) topic.hasNamed = true;
  }

  #drop(topic: Topic, name: string): void {
    if (name === '*') {
      topic.wildcard = false;
      for (const each of topic.held.keys()) if (!topic.names.has(each)) topic.held.delete(each);
      return;
    }
    if (!topic.names.delete(name)) return;
    topic.absent.delete(name);
    if (this.protocol === 'delta' || !topic.wildcard) topic.held.delete(name);
    // The wildcard still covers it, so it is to be sent again.
    topic.due.add(name);
  }

  /** Versions of a former life: some that are right, some that are old, some of names that nobody knows. */
  #remembered(topic: Topic, type: string, names: readonly string[]): Record<string, string> {
    const entries = names
      .filter((name) => this.#covers(topic, name))
      .map((name, index) => [name, index % 2 === 0 ? (this.#view.get(type, name)?.version ?? '0') : 'old'] as const);
    for (const [name, version] of entries) topic.held.set(name, version);
    return Object.fromEntries(entries);
  }

  #check(response: Response): void {
    const { typeUrl: type, resources, removed, nonce } = response;
    const topic = this.#topicOf(type);
    if (this.#nonces.has(`${type} ${nonce}`)) this.#violate(`${type}: nonce ${nonce} twice`);
    this.#nonces.add(`${type} ${nonce}`);
    const isWhole = this.protocol === 'sotw' && wholeState.has(type);
    for (const { name, version } of resources) {
      const isCurrent = this.#versionOf(type, name, topic) === version;
      // That there are no endpoints may be said again when there were some for a moment.
      const exists = this.#view.get(type, name) !== undefined;
      const isKept = isWhole && topic.held.get(name) === version && this.#view.get(type, name) === undefined;
      if (!this.#covers(topic, name)) this.#violate(`${type} ${name}: was sent, and is not asked for`);
      else if (!isCurrent && !isKept && !topic.hasRefused)
        this.#violate(`${type} ${name}: what was sent is not what there is`);
      else if (!isWhole && exists && !topic.hasRefused && topic.held.get(name) === version && !topic.due.has(name))
        this.#violate(`${type} ${name}: was sent again`);
    }
    for (const name of removed) {
      if (!this.#covers(topic, name)) this.#violate(`${type} ${name}: was removed, and is not asked for`);
      else if (this.#view.get(type, name) !== undefined) this.#violate(`${type} ${name}: was removed, and exists`);
    }
    if (!isWhole || topic.hasRefused) return;
    const missing = this.#view
      .names(type)
      .filter((name) => this.#covers(topic, name) && !namesIn(response).includes(name));
    for (const name of missing) this.#violate(`${type} ${name}: is missing in what must be everything`);
  }

  #hold(response: Response): void {
    const { typeUrl: type, resources, removed } = response;
    const topic = this.#topicOf(type);
    topic.lastNonce = response.nonce;
    if (this.protocol === 'sotw' && wholeState.has(type)) topic.held.clear();
    for (const { name, version } of resources) {
      topic.held.set(name, version);
      topic.due.delete(name);
      topic.absent.delete(name);
    }
    for (const name of removed) {
      topic.held.delete(name);
      topic.due.delete(name);
      topic.absent.add(name);
    }
    // Envoy warms a cluster with endpoints that it is given anew, and a route table with virtual hosts.
    if (type === typeUrl.cluster)
      for (const { name } of resources) this.#topics.get(typeUrl.clusterLoadAssignment)?.due.add(name);
    if (type !== typeUrl.routeConfiguration) return;
    const hosts = this.#topics.get(typeUrl.virtualHost);
    for (const name of this.#view.names(typeUrl.virtualHost)) {
      if (resources.some((table) => name.startsWith(`${table.name}/`) && bodyOf(table).length > 0))
        hosts?.due.add(name);
    }
  }

  #versionOf(type: string, name: string, topic: Topic): string | undefined {
    const version = this.#view.get(type, name)?.version;
    return version ?? (topic.names.has(name) ? emptyAssignments(type, name)?.version : undefined);
  }

  #covers({ wildcard, names }: Topic, name: string): boolean {
    return wildcard || names.has(name);
  }

  #topicOf(type: string): Topic {
    const topic = this.#topics.get(type);
    if (topic !== undefined) return topic;
    this.#violate(`${type}: was sent, and never asked for`);
    return newTopic();
  }

  get #view() {
    return this.protocol === 'delta' ? this.#store.delta : this.#store.sotw;
  }

  #violate(what: string): void {
    this.violations.push(`${this.protocol}: ${what}`);
  }
}

function newTopic(): Topic {
  return {
    wildcard: false,
    hasNamed: false,
    names: new Set(),
    held: new Map(),
    due: new Set(),
    absent: new Set(),
    lastNonce: '',
    hasRefused: false,
  };
}

function listOf({ names, wildcard, hasNamed }: Topic): readonly string[] {
  return wildcard && hasNamed ? ['*', ...names] : [...names];
}

function namesIn({ resources, removed }: Response): readonly string[] {
  return [...resources.map(({ name }) => name), ...removed];
}
