#!/usr/bin/env node
import { processEnvironment } from './config.ts';
import { run } from './cli/program.ts';
import { createLogger } from './log.ts';

/** The process: parse, run, exit code. */

function die(error: unknown): never {
  createLogger({ level: 'error', format: process.stderr.isTTY ? 'pretty' : 'json' }).error({ err: error }, 'fatal');
  process.exit(1);
}

// What nobody expected leaves an unknown state behind: better a restart than a process that half works.
process.on('uncaughtException', die);
process.on('unhandledRejection', die);

// A reader that has seen enough (`sluice translate | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  die(error);
});

process.exitCode = await run(process.argv.slice(2), processEnvironment());
