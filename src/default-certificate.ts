/** Opens what makes the certificate for hosts without their own, if there is to be one. */
import type { Config } from './config.ts';
import { kubernetesSecretStore } from './certificates/secret-store.ts';
import type { Logger } from './log.ts';
import type { Certificate } from './model/certificate.ts';
import { ApiClient } from './source/api-client.ts';
import type { KubeConnection } from './source/kube-config.ts';
import { realTiming } from './source/timing.ts';

export interface OpenedDefaultCertificate {
  /** Fulfilled once the first has been shown: before that, an Envoy would be told that there is none. */
  readonly shown: Promise<void>;
  readonly stop: () => Promise<void>;
}

/** @param show called with the first certificate and with each that comes after it */
export function openDefaultCertificate(
  { defaults, xds: { tls } }: Config,
  connection: KubeConnection | undefined,
  log: Logger,
  show: (certificate: Certificate) => void,
): OpenedDefaultCertificate {
  if (!defaults.makesCertificate) return { shown: Promise.resolve(), stop: () => Promise.resolve() };
  const ending = new AbortController();
  // The Secret of the authorities is read and written by control planes only, like a private key should be.
  const place =
    tls?.kind === 'self-made' && connection !== undefined ? { secret: tls.authority, connection } : undefined;
  const client = place && new ApiClient(place.connection.kubeConfig, realTiming, place.connection.reload);
  const shared = place && client && { store: kubernetesSecretStore(client, ending.signal), secret: place.secret };
  // Loaded while objects are being read: the X.509 package takes a while.
  const opened = import('./certificates/default-certificate.ts').then(
    ({ DefaultCertificate }) =>
      new DefaultCertificate({
        ...(shared && { shared }),
        log,
        now: Date.now,
        show: ({ cert, key }) => show({ chain: cert, privateKey: key }),
      }),
  );
  return {
    shown: opened.then((certificate) => certificate.start()),
    stop: async () => {
      ending.abort();
      await (await opened).stop();
      client?.close();
    },
  };
}
