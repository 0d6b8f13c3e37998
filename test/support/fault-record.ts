/** What a test injected and what became of it, for the table of `npm run torture`; without one, nothing is written. */
import { appendFileSync } from 'node:fs';
import { expect } from '@jest/globals';

export interface FaultRecord {
  readonly injected: string;
  readonly expected: string;
  readonly seen: string;
  /** Sent while it lasted. */
  readonly requests?: number;
  /** Of those, how many had no answer, or another than the right one. */
  readonly lost?: number;
  /** Milliseconds from the end of the fault until a new change was served. */
  readonly healMs?: number;
}

/** To be called inside of a test, as often as it injects something. */
export function recordFault(record: FaultRecord): void {
  const { SLUICE_FAULT_RECORDS: file } = process.env;
  if (file === undefined) return;
  appendFileSync(file, `${JSON.stringify({ test: expect.getState().currentTestName, ...record })}\n`);
}
