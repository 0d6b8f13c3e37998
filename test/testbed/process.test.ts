/** What every other test relies on: processes are watched, ended, and never outlive the tests; a wait says what it waited for. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { eventually, eventuallyPresent } from '../support/eventually.ts';
import { boundToParent, runProcess, startProcess } from '../support/process.ts';

describe('startProcess', () => {
  it('waits for a line of output and ends the process it started', async () => {
    const child = await startProcess('sh', ['-c', 'echo listening on 8080; exec sleep 60']);
    const [, port] = await child.waitForOutput(/listening on (\d+)/);

    expect(port).toBe('8080');
    expect(await child.stop()).toEqual({ code: undefined, signal: 'SIGTERM' });
    expect(isAlive(child.pid)).toBe(false);
  });

  it('kills a process that does not listen to SIGTERM', async () => {
    const child = await startProcess('sh', ['-c', 'trap "" TERM; echo deaf; while :; do sleep 0.05; done']);
    await child.waitForOutput(/deaf/);

    expect(await child.stop(100)).toEqual({ code: undefined, signal: 'SIGKILL' });
  });

  it('tells what a process printed when it ends before the line came', async () => {
    const child = await startProcess('sh', ['-c', 'echo no such flag >&2; exit 3']);

    await expect(child.waitForOutput(/listening/)).rejects.toThrow(/exit code 3.*no such flag/s);
  });

  it('ends at once and says so when there is no such executable', async () => {
    const child = await startProcess('/no/such/program', []);

    await expect(child.waitForOutput(/listening/)).rejects.toThrow(/exit code 127.*no\/such\/program/s);
  });

  it('leaves no process behind when the one that started it is killed', async () => {
    const parent = await startProcess('sh', [
      '-c',
      '"$@" & echo "pid $!"; wait',
      'sh',
      ...boundToParent,
      'sleep',
      '60',
    ]);
    const [, pid] = await parent.waitForOutput(/pid (\d+)/);
    expect(isAlive(Number(pid))).toBe(true);

    parent.signal('SIGKILL');

    await eventually(() => expect(isAlive(Number(pid))).toBe(false));
  });
});

describe('runProcess', () => {
  it('passes standard input and tells both outputs and the code', async () => {
    const finished = await runProcess('sh', ['-c', 'cat; echo oops >&2; exit 4'], { stdin: 'hello' });

    expect(finished).toEqual({ stdout: 'hello', stderr: 'oops\n', code: 4, signal: undefined });
  });

  it('ends a process that takes too long', async () => {
    await expect(runProcess('sleep', ['60'], { within: 50 })).rejects.toThrow('sleep 60 took longer than 50 ms');
  });
});

describe('eventually', () => {
  it('answers what the first attempt without a failure answers', async () => {
    let attempts = 0;
    const attempt = () => {
      attempts += 1;
      if (attempts < 3) throw new Error('too early');
      return attempts;
    };

    expect(await eventually(attempt, { every: 1 })).toBe(3);
  });

  it('tells the last failure when the deadline passes, even if an attempt hangs', async () => {
    await expect(eventuallyPresent('listener', () => undefined, { within: 50 })).rejects.toThrow(
      'Not within 50 ms: no listener',
    );
    await expect(eventually(hangs, { within: 50 })).rejects.toThrow('Not within 50 ms: the attempt was still running');
  });
});

function hangs(): Promise<void> {
  return new Promise(() => undefined);
}

/** A process that is over but was not yet asked for by its parent (state Z) counts as gone. */
function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
