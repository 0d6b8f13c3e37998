/**
 * Prints the functions in which a profile of `--profile` spent most time, or those of `--heap` that allocated most:
 * `node --import ./bench/loader.js bench/profile.ts FILE`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { HeapProfiler, Profiler, Runtime } from 'node:inspector';
import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';

const shown = 30;

/** The second is the inspector, which answers the probe. */
const ignored: ReadonlySet<string> = new Set(['(idle)', 'dispatch']);

const maps = new Map<string, SourceMap>();
const file = process.argv[2] ?? '';
const content: Profiler.Profile | HeapProfiler.SamplingHeapProfile = JSON.parse(await readFile(file, 'utf8'));
process.stdout.write('nodes' in content ? summarizeTime(content) : summarizeHeap(content));

/** By function itself. */
function summarizeTime(profile: Profiler.Profile): string {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const spent = new Map<string, number>();
  for (const [i, id] of (profile.samples ?? []).entries()) {
    const frame = nodes.get(id)?.callFrame;
    if (frame !== undefined && !ignored.has(frame.functionName)) add(spent, frame, profile.timeDeltas?.[i] ?? 0);
  }
  return summarize(spent, 1_000, 'ms', 'busy');
}

/** By the function that allocated. Buffers' contents are outside of the heap and not in it. */
function summarizeHeap(profile: HeapProfiler.SamplingHeapProfile): string {
  const allocated = new Map<string, number>();
  const visit = (node: HeapProfiler.SamplingHeapProfileNode): void => {
    if (node.selfSize > 0) add(allocated, node.callFrame, node.selfSize);
    for (const child of node.children) visit(child);
  };
  visit(profile.head);
  return summarize(allocated, 1_024, 'kB', 'of the heap');
}

function add(sums: Map<string, number>, frame: Runtime.CallFrame, amount: number): void {
  const name = `${frame.functionName || '(anonymous)'} ${place(frame)}`;
  sums.set(name, (sums.get(name) ?? 0) + amount);
}

function summarize(sums: ReadonlyMap<string, number>, perUnit: number, unit: string, what: string): string {
  const total = [...sums.values()].reduce((sum, each) => sum + each, 0);
  const lines = [...sums]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, shown)
    .map(([name, amount]) => {
      const share = ((100 * amount) / total).toFixed(1).padStart(5);
      return `${share} %  ${(amount / perUnit).toFixed(0).padStart(7)} ${unit}  ${name}`;
    });
  return `${(total / perUnit).toFixed(0)} ${unit} ${what}\n${lines.join('\n')}\n`;
}

/** Where a function is in src, as far as the build's source maps tell. */
function place({ url, lineNumber, columnNumber }: Runtime.CallFrame): string {
  const entry = mapOf(url)?.findEntry(lineNumber, columnNumber);
  const [source, line] =
    entry !== undefined && 'originalSource' in entry ? [entry.originalSource, entry.originalLine] : [url, lineNumber];
  return url === '' ? '' : `${source.split('/').slice(-2).join('/')}:${line + 1}`;
}

function mapOf(url: string): SourceMap | undefined {
  const known = maps.get(url);
  if (known !== undefined || !url.startsWith('file:')) return known;
  const mapFile = `${fileURLToPath(url)}.map`;
  if (!existsSync(mapFile)) return undefined;
  const map = new SourceMap(JSON.parse(readFileSync(mapFile, 'utf8')));
  maps.set(url, map);
  return map;
}
