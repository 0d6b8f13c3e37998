/**
 * What outlives a restart of the control plane where the operator gives a folder for it: objects that are held with their last good
 * forms, what was refused, the certificate pairs that stand for bad ones, and what broken manifest files defined. One file, with private keys in it.
 */
import { hash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from './log.ts';
import type { Certificate } from './model/certificate.ts';
import type { QuarantineMemory } from './quarantine/quarantine.ts';
import type { ManifestObject } from './source/manifest.ts';
import { isMissing, messageOf } from './source/system-error.ts';

export interface HeldForms extends QuarantineMemory {
  /** By Secret (`namespace/name`). */
  readonly certificates: readonly (readonly [string, Certificate])[];
}

export interface LastGood extends HeldForms {
  /** See `KeptManifests`. */
  readonly manifests: readonly (readonly [string, readonly ManifestObject[]])[];
}

const fileName = 'last-good.json';
/** Of the form of the file: what another version has written is not read. */
const head = 'sluice last good 2';

/** Undefined when there is none, and when it cannot be used, which is logged. */
export async function readLastGood(folder: string, log: Logger): Promise<LastGood | undefined> {
  const file = join(folder, fileName);
  try {
    const text = await readFile(file, 'utf8');
    const end = text.indexOf('\n');
    const body = text.slice(end + 1);
    if (text.slice(0, end) !== `${head} ${digest(body)}`) throw new Error('it is damaged, or of another version');
    // The digest shows that it is as it was written below.
    const lastGood: LastGood = JSON.parse(body);
    return lastGood;
  } catch (error) {
    const reason = messageOf(error);
    if (isMissing(error)) return undefined;
    log.warn({ file, reason }, 'the last good forms of the run before cannot be read, and are not used');
    return undefined;
  }
}

/** Writes what is to be kept whenever it is another one, and never two at once. */
export class LastGoodFile {
  readonly #folder: string;
  readonly #log: Logger;
  #written = '';
  #wanted = '';
  #writing: Promise<void> | undefined;

  constructor(folder: string, log: Logger) {
    this.#folder = folder;
    this.#log = log;
  }

  keep(lastGood: LastGood): void {
    this.#wanted = JSON.stringify(lastGood);
    if (this.#wanted === this.#written) return;
    this.#writing ??= this.#write();
  }

  /** Waits until all is written. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#wanted !== this.#written) {
      const body = this.#wanted;
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await this.#replace(body);
      this.#written = body;
    }
    this.#writing = undefined;
  }

  /** The file is there in whole or not at all, and for nobody else to read. */
  async #replace(body: string): Promise<void> {
    const file = join(this.#folder, fileName);
    const draft = `${file}.${randomBytes(6).toString('hex')}`;
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      const handle = await open(draft, 'wx', 0o600);
      try {
        await handle.writeFile(`${head} ${digest(body)}\n${body}`);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(draft, file);
    } catch (error) {
      const reason = messageOf(error);
      this.#log.warn({ file, reason }, 'the last good forms cannot be written, so a restart would not know them');
      await rm(draft, { force: true });
    }
  }
}

function digest(body: string): string {
  return hash('sha256', body, 'hex');
}
