/** Certificate files that somebody else renews: a whole pair is taken up, half a renewal is waited out. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { certificateFiles } from '../../src/certificates/certificate-files.ts';
import { certificate, certificateAuthority } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';

describe('certificate files', () => {
  const authority = certificateAuthority();
  let folder = '';

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-certificates-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const file = (name: string): string => join(folder, name);

  it('are read again when they have changed, and only when they fit together', async () => {
    const [one, two] = [certificate({ issuer: authority }), certificate({ issuer: authority })];
    await Promise.all([
      writeFile(file('cert'), one.cert),
      writeFile(file('key'), one.key),
      writeFile(file('ca'), authority.cert),
    ]);
    const warnings: string[] = [];
    const files = { certFile: file('cert'), keyFile: file('key'), caFile: file('ca') };
    const source = await certificateFiles({ ...files, everyMs: 10, warn: (message) => warnings.push(message) });
    const seen: string[] = [];
    const stop = source.watch(({ cert }) => seen.push(cert));

    await writeFile(file('cert'), two.cert);
    await eventually(() => expect(warnings).toHaveLength(1));
    // At once, as the kubelet does it: half a key could be read, and be a whole one but for the end of its last line.
    await writeFile(file('new key'), two.key);
    await rename(file('new key'), file('key'));
    await eventually(() => expect(seen).toEqual([one.cert, two.cert]));
    stop();
    expect(warnings[0]).toContain('The xDS certificates cannot be renewed from their files: ');
  });

  it('must fit together at the start', async () => {
    await Promise.all(['cert', 'key', 'ca'].map((name) => writeFile(file(name), authority.cert)));
    const files = { certFile: file('cert'), keyFile: file('key'), caFile: file('ca') };
    await expect(certificateFiles({ ...files, everyMs: 10, warn: () => undefined })).rejects.toThrow(
      `OpenSSL cannot use ${files.certFile}, ${files.keyFile} and ${files.caFile} together: `,
    );
  });
});
