// Whether the API server is heard from, and proof that it is: what a replica knows may be old as soon as it is not. A watch
// that has nothing to say and a connection that swallows everything look the same, so one has to ask.

import type { ReflectorEvent } from './reflector.ts';
import { type ReflectorTarget, targetKey } from './reflected-resource.ts';
import type { Timing } from './timing.ts';

export interface ContactState {
  /** True when nothing has come from the API server for some seconds, although it was asked. */
  readonly isCutOff: boolean;
  /** For how long, in milliseconds; 0 when it is not. */
  readonly cutOffMs: number;
}

export interface ContactOptions {
  readonly timing: Timing;
  /** Called when it is cut off, and when it no longer is. It must not throw. */
  readonly changed?: (isCutOff: boolean) => void;
}

const tickMs = 1_000;
/** Ticks in a row in which nothing came. They are counted, so that a busy moment of ours is not held against the server. */
const silentTicks = 2;
/** A proof is as good for all who ask for one meanwhile; so often one is looked for at most. */
const proofIntervalMs = 100;
/** And after one could not be had. */
const retryMs = 500;
/** So long after a watch goes on where it broke, what happened meanwhile has come. */
const catchUpMs = 250;
/** A kind that has not been followed for so long, though the server is heard, holds up nobody: what fails is not the way to the server. */
const lostCapMs = 30_000;
/** A watch that breaks sooner has not ended that. */
const stableMs = 2_000;

/** Asks the server for something small, and returns whether it answered. It must not reject. */
export type Probe = (signal: AbortSignal) => Promise<boolean>;

export class Contact {
  readonly #options: ContactOptions;
  readonly #waiting = new Set<() => void>();
  /** Since when a kind has not been followed because nobody answered, or because what it missed has to be listed; the time of a cut does not count. */
  readonly #lost = new Map<string, number>();
  /** When a kind was followed again, and since when it had not been. */
  readonly #resumed = new Map<string, { readonly since: number; readonly at: number }>();
  #probe: Probe | undefined;
  #ending = new AbortController();
  #cancelTick: (() => void) | undefined;
  #isAsking = false;
  #wasHeard = false;
  #silentTicks = 0;
  #cutOffSince: number | undefined;
  #resumedAt = -Infinity;
  #nextProofAt = -Infinity;
  #cancelProof: (() => void) | undefined;

  constructor(options: ContactOptions) {
    this.#options = options;
  }

  get state(): ContactState {
    const since = this.#cutOffSince;
    if (since === undefined) return { isCutOff: false, cutOffMs: 0 };
    return { isCutOff: true, cutOffMs: this.#options.timing.now() - since };
  }

  /** From now on, the server is asked when it is silent. */
  begin(probe: Probe): void {
    this.#probe = probe;
    this.#ending = new AbortController();
    this.#tick();
    this.#planProof();
  }

  end(): void {
    this.#ending.abort();
    this.#cancelTick?.();
    this.#cancelProof?.();
    this.#cancelProof = undefined;
    this.#probe = undefined;
  }

  /** Something came from the server. */
  heard(): void {
    this.#wasHeard = true;
    if (this.#silentTicks === 0) return;
    this.#silentTicks = 0;
    this.#turn(false);
  }

  note(event: ReflectorEvent): void {
    if (event.name !== undefined) return;
    const { now } = this.#options.timing;
    const key = targetKey(event satisfies ReflectorTarget);
    // 410: the watch was taken up, and the server no longer knows what was missed, which is to be listed.
    if (event.kind === 'failed' && (event.failure.status === 0 || event.failure.status === 410)) {
      const resumed = this.#resumed.get(key);
      const isBrokenAgain = resumed !== undefined && now() - resumed.at < stableMs;
      if (!this.#lost.has(key)) this.#lost.set(key, isBrokenAgain ? resumed.since : now());
    } else if (event.kind === 'watching') {
      const since = this.#lost.get(key);
      if (since === undefined) return;
      this.#lost.delete(key);
      this.#resumed.set(key, { since, at: now() });
      this.#resumedAt = now();
    }
  }

  /**
   * Calls back once when the server has answered something that it was asked from now on, and all that it had to say before has been
   * emitted. Never, while it cannot be reached.
   *
   * @returns what takes the wish back.
   */
  prove(proved: () => void): () => void {
    this.#waiting.add(proved);
    this.#planProof();
    return () => this.#waiting.delete(proved);
  }

  #tick(): void {
    this.#cancelTick = this.#options.timing.after(tickMs, () => {
      if (this.#wasHeard) this.#silentTicks = 0;
      else this.#silentTicks += 1;
      this.#wasHeard = false;
      if (this.#silentTicks >= silentTicks) this.#turn(true);
      if (this.#silentTicks > 0) void this.#breakSilence();
      this.#tick();
    });
  }

  /** Where nothing sends PINGs, a server without news is silent. */
  async #breakSilence(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    await this.#ask();
    this.#isAsking = false;
  }

  async #ask(): Promise<boolean> {
    return (await this.#probe?.(this.#ending.signal)) ?? false;
  }

  #turn(isCutOff: boolean): void {
    if (isCutOff === (this.#cutOffSince !== undefined)) return;
    const now = this.#options.timing.now();
    this.#cutOffSince = isCutOff ? now : undefined;
    if (isCutOff) return this.#options.changed?.(isCutOff);
    for (const key of this.#lost.keys()) this.#lost.set(key, now);
    this.#resumed.clear();
    this.#options.changed?.(isCutOff);
  }

  #planProof(): void {
    if (this.#cancelProof !== undefined || this.#probe === undefined || this.#waiting.size === 0) return;
    const { timing } = this.#options;
    const at = Math.max(this.#nextProofAt, this.#resumedAt + catchUpMs, timing.now());
    this.#cancelProof = timing.after(at - timing.now(), () => void this.#findProof());
  }

  async #findProof(): Promise<void> {
    const asking = [...this.#waiting];
    const { timing } = this.#options;
    const startedAt = timing.now();
    const resumedAt = this.#resumedAt;
    const isProof = this.#isFollowed() && (await this.#ask()) && this.#isFollowed() && resumedAt === this.#resumedAt;
    this.#nextProofAt = startedAt + (isProof ? proofIntervalMs : retryMs);
    this.#cancelProof = undefined;
    if (this.#ending.signal.aborted) return;
    if (isProof) for (const proved of asking) if (this.#waiting.delete(proved)) proved();
    this.#planProof();
  }

  #isFollowed(): boolean {
    const now = this.#options.timing.now();
    return [...this.#lost.values()].every((since) => now - since > lostCapMs);
  }
}
