/**
 * Connections that end as soon as they have begun, by the address that they come from: each costs the server more than it costs the client, and
 * begins with an allowance of its own. Those of an address that makes many of them are taken in one by one, and no more may wait than come in
 * soon; an Envoy that stays is not concerned.
 */
import type { ServerLimits } from './limits.ts';

interface Account {
  /** Short connections of late. */
  count: number;
  countedAt: number;
  /** When the next connection may be taken in. */
  nextAt: number;
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
    const account = this.#byAddress.get(address) ?? { count: 0, countedAt: now, nextAt: 0 };
    account.count = this.#left(account, now) + 1;
    account.countedAt = now;
    this.#byAddress.set(address, account);
  }

  /** For how many milliseconds a connection from there is to wait; undefined if that would be too long. */
  waitMs(address: string, now: number): number | undefined {
    const account = this.#byAddress.get(address);
    if (account === undefined || this.#left(account, now) <= this.#limits.shortConnections) return 0;
    const waitMs = Math.max(0, account.nextAt - now);
    if (waitMs > this.#limits.shortDelayMs) return undefined;
    account.nextAt = now + waitMs + 1_000 / this.#limits.shortPerSecond;
    return waitMs;
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
