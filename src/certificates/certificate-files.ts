/** Certificates in files that somebody else renews, such as cert-manager: read again and again, taken up when they fit together. */
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { TlsMaterial, TlsSource } from '../xds/mutual-tls.ts';
import { Rounds } from './rounds.ts';

export interface CertificateFilesOptions {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
  /** How often to look, in milliseconds. */
  readonly everyMs: number;
  /** Told once for each different reason why the files cannot be used; what was read before stays in use. */
  readonly warn: (message: string) => void;
}

/** @throws what the system says of a file that cannot be read, or an Error with the names of files that do not fit together. */
export async function certificateFiles(options: CertificateFilesOptions): Promise<TlsSource> {
  const { everyMs, warn } = options;
  const first = await readMaterial(options);
  return {
    watch: (listener) => {
      let known = first;
      listener(known);
      const rounds = new Rounds({
        round: async () => {
          const found = await readMaterial(options);
          if (rounds.isStopped || (found.cert === known.cert && found.key === known.key && found.ca === known.ca))
            return;
          known = found;
          listener(known);
        },
        everyMs,
        retryMs: everyMs,
        complain: (reason) => warn(`The xDS certificates cannot be renewed from their files: ${reason}`),
      });
      void rounds.start();
      return () => void rounds.stop();
    },
  };
}

async function readMaterial({ certFile, keyFile, caFile }: CertificateFilesOptions): Promise<TlsMaterial> {
  const [cert = '', key = '', ca = ''] = await Promise.all(
    [certFile, keyFile, caFile].map((file) => readFile(file, 'utf8')),
  );
  // Without a certificate, or an authority, OpenSSL is content with what there is; a file is empty while it is being written.
  const empty = [cert, key, ca].findIndex((text) => text.trim() === '');
  if (empty !== -1) throw new Error(`${[certFile, keyFile, caFile][empty]} is empty`);
  // Half a renewal, a certificate with the key of another, is refused here.
  try {
    createSecureContext({ cert, key, ca });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`OpenSSL cannot use ${certFile}, ${keyFile} and ${caFile} together: ${reason}`, { cause: error });
  }
  return { cert, key, ca };
}
