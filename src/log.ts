import { pino, type Logger } from 'pino';
import { PinoPretty } from 'pino-pretty';
import type { LogConfig } from './config.ts';

/** The process's log. It goes to stderr, because stdout belongs to what a command prints. */

export type { Logger } from 'pino';

const stderr = 2;

export function createLogger({ level, format }: LogConfig): Logger {
  const options = {
    level,
    // Neither process id nor host name: a container's log collector knows both.
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  // Both write synchronously, so that the last line before an exit is not lost.
  if (format === 'json') return pino(options, pino.destination({ dest: stderr, sync: true }));
  return pino(options, PinoPretty({ destination: stderr, sync: true, translateTime: 'SYS:HH:MM:ss.l' }));
}
