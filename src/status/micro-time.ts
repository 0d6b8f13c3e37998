// `MicroTime` of `meta/v1`, as Leases and Events have it.

/** RFC 3339 with six digits after the point, from milliseconds since 1970. */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
