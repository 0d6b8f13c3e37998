/** Opens what the xDS server proves itself with: certificate files, or the Secrets that the control planes keep themselves. */

import { X509Certificate } from 'node:crypto';
import type { AdminView, CertificateSummary } from './admin/admin-view.ts';
import { certificateFiles } from './certificates/certificate-files.ts';
import { envoyName } from './certificates/generations.ts';
import { kubernetesSecretStore } from './certificates/secret-store.ts';
import type { Config, XdsTls } from './config.ts';
import type { Logger } from './log.ts';
import { UsageError } from './setting.ts';
import { ApiClient } from './source/api-client.ts';
import type { KubeConnection } from './source/kube-config.ts';
import { realTiming } from './source/timing.ts';
import type { TlsSource } from './xds/mutual-tls.ts';
import type { XdsServerOptions } from './xds/server.ts';

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

/** Whom the server takes in. Of an authority that signs for Envoys only, the name in what it signs is the one to ask for. */
export function xdsClients(
  { tls, clients = {} }: Config['xds'],
  { source }: OpenedTls,
): Pick<XdsServerOptions, 'tls' | 'clientNames' | 'limits'> {
  const { names, ...limits } = clients;
  const clientNames = names ?? (tls?.kind === 'self-made' ? [envoyName] : undefined);
  return { limits, ...(source && { tls: source }), ...(clientNames && { clientNames }) };
}

/** When the certificates that are in use run out; of several authorities the one that lasts longest. */
export function watchExpiry(source: TlsSource | undefined): AdminView['certificates'] {
  let found: readonly CertificateSummary[] = [];
  source?.watch(({ cert, ca }) => {
    const ends = ca.split(/(?<=-----END CERTIFICATE-----)/).flatMap((each) => endOf(each) ?? []);
    const server = endOf(cert);
    found = [
      ...(server === undefined ? [] : [{ name: 'server', notAfter: server }]),
      ...(ends.length === 0 ? [] : [{ name: 'authority', notAfter: Math.max(...ends) }]),
    ];
  });
  return () => found;
}

function endOf(text: string): number | undefined {
  try {
    return Date.parse(new X509Certificate(text).validTo);
  } catch {
    return undefined;
  }
}
