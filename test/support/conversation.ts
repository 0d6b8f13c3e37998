/**
 * A client's side of one xDS session without a network: the same calls for delta and SotW, and what was sent as short text.
 * The clock stands until a test moves it.
 */
import { encode } from '../../src/proto/message.ts';
import { typeUrl } from '../../src/proto/type-url.ts';
import type { SessionLimits, Substitute } from '../../src/xds/delivery.ts';
import { readDeltaRequest } from '../../src/xds/delta-request.ts';
import type { HeldVersions } from '../../src/xds/delta-request.ts';
import { createResource } from '../../src/xds/resource.ts';
import type { Resource } from '../../src/xds/resource.ts';
import { ResourceStore } from '../../src/xds/resource-store.ts';
import { defaultLimits, Session } from '../../src/xds/session.ts';
import type { DeltaRequest, Reception, Response, SotwRequest } from '../../src/xds/session.ts';
import { changes, describeResource } from './resources.ts';

export type Protocol = 'sotw' | 'delta';
export type Kind = keyof typeof typeUrl;

/** As the server has it: a name that nobody has is answered with an assignment without endpoints. */
export const emptyAssignments: Substitute = (type, name) =>
  type === typeUrl.clusterLoadAssignment
    ? createResource(type, name, encode('envoy.config.endpoint.v3.ClusterLoadAssignment', { cluster_name: name }))
    : undefined;

/** Versions by name, as tests write them. */
type BareDelta = Omit<DeltaRequest, 'initialVersions'> & {
  readonly initialVersions: Readonly<Record<string, string>>;
};

export class Conversation {
  readonly protocol: Protocol;
  readonly store: ResourceStore;
  readonly session: Session;
  readonly limits: SessionLimits;
  /** Milliseconds. */
  now = 1_000;
  /** The responses that the client has not answered, the oldest first. */
  readonly unanswered: Response[] = [];
  readonly #named = new Map<string, Set<string>>();
  /** Of the last responses that were answered: what a client has not read yet, it can't name. */
  readonly #nonces = new Map<string, string>();
  readonly #versions = new Map<string, string>();

  constructor(protocol: Protocol, store: ResourceStore = new ResourceStore(), limits: Partial<SessionLimits> = {}) {
    this.protocol = protocol;
    this.store = store;
    this.limits = { ...defaultLimits, ...limits };
    this.session = new Session(protocol, store.attach(protocol), emptyAssignments, this.limits);
  }

  publish(resources: readonly Resource[], gone: readonly Resource[] = []): void {
    this.store.publish(changes(resources, gone));
  }

  /** The names are added to those that the client has asked for; none at all is what a first request for everything looks like. */
  subscribe(kind: Kind, ...names: readonly string[]): Reception {
    const named = this.#namesOf(kind);
    for (const name of names) named.add(name);
    return this.protocol === 'sotw'
      ? this.sotw({ typeUrl: typeUrl[kind] })
      : this.delta({ typeUrl: typeUrl[kind], subscribe: names });
  }

  unsubscribe(kind: Kind, ...names: readonly string[]): Reception {
    const named = this.#namesOf(kind);
    for (const name of names) named.delete(name);
    return this.protocol === 'sotw'
      ? this.sotw({ typeUrl: typeUrl[kind] })
      : this.delta({ typeUrl: typeUrl[kind], unsubscribe: names });
  }

  /** A bare request; what is left out is as a client would have it. */
  delta({ initialVersions = {}, ...request }: Partial<BareDelta> & { readonly typeUrl: string }): Reception {
    const blank = { subscribe: [], unsubscribe: [], nonce: '', refusal: undefined };
    return this.session.receiveDelta({ ...blank, ...request, initialVersions: heldVersions(initialVersions) });
  }

  /** A bare request; what is left out is as a client would have it. */
  sotw(request: Partial<SotwRequest> & { readonly typeUrl: string }): Reception {
    return this.session.receiveSotw({
      names: [...(this.#named.get(request.typeUrl) ?? [])],
      version: this.#versions.get(request.typeUrl) ?? '',
      nonce: this.#nonces.get(request.typeUrl) ?? '',
      refusal: undefined,
      ...request,
    });
  }

  /** Takes what may be sent now; they wait in `unanswered`. */
  take(): readonly Response[] {
    const responses = this.session.take(this.now);
    this.unanswered.push(...responses);
    return responses;
  }

  /** What may be sent now, as text, a line for each response: `cluster a=1 b=1 -gone`. */
  sent(): readonly string[] {
    return this.take().map(describeResponse);
  }

  /** Accepts everything that is unanswered, or what is unanswered of a type. */
  ack(kind?: Kind): readonly Reception[] {
    return this.#answer(kind, undefined);
  }

  nack(kind: Kind, reason: string): readonly Reception[] {
    return this.#answer(kind, reason);
  }

  /** Accepts what is sent until nothing more comes; gives back all of it as text. */
  converse(): readonly string[] {
    const lines: string[] = [];
    for (;;) {
      const more = this.sent();
      if (more.length === 0) return lines;
      lines.push(...more);
      this.ack();
    }
  }

  answer(response: Response, refusal: string | undefined): Reception {
    const { typeUrl: type, nonce, version } = response;
    if (this.protocol === 'delta') return this.delta({ typeUrl: type, nonce, refusal });
    this.#nonces.set(type, nonce);
    if (refusal === undefined) this.#versions.set(type, version);
    return this.sotw({ typeUrl: type, nonce, refusal });
  }

  #answer(kind: Kind | undefined, refusal: string | undefined): readonly Reception[] {
    const answered = this.unanswered.filter(({ typeUrl: type }) => kind === undefined || type === typeUrl[kind]);
    const rest = this.unanswered.filter((response) => !answered.includes(response));
    this.unanswered.splice(0, Infinity, ...rest);
    return answered.map((response) => this.answer(response, refusal));
  }

  #namesOf(kind: Kind): Set<string> {
    const type = typeUrl[kind];
    const known = this.#named.get(type) ?? new Set();
    this.#named.set(type, known);
    return known;
  }
}

/** As a request has them. */
export function heldVersions(versions: Readonly<Record<string, string>>): HeldVersions {
  const request = encode('envoy.service.discovery.v3.DeltaDiscoveryRequest', { initial_resource_versions: versions });
  return readDeltaRequest(Buffer.from(request)).versions;
}

export function describeResponse(response: Response): string {
  const kind = Object.entries(typeUrl).find(([, url]) => url === response.typeUrl)?.[0] ?? response.typeUrl;
  const resources = response.resources.map(describeResource).toSorted();
  const removed = response.removed.map((name) => `-${name}`).toSorted();
  return [kind, ...resources, ...removed].join(' ');
}
