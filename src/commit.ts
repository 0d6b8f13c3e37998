/**
 * Computes what changes have led to, a slice at a time: ten thousand Ingresses at start must not keep streams, health
 * checks and watches waiting.
 */
import { setImmediate } from 'node:timers/promises';
import type { Translation } from './translation/translation.ts';
import type { ResourceChange } from './xds/view.ts';

/** How long others wait at the most, in milliseconds. */
const sliceMs = 10;

/** The resources that are other now, or undefined when the signal was aborted before all was computed. */
export async function commitInSlices(
  translation: Translation,
  signal: AbortSignal,
): Promise<readonly ResourceChange[] | undefined> {
  const steps = translation.commitInSteps();
  let sliceStart = performance.now();
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done === true) return step.value;
    if (performance.now() - sliceStart < sliceMs) continue;
    // oxlint-disable-next-line no-await-in-loop -- this is where the others work
    await setImmediate();
    if (signal.aborted) return undefined;
    sliceStart = performance.now();
  }
}
