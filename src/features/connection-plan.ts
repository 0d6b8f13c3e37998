/** What goes for all connections of clients; the listeners and route tables are made of it. */

/** A plain record that the features fill in. What is left undefined is as src/translate/listener.ts has it. */
export interface ConnectionPlan {
  /** Whether every connection begins with a PROXY protocol header. */
  proxyProtocol: boolean;
  /** How many proxies in front are believed in what their X-Forwarded headers say. */
  trustedHops: number;
  /** Whether TLS clients are offered HTTP/2. */
  http2: boolean;
  concurrentStreams: number | undefined;
  /** 0 for connections that are closed after their first request. */
  idleSeconds: number | undefined;
  /** Requests of one connection; undefined for any number. */
  requests: number | undefined;
  headerSeconds: number | undefined;
  tls: { readonly least: TlsVersion; readonly most: TlsVersion } | undefined;
  /** OpenSSL's names, up to TLS 1.2; empty for Envoy's own. */
  ciphers: readonly string[];
  /** Whose `Server` header clients get. */
  server: 'nobody' | 'envoy' | 'backend';
  /** Of the head of a request; undefined for Envoy's own limit. */
  headKibibytes: number | undefined;
  /** See `ConnectionFlags`. */
  accessLog: string | undefined;
  readonly isClosed: boolean;
}

export type TlsVersion = 'TLSv1_0' | 'TLSv1_1' | 'TLSv1_2' | 'TLSv1_3';

export interface ConnectionFlags {
  /** The file to which each Envoy writes a line for each request, such as `/dev/stdout`; none when left out. */
  readonly accessLog?: string;
  /** Whether connections begin with a PROXY protocol header, of version 1 or 2, that names the client. */
  readonly proxyProtocol?: boolean;
  /** How many proxies in front are believed in what they say of the client in X-Forwarded headers; nobody when left out. */
  readonly trustedHops?: number;
  /** Whether all requests are answered with 503; not when left out. */
  readonly isClosed?: boolean;
}

export function connectionPlan({
  proxyProtocol = false,
  trustedHops = 0,
  accessLog,
  isClosed = false,
}: ConnectionFlags): ConnectionPlan {
  return {
    proxyProtocol,
    trustedHops,
    http2: true,
    concurrentStreams: undefined,
    idleSeconds: undefined,
    requests: undefined,
    headerSeconds: undefined,
    tls: undefined,
    ciphers: [],
    server: 'nobody',
    headKibibytes: undefined,
    accessLog,
    isClosed,
  };
}
