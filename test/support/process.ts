/** Real child processes for tests: started, watched through what they print, and ended by the process id that was started. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { eventuallyPresent, type Patience } from './eventually.ts';

export interface ProcessOptions {
  /** Added to the environment of the test. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Written to standard input, which is then closed. */
  readonly stdin?: string;
  /** Leaves standard input open, for `write`. */
  readonly interactive?: boolean;
}

export interface Exit {
  /** The exit code, or undefined when a signal ended the process. */
  readonly code: number | undefined;
  readonly signal: string | undefined;
}

export interface RunningProcess {
  readonly pid: number;
  /** What it has printed so far, standard output and standard error in the order of arrival. */
  readonly output: () => string;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Fulfilled when the process is over and everything it printed has arrived. */
  readonly exited: Promise<Exit>;
  readonly isRunning: () => boolean;
  /** Waits until the output matches; throws with the output when the process ends first or the deadline passes. */
  waitForOutput(pattern: RegExp, patience?: Patience): Promise<RegExpExecArray>;
  /** Writes to the standard input of an interactive process. */
  write(text: string): void;
  signal(signal: NodeJS.Signals): void;
  /** Asks with SIGTERM, insists with SIGKILL after `grace` milliseconds (5,000). Fulfilled at once when it is already over. */
  stop(grace?: number): Promise<Exit>;
}

/** Starts a process that dies with this one. An executable that is missing shows as an early end with code 127. */
export async function startProcess(
  executable: string,
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<RunningProcess> {
  const { interactive = false, stdin } = options;
  const [command, ...rest] = [...boundToParent, executable, ...args];
  const child = spawn(command ?? executable, rest, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: [stdin === undefined && !interactive ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  await new Promise<void>((fulfil, reject) => {
    child.once('spawn', fulfil);
    child.once('error', reject);
  });
  // A process that ends without reading its input closes the pipe; its exit code tells that better than EPIPE would.
  child.stdin?.on('error', () => undefined);
  if (!interactive) child.stdin?.end(stdin);
  else if (stdin !== undefined) child.stdin?.write(stdin);
  return watch(child, executable);
}

export interface Finished extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a process to its end and answers what it printed. Throws, and ends it, when it takes longer than `within` milliseconds. */
export async function runProcess(
  executable: string,
  args: readonly string[],
  options: ProcessOptions & { readonly within?: number } = {},
): Promise<Finished> {
  const { within = 30_000 } = options;
  const child = await startProcess(executable, args, options);
  let late = false;
  const alarm = setTimeout(() => {
    late = true;
    child.signal('SIGKILL');
  }, within);
  const exit = await child.exited;
  clearTimeout(alarm);
  if (late) throw new Error(`${executable} ${args.join(' ')} took longer than ${within} ms:\n${tail(child.output())}`);
  return { ...exit, stdout: child.stdout(), stderr: child.stderr() };
}

/** The end of a long output, for messages. */
export function tail(output: string, lines = 40): string {
  return output.trimEnd().split('\n').slice(-lines).join('\n');
}

function watch(child: ChildProcess, executable: string): RunningProcess {
  const printed: { readonly stream: 'stdout' | 'stderr'; readonly text: string }[] = [];
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (text: string) => printed.push({ stream, text }));
  }
  const text = (stream?: 'stdout' | 'stderr') =>
    printed.map((chunk) => (stream === undefined || chunk.stream === stream ? chunk.text : '')).join('');
  let exit: Exit | undefined;
  const exited = new Promise<Exit>((fulfil) => {
    child.once('close', (code, signal) => {
      exit = { code: code ?? undefined, signal: signal ?? undefined };
      fulfil(exit);
    });
  });
  const isRunning = () => child.exitCode === null && child.signalCode === null;

  return {
    pid: child.pid ?? 0,
    output: () => text(),
    stdout: () => text('stdout'),
    stderr: () => text('stderr'),
    exited,
    isRunning,
    async waitForOutput(pattern, patience) {
      const found = await eventuallyPresent(
        `output of ${executable} that matches ${pattern}`,
        () => pattern.exec(text()) ?? (exit && { exit }),
        patience,
      ).catch((error: unknown) => {
        throw new Error(`${error instanceof Error ? error.message : String(error)}. It printed:\n${tail(text())}`);
      });
      if (!('exit' in found)) return found;
      throw new Error(
        `${executable} ended (${describeExit(found.exit)}) before it printed ${pattern}:\n${tail(text())}`,
      );
    },
    write: (input) => {
      child.stdin?.write(input);
    },
    signal: (signal) => {
      child.kill(signal);
    },
    async stop(grace = 5_000) {
      if (isRunning()) child.kill('SIGTERM');
      const insist = setTimeout(() => child.kill('SIGKILL'), grace);
      const result = await exited;
      clearTimeout(insist);
      return result;
    },
  };
}

export function describeExit(exit: Exit): string {
  return exit.signal === undefined ? `exit code ${exit.code}` : `signal ${exit.signal}`;
}

/**
 * Linux kills the child when its parent dies, so a test run that is killed leaves nothing behind. `setpriv` (of util-linux) asks for
 * that and then becomes the child itself, so the process id stays right. Elsewhere the child starts as it is.
 */
export const boundToParent: readonly string[] = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((directory) => join(directory, 'setpriv'))
  .filter((file) => process.platform === 'linux' && existsSync(file))
  .slice(0, 1)
  .flatMap((setpriv) => [setpriv, '--pdeathsig', 'KILL', '--']);
