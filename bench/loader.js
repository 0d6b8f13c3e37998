/**
 * Lets Node run the TypeScript of this folder, and what it takes from test/support, outside of jest: `node --import ./bench/loader.js
 * bench/run.ts`. test/support asks jest for `describe` when it is loaded; nothing here calls it, so an empty one will do.
 */
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';
// oxlint-disable-next-line import/no-unassigned-import -- it registers itself
import '../test/support/typescript-loader.js';

// Node loads this file a second time, in the thread where the hooks run.
if (isMainThread) register(import.meta.url);

/** @type {import('node:module').ResolveHook} */
export async function resolve(specifier, context, nextResolve) {
  if (specifier !== '@jest/globals') return nextResolve(specifier, context);
  return { url: 'data:text/javascript,export const describe = undefined;', shortCircuit: true };
}
