/** Logs for tests: one that drops everything, one that keeps it. */
import type { SourceLog } from '../../src/source/failure-log.ts';

export const silentLog: SourceLog = { debug: () => undefined, info: () => undefined, warn: () => undefined };

/** `warn: message`, in order; debug messages are left out. */
export function keepingLog(): { readonly log: SourceLog; readonly lines: readonly string[] } {
  const lines: string[] = [];
  const keep = (level: string) => (message: string) => {
    lines.push(`${level}: ${message}`);
  };
  return { log: { debug: () => undefined, info: keep('info'), warn: keep('warn') }, lines };
}
