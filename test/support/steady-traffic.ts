/** Requests one after the other while a test changes something underneath: what users would notice of it, in numbers. */
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from './eventually.ts';
import { type HttpRequest, httpRequest } from './http-request.ts';

export interface SteadyTraffic {
  /** Waits until so many more have been answered, however they ended. */
  more(count: number): Promise<void>;
}

export interface TrafficReport {
  readonly sent: number;
  /** What went wrong, one line for each request without a 200. */
  readonly failures: readonly string[];
}

/**
 * Sends requests as long as `meanwhile` goes on: one lane for each of them, which is sent again 5 ms after its answer, over
 * a connection of its own.
 */
export async function underTraffic(
  requests: readonly HttpRequest[],
  meanwhile: (traffic: SteadyTraffic) => Promise<void>,
): Promise<TrafficReport> {
  const failures: string[] = [];
  let sent = 0;
  const over = new AbortController();
  const lane = async (request: HttpRequest): Promise<void> => {
    while (!over.signal.aborted) {
      const status = await httpRequest(request).then((answer) => answer.status, String);
      sent += 1;
      if (status !== 200) failures.push(`${request.host}${request.path ?? '/'}: ${status}`);
      await pause(5);
    }
  };
  const lanes = requests.map(lane);
  const more = async (count: number): Promise<void> => {
    const until = sent + count;
    await eventually(() => {
      if (sent < until) throw new Error(`${until - sent} more requests to be answered`);
    });
  };
  try {
    await meanwhile({ more });
  } finally {
    over.abort();
    await Promise.all(lanes);
  }
  return { sent, failures };
}
