// Reads what Node throws when the world is not as expected. It looks at the shape and not at the class, because an error
// may come from another realm (a test runner's sandbox) or not be an Error at all.

/** What the error says; its code when it says nothing, as when all addresses of a name refuse a connection. */
export function messageOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  if ('message' in error && typeof error.message === 'string' && error.message !== '') return error.message;
  return codeOf(error) ?? 'an unknown error';
}

/** True when a file is not there. */
export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

/** `ECONNREFUSED` and the like; when all addresses of a name fail, they fail with the code of one. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
