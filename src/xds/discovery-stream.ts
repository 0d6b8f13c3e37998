/** One open discovery stream: the gRPC call, its session, and the flow control between them. */
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import { decode } from '../proto/message.ts';
import type { MessageTypes } from '../proto/message.ts';
import { messageNameOf } from '../proto/type-url.ts';
import type { Allowance } from './allowance.ts';
import { Arrival } from './arrival.ts';
import type { Freshness } from './arrival.ts';
import type { Batch } from './batch.ts';
import { firstRequestMissing, statusDetails } from './call-guard.ts';
import { readDeltaRequest } from './delta-request.ts';
import type { ReadDeltaRequest } from './delta-request.ts';
import type { ServerLimits } from './limits.ts';
import { identityOf } from './node-identity.ts';
import type { Node } from './node-identity.ts';
import { redactRefusal } from './refusal-text.ts';
import { overweight } from './request-weight.ts';
import type { Resource } from './resource.ts';
import type { ResourceStore } from './resource-store.ts';
import { defaultLimits, Session } from './session.ts';
import type { Reception, Response } from './session.ts';
import type { Substitute } from './delivery.ts';
import type { SubscribableView } from './view.ts';
import type { Turn, Turns } from './turns.ts';
import { encodeResponse } from './wire.ts';

export type Protocol = 'sotw' | 'delta';

type DiscoveryRequest =
  | { readonly kind: 'sotw'; readonly message: MessageTypes['envoy.service.discovery.v3.DiscoveryRequest'] }
  | ({ readonly kind: 'delta' } & ReadDeltaRequest);
/** Both ways in encoded messages: requests are decoded when it is the stream's turn, because one can name ten thousand resources. */
export type DiscoveryCall = ServerDuplexStream<Buffer, Buffer>;

/** What happens on a stream, for logs and metrics. */
export type StreamEvent =
  /** `sent-on`: the client may know more than we do, and is to ask another server. */
  | { readonly kind: 'opened' | 'closed' | 'sent-on' }
  | {
      readonly kind: 'response';
      readonly typeUrl: string;
      readonly resources: number;
      readonly removed: number;
      readonly bytes: number;
      /** Whether other streams had been sent the same bytes, so that nothing was encoded. */
      readonly isShared: boolean;
    }
  | {
      readonly kind: 'ack';
      readonly typeUrl: string;
      readonly nonce: string;
      readonly batch: Batch;
    }
  | {
      readonly kind: 'nack';
      readonly typeUrl: string;
      readonly nonce: string;
      /** The names in the refused response: the culprit is among them. */
      readonly names: readonly string[];
      readonly message: string;
      /** What is known by now to be refused by itself. */
      readonly culprits: readonly Resource[];
    }
  /** The client leaves a response unanswered for long; told once, until it has answered. */
  | { readonly kind: 'behind'; readonly typeUrl: string; readonly seconds: number }
  | { readonly kind: 'caught-up' };

export interface StreamSettings {
  readonly id: number;
  readonly protocol: Protocol;
  /** The only type of a per-type service; undefined on an aggregated stream, where every request names its type. */
  readonly typeUrl: string | undefined;
  readonly view: SubscribableView;
  readonly substitute: Substitute;
  readonly turns: Turns;
  readonly limits: ServerLimits;
  /** What the connection's requests may still cost. */
  readonly allowance: Allowance;
  readonly store: Pick<ResourceStore, 'unknownNames' | 'peakNames'>;
  /** Absent when what is served is always the newest. */
  readonly freshness?: Freshness;
  readonly observe: (stream: DiscoveryStream, event: StreamEvent) => void;
}

/** Others do not wait for the bytes of a client that has not read for so long. */
const slowAfterMs = 500;

/** So many requests are read ahead. */
const inboxLimit = 8;

/** A first answer to so many names counts as large. */
const largeBacklog = 100;

/** A refusal is kept and logged: so much of it tells what is wrong. */
const refusalLength = 2_000;

export class DiscoveryStream implements Turn {
  readonly id: number;
  readonly protocol: Protocol;
  readonly peer: string;
  readonly connectedAt = new Date();
  readonly session: Session;
  /** As the first request has it that has one. A stream keeps it: what it is given does not depend on it. */
  node: Node = {};
  readonly #call: DiscoveryCall;
  readonly #settings: StreamSettings;
  /** Responses that the client's window has had no room for. */
  #unread = 0;
  #stalledSince: number | undefined;
  /** Bytes of them that others wait for. */
  #lent = 0;
  /** Requests that were read and wait for the stream's turn. */
  #inbox: Buffer[] = [];
  #listeningSince: number | undefined;
  #hasAsked = false;
  #hasNode = false;
  /** Ends the wait for a part of the connection's allowance. */
  #rest: NodeJS.Timeout | undefined;
  #isBehind = false;
  #isOpen = true;
  /** While it is open, nothing is read. */
  readonly #arrival: Arrival | undefined;
  #hasSaidGoodbye = false;

  constructor(call: DiscoveryCall, settings: StreamSettings) {
    this.#call = call;
    this.#settings = settings;
    this.id = settings.id;
    this.protocol = settings.protocol;
    this.peer = call.getPeer();
    const limits = { ...defaultLimits, ackPatienceMs: settings.limits.answerMs };
    this.session = new Session(settings.protocol, settings.view, settings.substitute, limits);
    const { freshness, typeUrl } = settings;
    this.#arrival =
      freshness &&
      new Arrival({
        freshness,
        protocol: this.protocol,
        typeUrl,
        admit: () => this.#admit(),
        sendOn: () => this.#sendOn(),
      });
    call.on('end', () => {
      this.#hasSaidGoodbye = true;
      if (this.#inbox.length === 0 || !this.#isHeld) this.#answerLast();
    });
    call.on('cancelled', () => this.#close());
    call.on('error', () => this.#close());
    this.#observe({ kind: 'opened' });
    if (settings.view.sequence > 0) this.listen();
  }

  /**
   * Begins to read requests. Before the first publication none is read: a fleet that waits for it would otherwise have to
   * be told of each resource one by one.
   */
  listen(): void {
    this.#listeningSince = performance.now();
    this.#call.on('data', (message: Buffer) => {
      this.#hasAsked = true;
      this.#inbox.push(message);
      if (this.#isHeld) this.#arrival?.see(message);
      if (this.#inbox.length >= inboxLimit) this.#call.pause();
      this.#settings.turns.request(this);
    });
  }

  /** The allowance is the connection's. */
  get connection(): object {
    return this.#settings.allowance;
  }

  /** Whether the client has left a response unanswered for long. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** Soon sends what may be sent then. */
  pump(): void {
    this.#settings.turns.request(this);
  }

  /** Reads what was asked, and sends what may be sent now. */
  takeTurn(isLarge: boolean): void {
    if (this.#isHeld) return;
    const { turns, allowance } = this.#settings;
    const began = performance.now();
    const wait = this.#inbox.length === 0 ? 0 : allowance.waitMs(began);
    if (wait === 0) this.#readInbox(began);
    else this.#rest ??= setTimeout(() => this.#resume(), wait).unref();
    if (this.session.backlog < largeBacklog || (isLarge && turns.hasRoom)) this.#send();
    else turns.park(this);
  }

  /** To be called now and then: goes on without an answer that never came, and cuts off who does not read or ask. */
  checkPatience(): void {
    const { stallMs, firstRequestMs } = this.#settings.limits;
    const now = performance.now();
    const stalledMs = this.#stalledSince === undefined ? 0 : now - this.#stalledSince;
    const isSilent = !this.#hasAsked && this.#listeningSince !== undefined;
    this.#noteUnanswered(now);
    if (stalledMs > slowAfterMs) this.#giveBack(this.#lent);
    if (stalledMs > stallMs) this.end(status.DEADLINE_EXCEEDED, `the client did not read for ${stallMs / 1_000} s`);
    else if (isSilent && now - (this.#listeningSince ?? now) > firstRequestMs) {
      this.end(status.DEADLINE_EXCEEDED, firstRequestMissing(firstRequestMs));
    } else if (this.session.isWaiting) this.pump();
  }

  /** Ends the stream with a gRPC status; the client is expected to come back. */
  end(code: status, details: string): void {
    if (!this.#isOpen) return;
    this.#close();
    this.#call.emit('error', { code, details: statusDetails(details) });
  }

  #noteUnanswered(now: number): void {
    const { unanswered } = this.session;
    const ms = now - (unanswered?.since ?? now);
    const isBehind = ms > this.#settings.limits.unansweredMs;
    if (isBehind === this.#isBehind) return;
    this.#isBehind = isBehind;
    if (!isBehind) this.#observe({ kind: 'caught-up' });
    else if (unanswered !== undefined) {
      this.#observe({ kind: 'behind', typeUrl: unanswered.typeUrl, seconds: Math.round(ms / 1_000) });
    }
  }

  get #isHeld(): boolean {
    return this.#arrival?.isOpen === true;
  }

  #admit(): void {
    if (this.#hasSaidGoodbye) this.#answerLast();
    else this.pump();
  }

  #sendOn(): void {
    this.#observe({ kind: 'sent-on' });
    this.end(status.UNAVAILABLE, 'this control plane cannot tell whether it is up to date: ask another one');
  }

  /** Who asks and says goodbye in one breath still gets an answer. */
  #answerLast(): void {
    if (!this.#isOpen) return;
    this.#readInbox(performance.now());
    this.#send();
    this.#close();
    this.#call.end();
  }

  #resume(): void {
    this.#rest = undefined;
    this.pump();
  }

  #readInbox(began: number): void {
    const inbox = this.#inbox;
    if (inbox.length === 0) return;
    this.#inbox = [];
    for (const bytes of inbox) {
      const request = this.#isOpen ? this.#decode(bytes) : undefined;
      if (request !== undefined) this.#receive(request);
    }
    const now = performance.now();
    const bytes = inbox.reduce((sum, { length }) => sum + length, 0);
    const received = (bytes / 1_000_000) * this.#settings.limits.receiveMsPerMegabyte;
    this.#settings.allowance.spend(now - began + received, now);
    if (inbox.length >= inboxLimit) this.#call.resume();
  }

  #decode(bytes: Buffer): DiscoveryRequest | undefined {
    const { limits } = this.#settings;
    const fault = overweight(this.protocol, bytes, limits, this.#nameLimit);
    if (fault !== undefined) {
      this.end(status.INVALID_ARGUMENT, fault);
      return undefined;
    }
    try {
      if (this.protocol === 'delta') return { kind: 'delta', ...readDeltaRequest(bytes) };
      return { kind: 'sotw', message: decode('envoy.service.discovery.v3.DiscoveryRequest', bytes) };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.end(status.INVALID_ARGUMENT, `the request is not what it should be: ${why}`);
      return undefined;
    }
  }

  /** While the client does not read, nothing is added to what it has yet to read. */
  #send(): void {
    if (!this.#isOpen || this.#stalledSince !== undefined) return;
    for (const response of this.session.take(performance.now())) this.#write(response);
  }

  #write(response: Response): void {
    const { bytes, isShared } = encodeResponse(this.protocol, response);
    this.#unread += 1;
    this.#stalledSince ??= performance.now();
    this.#lent += bytes.length;
    this.#settings.turns.lend(bytes.length);
    this.#call.write(bytes, () => this.#handedOver(bytes.length));
    this.#observe({
      kind: 'response',
      typeUrl: response.typeUrl,
      resources: response.resources.length,
      removed: response.removed.length,
      bytes: bytes.length,
      isShared,
    });
  }

  /** HTTP/2 has taken a response: the client reads. */
  #handedOver(bytes: number): void {
    this.#giveBack(Math.min(bytes, this.#lent));
    this.#unread -= 1;
    if (this.#unread > 0) return;
    this.#stalledSince = undefined;
    if (this.session.isWaiting) this.pump();
  }

  #giveBack(bytes: number): void {
    this.#lent -= bytes;
    this.#settings.turns.giveBack(bytes);
  }

  #receive(request: DiscoveryRequest): void {
    const { message } = request;
    if (message.node !== undefined && !this.#hasNode) {
      if ((message.node.id ?? '') === '')
        return this.end(status.INVALID_ARGUMENT, 'node.id is empty: give each Envoy one');
      this.#hasNode = true;
      this.node = identityOf(message.node);
    }
    const typeUrl = message.type_url ?? this.#settings.typeUrl ?? '';
    const only = this.#settings.typeUrl;
    if (typeUrl === '')
      return this.end(status.INVALID_ARGUMENT, 'type_url is empty; every ADS request must name a type');
    if (only !== undefined && only !== typeUrl) {
      return this.end(status.INVALID_ARGUMENT, `this service serves only ${only}, not ${typeUrl}`);
    }
    // Of a type that is never served there is nothing to say, now or later, and nothing to remember.
    if (messageNameOf(typeUrl) === undefined) return;
    const excess = this.#excessOf(typeUrl, request);
    if (excess !== undefined) return this.end(status.RESOURCE_EXHAUSTED, excess);
    this.#report(typeUrl, this.#receiveTyped(typeUrl, request));
  }

  /** Names cost memory, above all those that nothing has. */
  #excessOf(typeUrl: string, request: DiscoveryRequest): string | undefined {
    const { view, store, limits } = this.#settings;
    const asked = request.kind === 'sotw' ? request.message.resource_names : request.message.resource_names_subscribe;
    if (asked === undefined || asked.length === 0) return undefined;
    const known = this.session.subscriptions().find((each) => each.typeUrl === typeUrl)?.names.size ?? 0;
    const total = request.kind === 'sotw' ? asked.length : known + asked.length;
    // Who asks again for what it has asked for is rare enough to be counted twice.
    if (total > this.#nameLimit) return `the stream asks for ${total} names; at most ${this.#nameLimit} are taken`;
    const room = limits.unknownNames - store.unknownNames;
    if (asked.length <= room) return undefined;
    const table = view.table(typeUrl);
    const unknown = asked.filter((name) => table.find(name) === undefined).length;
    return unknown > 0 && unknown > room ? 'too many names are asked for that nothing has' : undefined;
  }

  get #nameLimit(): number {
    return Math.max(this.#settings.limits.names, 2 * this.#settings.store.peakNames);
  }

  #receiveTyped(typeUrl: string, request: DiscoveryRequest): Reception {
    const { response_nonce: nonce = '', error_detail: error } = request.message;
    const refusal = error && redactRefusal((error.message ?? '').slice(0, refusalLength));
    if (request.kind === 'sotw') {
      const { resource_names: names = [], version_info: version = '' } = request.message;
      return this.session.receiveSotw({ typeUrl, names, version, nonce, refusal });
    }
    const { resource_names_subscribe: subscribe = [], resource_names_unsubscribe: unsubscribe = [] } = request.message;
    const { versions: initialVersions } = request;
    return this.session.receiveDelta({ typeUrl, subscribe, unsubscribe, initialVersions, nonce, refusal });
  }

  #report(typeUrl: string, reception: Reception): void {
    if (reception.kind === 'ack' || reception.kind === 'nack') this.#observe({ typeUrl, ...reception });
  }

  #close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.session.close();
    this.#arrival?.end();
    this.#inbox = [];
    clearTimeout(this.#rest);
    this.#settings.turns.leave(this);
    this.#giveBack(this.#lent);
    this.#observe({ kind: 'closed' });
  }

  #observe(event: StreamEvent): void {
    this.#settings.observe(this, event);
  }
}
