/** One HTTP/1.1 request, with any Host header and any server name in TLS: what `fetch` does not let a test choose. */
import { type IncomingHttpHeaders, request as requestPlain } from 'node:http';
import { request as requestSecure } from 'node:https';
import { isIP } from 'node:net';

export interface HttpRequest {
  readonly port: number;
  /** The address to connect to; 127.0.0.1 when left out. */
  readonly address?: string;
  /** The Host header, and with TLS the server name as well. The address when left out. */
  readonly host?: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Speaks TLS. `ca` in PEM is what the server must prove; without it every certificate is taken. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly serverName?: string };
  /** Milliseconds until the request is given up; 10,000 when left out. */
  readonly within?: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Sends a request over a connection of its own. Throws when the connection breaks or no answer comes in time. */
export function httpRequest(wanted: HttpRequest): Promise<HttpAnswer> {
  const { address = '127.0.0.1', host = address, within = 10_000, tls } = wanted;
  const options = {
    agent: false,
    host: address,
    port: wanted.port,
    path: wanted.path ?? '/',
    method: wanted.method ?? 'GET',
    headers: { ...wanted.headers, host },
    signal: AbortSignal.timeout(within),
  } as const;
  return new Promise((fulfil, reject) => {
    const request =
      tls === undefined
        ? requestPlain(options)
        : requestSecure({
            ...options,
            // An address is no server name (RFC 6066, section 3); an empty one sends none.
            servername: tls.serverName ?? (isIP(host) === 0 ? host : ''),
            rejectUnauthorized: tls.ca !== undefined,
            ...(tls.ca !== undefined && { ca: tls.ca }),
            ...(tls.cert !== undefined && { cert: tls.cert }),
            ...(tls.key !== undefined && { key: tls.key }),
          });
    request.once('error', reject);
    request.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        fulfil({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() });
      });
    });
    request.end(wanted.body);
  });
}
