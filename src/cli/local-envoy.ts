import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** One Envoy process on this machine that lives no longer than we do. */

export interface LocalEnvoy {
  /** Fulfilled when the process is over, with what ended it. */
  readonly exited: Promise<string>;
  /** Asks first and insists after a while. */
  readonly stop: () => Promise<void>;
}

const graceMs = 5000;

/** About extensions that Sluice uses, all of which its tests show at work: nothing that the user has chosen or could change. */
const ofUs = /work-in-progress/;

/** Rejects when the executable cannot be started. Envoy's warnings go to our stderr. */
export async function startLocalEnvoy(executable: string, bootstrap: string): Promise<LocalEnvoy> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-'));
  const file = join(folder, 'bootstrap.yaml');
  writeFileSync(file, bootstrap);
  const args = ['--config-path', file, '--log-level', 'warning', '--disable-hot-restart', '--concurrency', '2'];
  // In a process group of its own: a Ctrl-C in the terminal is for us, and we end Envoy in our own order.
  const child = spawn(executable, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  const lines = createInterface({ input: child.stderr });
  lines.on('line', (line) => {
    if (!ofUs.test(line)) process.stderr.write(`${line}\n`);
  });
  const cleanUp = () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.on('exit', cleanUp);
  const exited = new Promise<string>((fulfil) => {
    child.once('exit', (code, signal) => {
      process.off('exit', cleanUp);
      cleanUp();
      fulfil(code === null ? `signal ${signal}` : `exit code ${code}`);
    });
  });
  await spawned(child).catch((error: unknown) => {
    process.off('exit', cleanUp);
    cleanUp();
    throw error;
  });
  return {
    exited,
    stop: async () => {
      // What it says about being ended would only alarm.
      lines.removeAllListeners('line').resume();
      child.kill('SIGTERM');
      const insist = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await exited;
      clearTimeout(insist);
    },
  };
}

function spawned(child: ChildProcess): Promise<void> {
  return new Promise((fulfil, reject) => {
    child.once('spawn', fulfil);
    child.once('error', reject);
  });
}
