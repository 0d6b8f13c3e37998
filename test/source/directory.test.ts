import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { directorySource } from '../../src/source/directory.ts';
import type { KeptManifests } from '../../src/source/manifest-set.ts';
import type { ManifestObject } from '../../src/source/manifest.ts';
import { rawBrokenIngress, rawIngress, rawService } from './raw-objects.ts';
import { Recorder } from './recorder.ts';

jest.setTimeout(30_000);

/** Several documents of one file; JSON is YAML. */
function documents(...objects: readonly unknown[]): string {
  return objects.map((object) => JSON.stringify(object)).join('\n---\n');
}

describe('directorySource', () => {
  let folder: string;
  let recorder: Recorder;

  const at = (...names: readonly string[]): string => join(folder, ...names);
  const write = (name: string, text: string): Promise<void> => writeFile(at(name), text);
  const begin = async (...paths: readonly string[]): Promise<void> => {
    recorder = new Recorder(directorySource(paths.length === 0 ? [folder] : paths));
    await recorder.synced();
  };
  const known =
    (name: string): (() => boolean) =>
    () =>
      recorder.objects.has(`Ingress default/${name}`);
  const hostOf = (name: string): unknown =>
    JSON.stringify(recorder.objects.get(`Ingress default/${name}`) ?? '').match(/"host":"([^"]*)"/)?.[1];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-directory-'));
  });

  afterEach(async () => {
    recorder.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('reads files and folders in folders, and passes over other names and hidden ones', async () => {
    await mkdir(at('sub', 'deeper'), { recursive: true });
    await mkdir(at('.hidden'));
    await Promise.all([
      write('a.yaml', documents(rawIngress('a'))),
      write('sub/b.yml', documents(rawIngress('b'))),
      write('sub/deeper/c.json', documents(rawIngress('c'))),
      write('d.yaml~', documents(rawIngress('d'))),
      write('.e.yaml', documents(rawIngress('e'))),
      write('.hidden/f.yaml', documents(rawIngress('f'))),
      write('g.txt', documents(rawIngress('g'))),
    ]);
    await begin();
    expect(recorder.names).toEqual(['Ingress default/a', 'Ingress default/b', 'Ingress default/c']);
  });

  it('takes a path that is a file whatever its name', async () => {
    await write('manifests', documents(rawIngress('a')));
    await write('other.yaml', documents(rawIngress('b')));
    await begin(at('manifests'));
    expect(recorder.names).toEqual(['Ingress default/a']);
  });

  it('sends the objects of the start in the order of kinds and names, in one event', async () => {
    await write('z.yaml', documents(rawService('web'), rawIngress('b')));
    await write('a.yaml', documents(rawIngress('c'), rawIngress('a')));
    await begin();
    expect(recorder.events).toHaveLength(2);
    expect(recorder.changes.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'Ingress a',
      'Ingress b',
      'Ingress c',
      'Service web',
    ]);
  });

  it('sees what is saved by renaming a finished file over the old one', async () => {
    await write('a.yaml', documents(rawIngress('a', 'one.test')));
    await begin();
    for (const host of ['two.test', 'three.test', 'four.test']) {
      await write('.a.yaml.tmp', documents(rawIngress('a', host)));
      await rename(at('.a.yaml.tmp'), at('a.yaml'));
      await recorder.until(`the host is ${host}`, () => hostOf('a') === host);
    }
    expect(recorder.changes.every(({ object }) => object !== undefined)).toBe(true);
  });

  it('does not take objects away while a file is deleted and created again, or emptied and filled again', async () => {
    await write('a.yaml', documents(rawIngress('a', 'one.test')));
    await begin();
    await unlink(at('a.yaml'));
    await write('b.yaml', documents(rawIngress('b')));
    await recorder.until('b came while a was missing', known('b'));
    await write('a.yaml', documents(rawIngress('a', 'two.test')));
    await recorder.until('the host is new', () => hostOf('a') === 'two.test');

    await write('a.yaml', '');
    await write('c.yaml', documents(rawIngress('c')));
    await recorder.until('c came while a was empty', known('c'));
    await write('a.yaml', documents(rawIngress('a', 'three.test')));
    await recorder.until('the host is new', () => hostOf('a') === 'three.test');
    expect(recorder.changes.every(({ object }) => object !== undefined)).toBe(true);
  });

  it('keeps what a file said that stays empty, which is a save gone wrong, and says so until it is filled or deleted', async () => {
    await write('a.yaml', documents(rawIngress('a')));
    await write('b.yaml', documents(rawIngress('b')));
    await begin();
    await write('a.yaml', '');
    await write('b.yaml', ' \n');
    await recorder.until('both are reported', () => recorder.problems.length === 2);
    expect(recorder.problems).toEqual([
      expect.objectContaining({ reason: 'FileUnreadable', message: expect.stringContaining('empty') }),
      expect.objectContaining({ reason: 'FileUnreadable', fix: expect.stringContaining('delete') }),
    ]);
    expect(recorder.changes.every(({ object }) => object !== undefined)).toBe(true);
    await write('a.yaml', documents(rawIngress('a', 'two.test')));
    await recorder.until('the host is new', () => hostOf('a') === 'two.test');
    await unlink(at('b.yaml'));
    await recorder.until('b went', () => !known('b')());
    expect(recorder.problems).toEqual([]);
  });

  it('takes the objects away of a file in which nothing but a comment is left', async () => {
    await write('a.yaml', documents(rawIngress('a')));
    await begin();
    await write('a.yaml', '# nothing\n');
    await recorder.until('a went', () => !known('a')());
    expect(recorder.problems).toEqual([]);
  });

  it('says that it cannot open what has a name that is not UTF-8', async () => {
    const named = (text: string) => Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(text, 'latin1')]);
    await writeFile(named('caf\u00e9.yaml'), documents(rawIngress('a')));
    await writeFile(named('caf\u00e9.txt'), '');
    await mkdir(named('d\u00e9'));
    await begin();
    await recorder.until('both are reported', () => recorder.problems.length === 2);
    expect(recorder.problems.map(({ reason, message }) => [reason, message.includes('UTF-8')])).toEqual([
      ['FileUnreadable', true],
      ['FileUnreadable', true],
    ]);
    await rm(named('caf\u00e9.yaml'));
    await recorder.until('one is left', () => recorder.problems.length === 1);
  });

  it('follows links that are replaced, as in a mounted ConfigMap', async () => {
    await mkdir(at('..1'));
    await write('..1/a.yaml', documents(rawIngress('a', 'one.test')));
    await symlink('..1', at('..data'));
    await symlink('..data/a.yaml', at('a.yaml'));
    await begin();
    for (const [revision, host] of [
      ['..2', 'two.test'],
      ['..3', 'three.test'],
    ] as const) {
      await mkdir(at(revision));
      await write(`${revision}/a.yaml`, documents(rawIngress('a', host)));
      await symlink(revision, at('..data_tmp'));
      await rename(at('..data_tmp'), at('..data'));
      await recorder.until(`the host is ${host}`, () => hostOf('a') === host, 4_000);
    }
    expect(recorder.names).toEqual(['Ingress default/a']);
  });

  it('sees new folders, and what is put into them later', async () => {
    await begin();
    await mkdir(at('new', 'deeper'), { recursive: true });
    await write('new/deeper/a.yaml', documents(rawIngress('a')));
    await recorder.until('a came', known('a'));
    await write('new/b.yaml', documents(rawIngress('b')));
    await recorder.until('b came', known('b'));
    await rm(at('new'), { recursive: true });
    await recorder.until('both went', () => recorder.objects.size === 0);
    expect(recorder.problems).toEqual([]);
  });

  it('is not led in circles by links', async () => {
    await mkdir(at('sub'));
    await write('sub/a.yaml', documents(rawIngress('a')));
    await symlink('..', at('sub', 'up'));
    await begin();
    expect(recorder.names).toEqual(['Ingress default/a']);
    expect(recorder.problems).toEqual([]);
  });

  it('says that a path does not exist, and reads it when it is there', async () => {
    await begin(at('later'));
    expect(recorder.events).toMatchObject([
      { kind: 'problems', origin: at('later'), problems: [{ reason: 'FileUnreadable', message: 'It does not exist' }] },
      { kind: 'synced' },
    ]);
    await mkdir(at('later'));
    await write('later/a.yaml', documents(rawIngress('a')));
    await recorder.until('a came', known('a'));
    await recorder.until('the problem is over', () => recorder.problems.length === 0);
  });

  it('keeps what a given folder held when it vanishes, and follows it when it is back', async () => {
    await mkdir(at('given'));
    await write('given/a.yaml', documents(rawIngress('a')));
    await begin(at('given'));
    await rename(at('given'), at('away'));
    await recorder.until('there is a problem', () => recorder.problems.length === 1);
    expect(recorder.names).toEqual(['Ingress default/a']);

    await rename(at('away'), at('given'));
    await recorder.until('the problem is over', () => recorder.problems.length === 0);
    await write('given/b.yaml', documents(rawIngress('b')));
    await recorder.until('b came', known('b'));
    expect(recorder.names).toEqual(['Ingress default/a', 'Ingress default/b']);
  });

  it('says that a link leads nowhere, until it does', async () => {
    await symlink('nowhere', at('a.yaml'));
    await begin();
    expect(recorder.problems).toMatchObject([
      { reason: 'FileUnreadable', object: { kind: 'File', name: at('a.yaml') } },
    ]);
    await write('nowhere', documents(rawIngress('a')));
    await recorder.until('a came', known('a'));
    expect(recorder.problems).toEqual([]);
  });

  it('keeps all of a file while it is broken, and takes it as it is when it is right again', async () => {
    await write('a.yaml', documents(rawIngress('a'), rawIngress('b')));
    await begin();
    await write('a.yaml', `${documents(rawIngress('a', 'new.test'))}\n---\nkind: [unclosed`);
    await recorder.until('there is a problem', () => recorder.problems.length === 1);
    expect(recorder.problems).toMatchObject([{ reason: 'InvalidYaml', object: { kind: 'File', name: at('a.yaml') } }]);
    expect([recorder.names, hostOf('a')]).toEqual([['Ingress default/a', 'Ingress default/b'], 'a.test']);

    await write('a.yaml', documents(rawIngress('a', 'new.test')));
    await recorder.until('b went', () => !known('b')());
    expect([hostOf('a'), recorder.problems]).toEqual(['new.test', []]);
  });

  it.each([
    ['an object that is none', documents(rawBrokenIngress('b'), rawIngress('a'))],
    ['no YAML', 'a: [b'],
    ['nothing', ''],
  ])(
    'keeps all of a file that has turned into %s over a restart, where that is kept, until it is right again',
    async (_what, text) => {
      const sound = documents(rawIngress('a'), rawIngress('b'));
      await Promise.all([
        write('a.yaml', sound),
        write('gone.yaml', sound.replaceAll(/"name":"(a|b)"/g, '"name":"gone-$1"')),
      ]);
      let kept: KeptManifests = new Map();
      const restart = async (): Promise<void> => {
        recorder.stop();
        // As it is when it has been in a file.
        // oxlint-disable-next-line no-unsafe-type-assertion -- it is of the type that it was made from
        kept = new Map(JSON.parse(JSON.stringify([...kept])) as readonly [string, readonly ManifestObject[]][]);
        recorder = new Recorder(directorySource([folder], { kept }));
        await recorder.synced();
      };
      recorder = new Recorder(directorySource([folder], { kept }));
      await recorder.synced();
      const before = new Map(recorder.objects);
      await Promise.all([write('a.yaml', text), write('gone.yaml', text)]);
      await recorder.until('both are broken', () => kept.size === 2);
      expect(recorder.objects).toEqual(before);
      await rm(at('gone.yaml'));
      await recorder.until('one is gone', () => kept.size === 1);
      await restart();
      expect(recorder.names).toEqual(['Ingress default/a', 'Ingress default/b']);
      expect(recorder.problems).not.toEqual([]);
      await write('a.yaml', documents(rawIngress('c')));
      await recorder.until('it is as it is now', known('c'));
      expect(recorder.names).toEqual(['Ingress default/c']);
      expect(kept.size).toBe(0);
      await restart();
      expect(recorder.names).toEqual(['Ingress default/c']);
    },
  );

  it('keeps nothing of a file that is broken, and goes while nobody looks', async () => {
    await write('a.yaml', documents(rawIngress('a')));
    const kept: KeptManifests = new Map();
    recorder = new Recorder(directorySource([folder], { kept }));
    await recorder.synced();
    await write('a.yaml', 'a: [b');
    await recorder.until('it is broken', () => kept.size === 1);
    recorder.stop();
    await rm(at('a.yaml'));
    recorder = new Recorder(directorySource([folder], { kept }));
    await recorder.synced();
    expect(recorder.names).toEqual([]);
    expect(kept.size).toBe(0);
  });

  it('reads the good documents of a file that is broken at the start', async () => {
    await write('a.yaml', documents(rawIngress('a'), rawBrokenIngress('b'), rawIngress('c')));
    await begin();
    expect(recorder.names).toEqual(['Ingress default/a', 'Ingress default/c']);
    expect(recorder.problems).toMatchObject([{ reason: 'InvalidObject', object: { kind: 'Ingress', name: 'b' } }]);
  });

  it('takes an object that is defined twice from the first path, file and position, and from the next when that goes', async () => {
    await mkdir(at('one'));
    await mkdir(at('two'));
    await write('one/z.yaml', documents(rawIngress('a', 'one-z-first.test'), rawIngress('a', 'one-z-second.test')));
    await write('two/a.yaml', documents(rawIngress('a', 'two-a.test')));
    await begin(at('one'), at('two'));
    expect(hostOf('a')).toBe('one-z-first.test');
    expect(recorder.problems.map(({ reason, message }) => [reason, message])).toEqual([
      [
        'DuplicateObject',
        `It is defined again at ${at('one/z.yaml')} line 3; the definition at ${at('one/z.yaml')} line 1 is used`,
      ],
      [
        'DuplicateObject',
        `It is defined again at ${at('two/a.yaml')} line 1; the definition at ${at('one/z.yaml')} line 1 is used`,
      ],
    ]);
    await unlink(at('one/z.yaml'));
    await recorder.until('the next took over', () => hostOf('a') === 'two-a.test');
    expect(recorder.problems).toEqual([]);
    expect(recorder.changes.every(({ object }) => object !== undefined)).toBe(true);
  });

  it('reads a file once that is found from two paths', async () => {
    await write('a.yaml', documents(rawIngress('a')));
    await begin(folder, at('a.yaml'));
    expect(recorder.problems).toEqual([]);
  });

  it('looks again by itself when the file system tells nothing', async () => {
    await mkdir(at('hidden'));
    await write('hidden/real.txt', documents(rawIngress('a', 'one.test')));
    await mkdir(at('given'));
    await symlink(at('hidden', 'real.txt'), at('given', 'a.yaml'));
    recorder = new Recorder(directorySource([at('given')], { rescanMs: 50 }));
    await recorder.synced();
    await write('hidden/real.txt', documents(rawIngress('a', 'two.test')));
    await recorder.until('the host is new', () => hostOf('a') === 'two.test');
    expect(recorder.problems).toEqual([]);
  });
});
