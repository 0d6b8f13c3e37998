/** Opens what the xDS server proves itself with: certificate files, or the Secrets that the control planes keep themselves. */

import { certificateFiles } from './certificates/certificate-files.ts';
import { kubernetesSecretStore } from './certificates/secret-store.ts';
import type { XdsTls } from './config.ts';
import type { Logger } from './log.ts';
import { UsageError } from './setting.ts';
import { ApiClient } from './source/api-client.ts';
import type { KubeConnection } from './source/kube-config.ts';
import { realTiming } from './source/timing.ts';
import type { TlsSource } from './xds/mutual-tls.ts';

export interface OpenedTls {
  /** Absent for plaintext. */
  readonly source?: TlsSource;
  readonly stop: () => Promise<void>;
}

const filesEveryMs = 5_000;

/** Rejects with a UsageError when the certificate files cannot be used. */
export async function openTls(
  tls: XdsTls | undefined,
  connection: KubeConnection | undefined,
  log: Logger,
): Promise<OpenedTls> {
  switch (tls?.kind) {
    case 'files':
      return { source: await openFiles(tls, log), stop: () => Promise.resolve() };
    case 'self-made':
      if (connection === undefined) throw new Error('self-made certificates are kept in a cluster');
      return openSelfMade(tls, connection, log);
    case undefined:
      return { stop: () => Promise.resolve() };
  }
}

function openFiles(files: XdsTls & { kind: 'files' }, log: Logger): Promise<TlsSource> {
  const options = { ...files, everyMs: filesEveryMs, warn: (message: string) => log.warn(message) };
  return certificateFiles(options).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`--xds-tls-cert, --xds-tls-key and --xds-tls-ca cannot be used together: ${reason}`);
  });
}

async function openSelfMade(
  tls: XdsTls & { kind: 'self-made' },
  { kubeConfig, reload }: KubeConnection,
  log: Logger,
): Promise<OpenedTls> {
  const client = new ApiClient(kubeConfig, realTiming, reload);
  const ending = new AbortController();
  // Loaded for those who need it: the X.509 package takes a while.
  const { SelfMadeCertificates } = await import('./certificates/self-made.ts');
  const certificates = new SelfMadeCertificates({
    ...tls,
    store: kubernetesSecretStore(client, ending.signal),
    log,
    now: Date.now,
  });
  certificates.start();
  return {
    source: certificates,
    stop: async () => {
      ending.abort();
      await certificates.stop();
      client.close();
    },
  };
}
