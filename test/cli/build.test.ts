/** The bundle of `npm run build`: the same program as the sources, wherever the bundler has put what. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { runProcess } from '../support/process.ts';
import { runSluice } from '../support/sluice.ts';

const checkout = resolve(import.meta.dirname, '..', '..');

describe('the bundle', () => {
  let folder = '';
  let main = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-build-'));
    const dist = join(folder, 'dist');
    main = join(dist, 'main.js');
    for (const part of ['package.json', 'envoy'])
      await cp(join(checkout, part), join(folder, part), { recursive: true });
    for (const script of [
      ['scripts/build.js', '--out', dist],
      ['proto/build.js', '--copy-to', dist],
    ]) {
      const { code, stderr } = await runProcess(process.execPath, script, { cwd: checkout });
      if (code !== 0) throw new Error(stderr);
    }
  }, 30_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each([
    [['--version']],
    [['translate', '--dir', join(checkout, 'manifests', 'quickstart')]],
    [['bootstrap', '--xds-address', '127.0.0.1:18000', '--node-id', 'a']],
    [
      [
        'serve',
        '--kubeconfig',
        join(checkout, 'package.json'),
        '--xds-address',
        '127.0.0.1:0',
        '--admin-address',
        '127.0.0.1:0',
      ],
    ],
    [['serve', '--no-such-flag']],
  ])('does what the sources do on %j', async (args) => {
    const fromBundle = await runProcess(process.execPath, [main, ...args], { cwd: folder });
    expect(fromBundle).toEqual(await runSluice(args));
  });

  it('carries the licences of the packages in it', async () => {
    const licenses = await readFile(join(folder, 'dist', 'licenses.txt'), 'utf8');
    expect(licenses).toMatch(/^@grpc\/grpc-js \d+\.\d+\.\d+ \(Apache-2\.0\)$/m);
  });
});
