/** Child processes with an IPC channel: they die with the harness, and what they say can be waited for. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { boundToParent } from '../test/support/process.ts';

export interface Child<In, Out> {
  readonly pid: number;
  tell(message: In): void;
  /** The next message that `pick` makes something of. Throws when it takes longer than `within` ms or the process ends. */
  next<T>(what: string, within: number, pick: (message: Out) => T | undefined): Promise<T>;
  /** Every message, until the returned function is called. */
  listen(take: (message: Out) => void): () => void;
  stop(): Promise<void>;
}

/** Starts Node with the arguments. What it prints goes to `logFile`. */
export async function startChild<In extends object, Out>(
  args: readonly string[],
  logFile: string,
): Promise<Child<In, Out>> {
  const [command = process.execPath, ...rest] = [...boundToParent, process.execPath, ...args];
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  const log = createWriteStream(logFile);
  child.stdout?.pipe(log);
  child.stderr?.pipe(log);
  await new Promise<void>((fulfil, reject) => {
    child.once('spawn', fulfil);
    child.once('error', reject);
  });
  return {
    pid: child.pid ?? 0,
    tell: (message) => {
      child.send(message);
    },
    next: (what, within, pick) => nextMessage(child, `${what} (its log is ${logFile})`, within, pick),
    listen: (take) => {
      child.on('message', take);
      return () => child.off('message', take);
    },
    stop: () => endProcess(child),
  };
}

/** Asks with SIGTERM, and insists after five seconds. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((fulfil) => {
    child.once('exit', () => fulfil());
  });
  child.kill('SIGTERM');
  const insist = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await ended;
  clearTimeout(insist);
}

/* oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- it is what the callback takes */
function nextMessage<Out, T>(
  child: ChildProcess,
  what: string,
  within: number,
  pick: (message: Out) => T | undefined,
): Promise<T> {
  return new Promise((fulfil, reject) => {
    const finish = (act: () => void): void => {
      clearTimeout(alarm);
      child.off('message', take);
      child.off('exit', gone);
      act();
    };
    const take = (message: Out): void => {
      const picked = pick(message);
      if (picked !== undefined) finish(() => fulfil(picked));
    };
    const gone = (): void => finish(() => reject(new Error(`the process ended before it said ${what}`)));
    const alarm = setTimeout(() => finish(() => reject(new Error(`no ${what} within ${within} ms`))), within);
    child.on('message', take);
    child.once('exit', gone);
  });
}
