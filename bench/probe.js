/**
 * Loaded into the Sluice that is measured, before its own code: over IPC it answers with the longest stall of the event loop and writes
 * CPU profiles, so that src needs nothing for it.
 */
import { writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const resolutionMs = 5;
const delay = monitorEventLoopDelay({ resolution: resolutionMs });
delay.enable();
const session = new Session();

if (import.meta.url.endsWith('?profile')) await startProfile();

process.on('message', (/** @type {import('./control-plane.ts').ToProbe} */ message) => {
  void answer(message);
});
process.channel?.unref();

/** @param {import('./control-plane.ts').ToProbe} message */
async function answer(message) {
  if (message.kind === 'stall') {
    // The timer's own interval is part of what it measures.
    process.send?.({ kind: 'stall', longestMs: Math.max(0, delay.max / 1e6 - resolutionMs) });
    delay.reset();
    return;
  }
  if (message.kind === 'start-profile') await startProfile();
  else {
    const { profile } = await session.post('Profiler.stop');
    session.disconnect();
    await writeFile(message.file, JSON.stringify(profile));
  }
  process.send?.({ kind: 'profile' });
}

async function startProfile() {
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 200 });
  await session.post('Profiler.start');
}
