/** The build step: what it does with additions that fit and refuses those that do not, and that it leaves finished work alone. */
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { runProcess } from '../support/process.ts';

const script = new URL('../../proto/build.js', import.meta.url).pathname;
/** The roots name messages of ours, so every build needs our own additions beside the test's. */
const own = new URL('../../proto/additions/', import.meta.url).pathname;

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-proto-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function build(additions: string): Promise<{ readonly code: number | undefined; readonly stderr: string }> {
  return runProcess(process.execPath, [script, '--additions', additions, '--out', join(folder, 'out')]);
}

/** A folder with one additions file for the package of envoy.config.route.v3. */
async function additionsWith(content: string): Promise<string> {
  const additions = join(folder, 'additions');
  const file = join(additions, 'envoy/config/route/v3/more.proto');
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `syntax = "proto3";\npackage envoy.config.route.v3;\n${content}`);
  return additions;
}

describe('an addition is refused', () => {
  it.each([
    [
      'when its name is taken',
      'message Route { string name = 900; }',
      'Route.name: a field of this name exists already',
    ],
    ['when its number is taken', 'message Route { string other = 1; }', 'Route.other: number 1 is taken by match'],
    ['when its number is reserved', 'message Route { string other = 6; }', 'Route.other: number 6 is reserved'],
    [
      'when it declares an enum that exists',
      'enum Route { A = 0; }',
      'Route exists already; only messages can be extended',
    ],
  ])('%s', async (_title, content, reason) => {
    const { code, stderr } = await build(await additionsWith(content));
    expect(stderr).toContain(`envoy/config/route/v3/more.proto: envoy.config.route.v3.${reason}`);
    expect(code).toBe(1);
  });
});

it('a root that nobody declares stops the build by name', async () => {
  const { code, stderr } = await build(await additionsWith('message Route { string other = 900; }'));
  expect(stderr).toMatch(/proto\/roots.json: neither upstream nor proto\/additions declares \S+/);
  expect(code).toBe(1);
});

it('a second build with the same inputs writes nothing', async () => {
  expect(await build(own)).toMatchObject({ code: 0, stderr: '' });
  const file = join(folder, 'out/bundle.json');
  const before = await stat(file);
  expect(await build(own)).toMatchObject({ code: 0, stderr: '' });
  expect((await stat(file)).mtimeMs).toBe(before.mtimeMs);
});

it('a build says the same twice', async () => {
  await build(own);
  const files = ['bundle.json', 'descriptors.binpb', 'messages.ts'].map((name) => join(folder, 'out', name));
  const read = () => Promise.all(files.map((file) => readFile(file)));
  const first = await read();
  await rm(join(folder, 'out'), { recursive: true });
  await build(own);
  expect(await read()).toEqual(first);
});
