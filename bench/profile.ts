/** Prints the functions in which a CPU profile of `--profile` spent most: `node --import ./bench/loader.js bench/profile.ts FILE`. */
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Profiler } from 'node:inspector';
import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';

const shown = 30;

/** The second is the inspector, which answers the probe. */
const ignored: ReadonlySet<string> = new Set(['(idle)', 'dispatch']);

const profile: Profiler.Profile = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8'));
const maps = new Map<string, SourceMap>();
const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
const selfTime = new Map<string, number>();
let total = 0;
for (const [i, id] of (profile.samples ?? []).entries()) {
  const frame = nodes.get(id)?.callFrame;
  const spent = profile.timeDeltas?.[i] ?? 0;
  if (frame === undefined || ignored.has(frame.functionName)) continue;
  const name = `${frame.functionName || '(anonymous)'} ${place(frame)}`;
  selfTime.set(name, (selfTime.get(name) ?? 0) + spent);
  total += spent;
}
const lines = [...selfTime]
  .toSorted(([, a], [, b]) => b - a)
  .slice(0, shown)
  .map(
    ([name, spent]) =>
      `${((100 * spent) / total).toFixed(1).padStart(5)} %  ${(spent / 1_000).toFixed(0).padStart(6)} ms  ${name}`,
  );
process.stdout.write(`${(total / 1_000).toFixed(0)} ms busy\n${lines.join('\n')}\n`);

/** Where a function is in src, as far as the build's source maps tell. */
function place({ url, lineNumber, columnNumber }: Profiler.Profile['nodes'][number]['callFrame']): string {
  const entry = mapOf(url)?.findEntry(lineNumber, columnNumber);
  const [file, line] =
    entry !== undefined && 'originalSource' in entry ? [entry.originalSource, entry.originalLine] : [url, lineNumber];
  return url === '' ? '' : `${file.split('/').slice(-2).join('/')}:${line + 1}`;
}

function mapOf(url: string): SourceMap | undefined {
  const known = maps.get(url);
  if (known !== undefined || !url.startsWith('file:')) return known;
  const file = `${fileURLToPath(url)}.map`;
  if (!existsSync(file)) return undefined;
  const map = new SourceMap(JSON.parse(readFileSync(file, 'utf8')));
  maps.set(url, map);
  return map;
}
