/** Keeps private keys out of what people look at, copy and paste. */

const secretFields: ReadonlySet<string> = new Set([
  'private_key',
  'privateKey',
  'session_ticket_keys',
  'sessionTicketKeys',
  'generic_secret',
  'genericSecret',
  'password',
  // Hashes of passwords, in what the verifier is told (src/features/access.ts).
  'users',
]);

/** A copy of a JSON value in which the fields of Envoy's Secret that must not be seen are replaced, as Envoy's own config dump does. */
export function redact(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redact);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, secretFields.has(name) ? '[redacted]' : redact(inner)]),
  );
}
