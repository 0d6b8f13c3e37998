/**
 * Loaded into the Sluice that is measured, before its own code: over IPC it answers with the longest stall of the event loop and with
 * what memory is held, and writes profiles, so that src needs nothing for it.
 */
import { writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const resolutionMs = 5;
const delay = monitorEventLoopDelay({ resolution: resolutionMs });
delay.enable();
const session = new Session();

/** What ends the profile that is under way. */
let finish = () => Promise.resolve({});

const asked = new URL(import.meta.url).search.slice(1);
if (asked === 'cpu' || asked === 'heap') await startProfile(asked, 'held');

process.on('message', (/** @type {import('./control-plane.ts').ToProbe} */ message) => {
  void answer(message);
});
process.channel?.unref();

/** @param {import('./control-plane.ts').ToProbe} message */
async function answer(message) {
  switch (message.kind) {
    case 'stall':
      // The timer's own interval is part of what it measures.
      process.send?.({ kind: 'stall', longestMs: Math.max(0, delay.max / 1e6 - resolutionMs) });
      delay.reset();
      return;
    case 'memory':
      process.send?.({ kind: 'memory', heldMb: await heldMb() });
      return;
    case 'start-profile':
      await startProfile(message.of, message.scope);
      break;
    case 'stop-profile':
      await writeFile(message.file, JSON.stringify(await finish()));
      session.disconnect();
  }
  process.send?.({ kind: 'profile' });
}

async function heldMb() {
  session.connect();
  await session.post('HeapProfiler.collectGarbage');
  session.disconnect();
  const { heapUsed, external, rss } = process.memoryUsage();
  const [heap, outside, resident] = [heapUsed, external, rss].map((bytes) => Math.round(bytes / 2 ** 20));
  return { heap, external: outside, resident };
}

/**
 * @param {import('./control-plane.ts').ProfileKind} kind
 * @param {import('./control-plane.ts').ProfileScope} scope
 */
async function startProfile(kind, scope) {
  session.connect();
  if (kind === 'cpu') {
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: 200 });
    await session.post('Profiler.start');
    finish = async () => (await session.post('Profiler.stop')).profile;
    return;
  }
  const includesCollected = scope === 'allocated';
  await session.post('HeapProfiler.enable');
  await session.post('HeapProfiler.startSampling', {
    samplingInterval: 16_384,
    includeObjectsCollectedByMajorGC: includesCollected,
    includeObjectsCollectedByMinorGC: includesCollected,
  });
  finish = async () => {
    if (!includesCollected) await session.post('HeapProfiler.collectGarbage');
    return (await session.post('HeapProfiler.stopSampling')).profile;
  };
}
