/** One clock for all processes of a measurement. */

/** Milliseconds on the system's monotonic clock, which is the same in every process. */
export function now(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}
