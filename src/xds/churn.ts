/**
 * Connections that end as soon as they have begun, by the address that they come from: each costs the server more than it costs the client, and
 * begins with an allowance of its own. Who makes many of them waits before the next is taken in; an Envoy that stays is not concerned.
 */
import type { ServerLimits } from './limits.ts';

interface Account {
  /** Short connections of late. */
  count: number;
  countedAt: number;
}

export class Churn {
  readonly #limits: Pick<ServerLimits, 'shortMs' | 'shortConnections' | 'shortPerSecond' | 'shortDelayMs'>;
  readonly #byAddress = new Map<string, Account>();

  constructor(limits: Pick<ServerLimits, 'shortMs' | 'shortConnections' | 'shortPerSecond' | 'shortDelayMs'>) {
    this.#limits = limits;
  }

  /** A connection has ended. @param now milliseconds on a monotonic clock, here and below */
  ended(address: string, begunAt: number, now: number): void {
    if (now - begunAt >= this.#limits.shortMs) return;
    const account = this.#byAddress.get(address) ?? { count: 0, countedAt: now };
    account.count = this.#left(account, now) + 1;
    account.countedAt = now;
    this.#byAddress.set(address, account);
  }

  /** For how many milliseconds the next connection from there is to wait. */
  waitMs(address: string, now: number): number {
    const account = this.#byAddress.get(address);
    if (account === undefined || this.#left(account, now) <= this.#limits.shortConnections) return 0;
    return this.#limits.shortDelayMs;
  }

  /** To be called now and then: forgets who has made none for long. */
  sweep(now: number): void {
    for (const [address, account] of this.#byAddress)
      if (this.#left(account, now) === 0) this.#byAddress.delete(address);
  }

  #left({ count, countedAt }: Account, now: number): number {
    return Math.max(0, count - ((now - countedAt) / 1_000) * this.#limits.shortPerSecond);
  }
}
