/**
 * Mutual TLS in front of everything else: no byte of HTTP/2 is read from a client before its certificate is accepted, so there is no
 * method that could forget to ask for one. Certificates may change while the server runs: connections keep those they began with.
 */
import type { Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Server, TLSSocket } from 'node:tls';
import type { ConnectionRefusal } from './limits.ts';

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

export interface MutualTlsOptions {
  readonly source: TlsSource;
  /** Names (DNS or URI) of which a client certificate must have one; absent means that any will do. */
  readonly clientNames?: readonly string[];
  readonly handshakeMs: number;
  /** Gets a connection whose client has proved itself, and the name it did so by; undefined if its certificate has none. */
  readonly accept: (connection: TLSSocket, name: string | undefined) => void;
  readonly refuse: (reason: ConnectionRefusal, details: string) => void;
}

export class MutualTls {
  readonly #options: MutualTlsOptions;
  readonly #server: Server;
  readonly #stop: () => void;
  #hasMaterial = false;

  constructor(options: MutualTlsOptions) {
    this.#options = options;
    this.#server = createServer({
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['h2'],
      handshakeTimeout: options.handshakeMs,
    });
    this.#server.on('secureConnection', (connection) => this.#admit(connection));
    this.#server.on('tlsClientError', (error: Error, connection) => {
      options.refuse(isCertificateError(error) ? 'certificate' : 'handshake', error.message);
      connection.destroy();
    });
    this.#stop = options.source.watch(({ cert, key, ca }) => {
      this.#server.setSecureContext({ cert, key, ca, minVersion: 'TLSv1.3' });
      this.#hasMaterial = true;
    });
  }

  /** Begins the handshake. Until the source has something, connections are dropped. */
  take(connection: Socket): void {
    if (this.#hasMaterial) this.#server.emit('connection', connection);
    else connection.destroy();
  }

  /** Takes up no more certificates. */
  close(): void {
    this.#stop();
  }

  #admit(connection: TLSSocket): void {
    // Whatever goes wrong on it from now on, it is closed, and that is what is looked for.
    connection.on('error', () => undefined);
    const names = namesOf(connection);
    const { clientNames } = this.#options;
    const name = clientNames === undefined ? names[0] : names.find((each) => clientNames.includes(each));
    if (connection.authorized && (clientNames === undefined || name !== undefined)) {
      this.#options.accept(connection, name);
      return;
    }
    this.#options.refuse('stranger', `its certificate is for ${names.join(', ') || 'nobody'}`);
    connection.destroy();
  }
}

/** The DNS names and URIs in the certificate of a client (`subjectAltName`), without the words that Node puts before them. */
function namesOf(connection: TLSSocket): readonly string[] {
  const { subjectaltname: text = '' } = connection.getPeerCertificate();
  // Names that hold commas or quotes are quoted by Node; there is no use for such.
  if (text.includes('"')) return [];
  return text.split(', ').flatMap((entry) => /^(?:DNS|URI):(.+)$/.exec(entry)?.[1] ?? []);
}

/** OpenSSL's and Node's words for a certificate that is missing, of no known authority, or not valid now. */
function isCertificateError(error: Error & { readonly code?: string }): boolean {
  return /CERT|certificate/i.test(`${error.code ?? ''} ${error.message}`);
}
