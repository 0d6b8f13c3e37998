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
async function commitInSlices(
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

/**
 * The same until nothing is left to be held.
 *
 * @param judge called after each commit: whether another one is due
 */
export async function commitJudged(
  translation: Translation,
  judge: () => boolean,
  signal: AbortSignal,
): Promise<readonly ResourceChange[] | undefined> {
  let computed = await commitInSlices(translation, signal);
  while (computed !== undefined && judge()) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const more: readonly ResourceChange[] | undefined = await commitInSlices(translation, signal);
    computed = more && latest([...computed, ...more]);
  }
  return computed;
}

/** The last change of each resource. */
function latest(changes: readonly ResourceChange[]): readonly ResourceChange[] {
  return [...new Map(changes.map((change) => [`${change.typeUrl} ${change.name}`, change])).values()];
}
