/** Waits for a condition instead of for a time: tests poll what they need, up to a deadline, and say what was missing when it passes. */
import { setTimeout as pause } from 'node:timers/promises';

export interface Patience {
  /** Milliseconds until it is given up; 20,000 when left out. */
  readonly within?: number;
  /** Milliseconds between two attempts; 20 when left out. */
  readonly every?: number;
}

/**
 * Calls `attempt` until it returns without throwing, and answers what it returned. An `expect` inside makes a fine attempt.
 *
 * Throws when the deadline passes, with the message of the last failure; an attempt that hangs is left behind at the deadline too.
 */
export async function eventually<T>(attempt: () => T | Promise<T>, patience: Patience = {}): Promise<T> {
  const { within = 20_000, every = 20 } = patience;
  const abandon = new AbortController();
  const deadline = Date.now() + within;
  const expired = pause(within, undefined, { signal: abandon.signal }).then(
    () => {
      throw new Error('the attempt was still running');
    },
    () => new Promise<never>(() => undefined),
  );
  let failure: unknown = new Error('nothing was attempted');
  try {
    for (;;) {
      try {
        return await Promise.race([Promise.resolve().then(attempt), expired]);
      } catch (error) {
        failure = error;
      }
      if (Date.now() + every >= deadline) break;
      await pause(every);
    }
  } finally {
    abandon.abort();
  }
  const last = failure instanceof Error ? failure.message : String(failure);
  throw new Error(`Not within ${within} ms: ${last}`, { cause: failure });
}

/** Calls `probe` until it answers something other than undefined or false, and answers that. `what` names it in the failure. */
export function eventuallyPresent<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  patience: Patience = {},
): Promise<T> {
  return eventually(async () => {
    const found = await probe();
    if (found === undefined || found === false) throw new Error(`no ${what}`);
    return found;
  }, patience);
}
