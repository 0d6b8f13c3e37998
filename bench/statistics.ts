/** Medians and percentiles of measurements. */

export interface Summary {
  readonly median: number;
  readonly p99: number;
}

/** The nearest ranks, so every figure was really measured. */
export function summarize(values: readonly number[]): Summary {
  return { median: percentile(values, 0.5), p99: percentile(values, 0.99) };
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN;
}
