/** Server credentials for mutual TLS whose certificates may change while the server runs: connections keep those they began with. */
import { experimental, type ServerCredentials } from '@grpc/grpc-js';

/** What one side shows and trusts, in PEM. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  /** The authorities that the other side's certificate must come from. */
  readonly ca: string;
}

export interface TlsSource {
  /** Calls back with what there is, then with each change, until the returned function is called. */
  readonly watch: (listener: (material: TlsMaterial) => void) => () => void;
}

/** Until the source has something, connections are dropped. */
export function tlsCredentials(source: TlsSource): ServerCredentials {
  const provider = new Provider(source);
  return experimental.createCertificateProviderServerCredentials(provider, provider, true);
}

/**
 * The source as grpc-js asks for it: authorities and identity apart, each with listeners of its own. They are called a moment later:
 * what they are told while they are being added gets lost.
 */
class Provider implements experimental.CertificateProvider {
  readonly #source: TlsSource;
  readonly #authority = new Map<experimental.CaCertificateUpdateListener, () => void>();
  readonly #identity = new Map<experimental.IdentityCertificateUpdateListener, () => void>();

  constructor(source: TlsSource) {
    this.#source = source;
  }

  addCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    const stop = this.#source.watch(({ ca }) => queueMicrotask(() => listener({ caCertificate: Buffer.from(ca) })));
    this.#authority.set(listener, stop);
  }

  removeCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.#authority.get(listener)?.();
    this.#authority.delete(listener);
  }

  addIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    const stop = this.#source.watch(({ cert, key }) =>
      queueMicrotask(() => listener({ certificate: Buffer.from(cert), privateKey: Buffer.from(key) })),
    );
    this.#identity.set(listener, stop);
  }

  removeIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#identity.get(listener)?.();
    this.#identity.delete(listener);
  }
}
