/** What a run has measured so far, in a file that is written after every measurement, and can be gone on with. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Measurement } from './measurement.ts';
import { describeMachine, type Machine, markdownReport } from './report.ts';

export interface Results {
  readonly measurements: readonly Measurement[];
  add(measurement: Measurement): Promise<void>;
  /** Path of the JSON and of the Markdown, less their ends. */
  readonly file: string;
  markdown(): string;
}

interface Content {
  readonly machine: Machine;
  readonly command: string;
  readonly measurements: readonly Measurement[];
}

/** `earlier` is the JSON of a run that is gone on with; its measurements are kept. Throws when it cannot be read. */
export async function openResults(directory: string, command: string, earlier?: string): Promise<Results> {
  await mkdir(directory, { recursive: true });
  const machine = await describeMachine();
  // The harness wrote it, as what is described here.
  const before: Content | undefined = earlier === undefined ? undefined : JSON.parse(await readFile(earlier, 'utf8'));
  const measurements = [...(before?.measurements ?? [])];
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-');
  const file = earlier?.replace(/\.json$/, '') ?? join(directory, `bench-${stamp}`);
  const markdown = (): string => {
    const { processor, cores, memoryGb, versions } = machine;
    const software = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
    return `\`${command}\` on ${cores} x ${processor}, ${memoryGb} GB, ${software.join(', ')}\n\n${markdownReport(measurements)}\n`;
  };
  return {
    measurements,
    file,
    markdown,
    add: async (measurement) => {
      measurements.push(measurement);
      const content: Content = { machine, command, measurements };
      await writeFile(`${file}.json`, JSON.stringify(content, null, 2));
      await writeFile(`${file}.md`, markdown());
    },
  };
}
