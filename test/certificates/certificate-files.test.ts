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
  /** At once, as the kubelet does it: of a file that is written in place, half could be read. */
  const replace = async (name: string, text: string): Promise<void> => {
    await writeFile(file(`new ${name}`), text);
    await rename(file(`new ${name}`), file(name));
  };

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

    await replace('cert', two.cert);
    await eventually(() => expect(warnings).toHaveLength(1));
    await replace('key', two.key);
    await eventually(() => expect(seen).toEqual([one.cert, two.cert]));
    stop();
    expect(warnings[0]).toContain('The xDS certificates cannot be renewed from their files: ');
  });

  it.each(['cert', 'key', 'ca'])(
    'cannot be used while the %s is empty, as it is while it is being written',
    async (name) => {
      const { cert, key } = certificate({ issuer: authority });
      const content = { cert, key, ca: authority.cert, [name]: '' };
      await Promise.all(Object.entries(content).map(([each, text]) => writeFile(file(each), text)));
      const files = { certFile: file('cert'), keyFile: file('key'), caFile: file('ca') };
      await expect(certificateFiles({ ...files, everyMs: 10, warn: () => undefined })).rejects.toThrow(
        `${file(name)} is empty`,
      );
    },
  );

  it('must fit together at the start', async () => {
    await Promise.all(['cert', 'key', 'ca'].map((name) => writeFile(file(name), authority.cert)));
    const files = { certFile: file('cert'), keyFile: file('key'), caFile: file('ca') };
    await expect(certificateFiles({ ...files, everyMs: 10, warn: () => undefined })).rejects.toThrow(
      `OpenSSL cannot use ${files.certFile}, ${files.keyFile} and ${files.caFile} together: `,
    );
  });
});
