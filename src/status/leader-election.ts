// Decides which replica writes, by a Lease that one of them holds and renews. The rules are those of client-go: a Lease
// that has not changed for its duration, on the watcher's own clock, is free. So no two clocks are ever compared.

import { ApiFailure } from '../source/api-client.ts';
import { pause, type Timing } from '../source/timing.ts';
import { type ApiCaller, jsonBody } from './api-caller.ts';
import { heldLease, type Lease, newLease, readLease, releasedLease } from './lease.ts';

/** All times in milliseconds. */
export interface ElectionLimits {
  /** So long after the last renewal they saw, others leave the Lease alone. */
  readonly leaseMs: number;
  /** So long after it began its last successful renewal, a leader leads. Shorter than the Lease, so that two never lead. */
  readonly renewMs: number;
  /** Between two attempts to take or renew it. */
  readonly retryMs: number;
}

export type ElectionEvent =
  | { readonly kind: 'leading' }
  | { readonly kind: 'following' }
  /** Somebody else holds it now; empty when nobody does. */
  | { readonly kind: 'holder'; readonly holder: string }
  | { readonly kind: 'failed'; readonly failure: ApiFailure };

export interface ElectionOptions {
  readonly api: ApiCaller;
  readonly namespace: string;
  readonly name: string;
  /** Differs between replicas. */
  readonly identity: string;
  readonly limits: ElectionLimits;
  readonly timing: Timing;
  /** Milliseconds since 1970; only written down, never reckoned with. */
  readonly wallClock: () => number;
  /** It must not throw. */
  readonly observe: (event: ElectionEvent) => void;
}

/** Rights are granted by people: there is no hurry, in milliseconds. */
const deniedRetryMs = 60_000;

/** The ratios of client-go's defaults of 15, 10 and 2 seconds. */
export function electionLimits(leaseMs: number): ElectionLimits {
  return { leaseMs, renewMs: (leaseMs * 2) / 3, retryMs: (leaseMs * 2) / 15 };
}

export class LeaderElection {
  readonly #options: ElectionOptions;
  readonly #path: string;
  #seen: Lease | undefined;
  #seenAt = 0;
  /** On the clock of `timing`. */
  #leadsUntil = Number.NEGATIVE_INFINITY;
  #isLeading = false;
  #failures = 0;
  #isDenied = false;
  #cancelExpiry: () => void = () => undefined;

  constructor(options: ElectionOptions) {
    const { namespace, name } = options;
    this.#options = options;
    this.#path = `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/leases/${encodeURIComponent(name)}`;
  }

  /** Looks at the clock, so that it is right even after the process was stopped for a while. */
  isLeading(): boolean {
    return this.#options.timing.now() < this.#leadsUntil;
  }

  /** Who holds the Lease as far as is known; empty when nobody does. */
  get holder(): string {
    return this.#seen?.holder ?? '';
  }

  /** Runs until the signal is aborted, then lets go of the Lease. Rejects only for a mistake in this program. */
  async run(signal: AbortSignal): Promise<void> {
    const { timing } = this.#options;
    while (!signal.aborted) {
      // oxlint-disable-next-line no-await-in-loop -- one attempt follows another
      await this.#attempt(signal);
      // oxlint-disable-next-line no-await-in-loop -- as above
      await pause(this.#waitMs(), signal, timing);
    }
    await this.#release();
  }

  /** Followers spread out. After failures they ask less often, and least often those whom the server does not allow to. */
  #waitMs(): number {
    const { limits, timing } = this.#options;
    if (this.isLeading()) return limits.retryMs;
    const cap = this.#isDenied ? deniedRetryMs : limits.renewMs;
    const ms = Math.min(limits.retryMs * 2 ** Math.max(0, this.#failures - 3), Math.max(limits.retryMs, cap));
    return ms * (1 + 0.2 * timing.random());
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    const beganAt = this.#options.timing.now();
    try {
      const known = this.#isLeading ? this.#seen : undefined;
      const lease = known !== undefined && (await this.#take(known, signal)) ? known : await this.#read(signal);
      if (lease !== known || lease === undefined) {
        if (lease !== undefined && !this.#isFree(lease)) return this.#follow();
        if (!(await this.#take(lease, signal))) return;
      }
      this.#failures = 0;
      this.#lead(beganAt);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiFailure)) throw error;
      this.#fail(error);
    }
  }

  #fail(failure: ApiFailure): void {
    this.#failures += 1;
    this.#isDenied = failure.status === 401 || failure.status === 403;
    this.#options.observe({ kind: 'failed', failure });
  }

  /** False when somebody else wrote first: what was known of the Lease is old, and only a reading tells who holds it. */
  async #take(lease: Lease | undefined, signal: AbortSignal): Promise<boolean> {
    try {
      const written = readLease(await this.#write(lease, signal));
      if (written !== undefined) this.#see(written);
      return true;
    } catch (error) {
      if (error instanceof ApiFailure && (error.status === 409 || error.status === 404)) return false;
      throw error;
    }
  }

  #isFree(lease: Lease): boolean {
    const { identity, limits, timing } = this.#options;
    if (lease.holder === '' || lease.holder === identity) return true;
    return timing.now() - this.#seenAt >= (lease.durationMs || limits.leaseMs);
  }

  /** Undefined when there is none yet. */
  async #read(signal: AbortSignal): Promise<Lease | undefined> {
    try {
      const lease = readLease(await this.#call({ path: this.#path }, signal));
      if (lease === undefined) throw new ApiFailure('the answer is not a Lease');
      this.#see(lease);
      return lease;
    } catch (error) {
      if (error instanceof ApiFailure && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Succeeds only if the Lease is still the one that was read: its version is part of it. */
  #write(lease: Lease | undefined, signal: AbortSignal): Promise<unknown> {
    const { namespace, name, identity, limits, wallClock } = this.#options;
    if (lease === undefined) {
      const body = jsonBody(newLease(namespace, name, identity, limits.leaseMs, wallClock()));
      return this.#call({ method: 'POST', path: this.#path.slice(0, this.#path.lastIndexOf('/')), body }, signal);
    }
    const body = jsonBody(heldLease(lease, identity, limits.leaseMs, wallClock()));
    return this.#call({ method: 'PUT', path: this.#path, body }, signal);
  }

  #call(request: Omit<Parameters<ApiCaller['call']>[0], 'silenceMs'>, signal: AbortSignal): Promise<unknown> {
    // A request that hangs must leave time for another before the leader has to stop.
    return this.#options.api.call({ ...request, silenceMs: this.#options.limits.renewMs / 2 }, signal);
  }

  #see(lease: Lease): void {
    const before = this.#seen;
    this.#seen = lease;
    if (before?.version === lease.version) return;
    this.#seenAt = this.#options.timing.now();
    if (before?.holder !== lease.holder) this.#options.observe({ kind: 'holder', holder: lease.holder });
  }

  /** @param beganAt when the renewal began: it may have taken effect at once, and others count from there */
  #lead(beganAt: number): void {
    const { limits, timing, observe } = this.#options;
    this.#leadsUntil = beganAt + limits.renewMs;
    this.#cancelExpiry();
    this.#cancelExpiry = timing.after(this.#leadsUntil - timing.now(), () => this.#expire());
    if (this.#isLeading || !this.isLeading()) return;
    this.#isLeading = true;
    observe({ kind: 'leading' });
  }

  /** Somebody else holds it. */
  #follow(): void {
    this.#failures = 0;
    this.#expire();
  }

  #expire(): void {
    this.#cancelExpiry();
    this.#leadsUntil = Number.NEGATIVE_INFINITY;
    if (!this.#isLeading) return;
    this.#isLeading = false;
    this.#options.observe({ kind: 'following' });
  }

  /** So that another can lead at once. If it cannot be told, they have to wait until the Lease is old. */
  async #release(): Promise<void> {
    const { identity, wallClock } = this.#options;
    const lease = this.#seen;
    this.#expire();
    if (lease === undefined || lease.holder !== identity) return;
    const body = jsonBody(releasedLease(lease, wallClock()));
    const request = { method: 'PUT', path: this.#path, body, silenceMs: 2_000 } as const;
    await this.#options.api.call(request, AbortSignal.timeout(3_000)).catch(() => undefined);
  }
}
