/**
 * A client that comes while it is not certain that what is served is the newest. What it has may be newer: such a client waits for
 * certainty, and is sent on if there is none. One that has nothing is better off with something old.
 */
import { typeUrl } from '../proto/type-url.ts';
import type { Protocol } from './discovery-stream.ts';
import { stateIn } from './request-state.ts';

/** Where certainty comes from. */
export interface Freshness {
  /** How long a client with state waits for it, in milliseconds. */
  readonly holdMs: number;
  /**
   * Calls back once when all that there was to know at the time of the call is served; never, while that cannot be found out.
   *
   * @returns what takes the wish back.
   */
  readonly confirm: (confirmed: () => void) => () => void;
}

export interface ArrivalOptions {
  readonly freshness: Freshness;
  readonly protocol: Protocol;
  /** The only type of the stream; undefined on an aggregated one. */
  readonly typeUrl: string | undefined;
  /** The client is to be served. */
  readonly admit: () => void;
  /** The client is better off with another server. */
  readonly sendOn: () => void;
}

/** An Envoy that comes back names all its types at once, so that after so long it is known to have nothing. */
const introductionMs = 500;

export class Arrival {
  readonly #options: ArrivalOptions;
  #isOver = false;
  #hasBegun = false;
  #cancelConfirmation: () => void = () => undefined;
  #introduction: NodeJS.Timeout | undefined;
  #patience: NodeJS.Timeout | undefined;
  /** Something was named. */
  #hasState = false;
  /** What was named is what an Envoy serves with: without listeners, it does not. */
  #isServing = false;

  constructor(options: ArrivalOptions) {
    this.#options = options;
  }

  /** False when it has been decided. */
  get isOpen(): boolean {
    return !this.#isOver;
  }

  /** Takes note of a request, as it came. */
  see(bytes: Buffer): void {
    const { protocol, typeUrl: only } = this.#options;
    const { type, hasState } = stateIn(protocol, bytes);
    this.#hasState ||= hasState;
    this.#isServing ||= hasState && (only !== undefined || type === typeUrl.listener);
    if (!this.#hasBegun) this.#begin();
  }

  /** Forgets it: the client is gone. */
  end(): void {
    this.#isOver = true;
    this.#cancelConfirmation();
    clearTimeout(this.#introduction);
    clearTimeout(this.#patience);
  }

  #begin(): void {
    this.#hasBegun = true;
    const { freshness, admit, sendOn } = this.#options;
    this.#introduction = setTimeout(() => {
      if (!this.#hasState) this.#decide(admit);
    }, introductionMs);
    this.#patience = setTimeout(() => this.#decide(this.#isServing ? sendOn : admit), freshness.holdMs);
    this.#cancelConfirmation = freshness.confirm(() => this.#decide(admit));
  }

  #decide(act: () => void): void {
    if (this.#isOver) return;
    this.end();
    act();
  }
}
