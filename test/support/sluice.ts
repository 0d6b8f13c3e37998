/** The `sluice` command as a real process, from the sources as they stand. */
import { join, resolve } from 'node:path';
import { type Finished, type ProcessOptions, runProcess, type RunningProcess, startProcess } from './process.ts';

const checkout = resolve(import.meta.dirname, '..', '..');
const node = ['--import', join(checkout, 'test', 'support', 'typescript-loader.js'), join(checkout, 'src', 'main.ts')];

/** Runs a command to its end, such as `['translate', '--dir', folder]`. */
export function runSluice(args: readonly string[], options?: ProcessOptions): Promise<Finished> {
  return runProcess(process.execPath, [...node, ...args], options);
}

/** Starts a command that goes on, such as `['serve', '--dir', folder]`. The caller stops it. */
export function startSluice(args: readonly string[], options?: ProcessOptions): Promise<RunningProcess> {
  return startProcess(process.execPath, [...node, ...args], options);
}
