/**
 * The verifier beside an Envoy: it is given a hash and a password, and says whether they fit. It knows no users and keeps
 * nothing on disk, so it answers without a control plane, and anybody may restart it.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { fits } from './password.ts';

export type VerifierAddress = { readonly host: string; readonly port: number } | { readonly socketPath: string };

export interface Verifier {
  /** 0 for a socket. */
  readonly port: number;
  stop(): Promise<void>;
}

/** A request is a hash in the first line and the password in the rest. */
const mostBytes = 4096;

/** So many hashes wait, of a tenth of a second each; one more is refused, since its client would not wait for it either. */
const mostAtOnce = 48;

/** So many pairs that fit are remembered, each as a keyed digest: browsers send a password with every request. */
const mostRemembered = 10_000;

/**
 * `POST /password` answers 204 when they fit, 403 when they do not, 400 for a hash that it does not know, and 503 while it has
 * too much to do. `GET /healthz` answers 200.
 */
export async function startVerifier(address: VerifierAddress, most = mostAtOnce): Promise<Verifier> {
  const judge = new Judge(most);
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    if (request.method === 'GET' && request.url === '/healthz') {
      response.writeHead(200).end('ok');
      return;
    }
    if (request.method !== 'POST' || request.url !== '/password') {
      response.writeHead(404).end();
      return;
    }
    readBody(request)
      .then((body) => (body === undefined ? 413 : judge.status(body)))
      .catch(() => 500)
      .then((status) => response.writeHead(status).end())
      .catch(() => request.destroy());
  });
  // What one that was killed has left there would be taken for another that listens.
  if ('socketPath' in address) rmSync(address.socketPath, { force: true });
  await new Promise<void>((fulfil, reject) => {
    server.once('error', reject);
    if ('socketPath' in address) server.listen(address.socketPath, fulfil);
    else server.listen(address.port, address.host, fulfil);
  });
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : 0,
    stop: () =>
      new Promise((fulfil) => {
        server.close(() => fulfil());
        server.closeAllConnections();
      }),
  };
}

class Judge {
  /** Of this process alone, so that what is remembered tells nobody anything. */
  readonly #key = randomBytes(32);
  readonly #most: number;
  /** Oldest use first. */
  readonly #fitting = new Set<string>();
  /** The same pair is compared once, however many ask at the same time. */
  readonly #working = new Map<string, Promise<number>>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(most: number) {
    this.#most = most;
  }

  async status(body: Buffer): Promise<number> {
    const end = body.indexOf(10);
    if (end < 0) return 400;
    const pair = createHmac('sha256', this.#key).update(body).digest('base64');
    if (this.#fitting.delete(pair)) {
      this.#fitting.add(pair);
      return 204;
    }
    const working = this.#working.get(pair);
    if (working !== undefined) return working;
    if (this.#working.size >= this.#most) return 503;
    // One after the other: all at once, the first would have its answer when the last has.
    const result = this.#last.then(() =>
      this.#compare(body.subarray(0, end).toString('utf8'), body.subarray(end + 1), pair),
    );
    this.#last = result.catch(() => undefined);
    this.#working.set(pair, result);
    try {
      return await result;
    } finally {
      this.#working.delete(pair);
    }
  }

  async #compare(hash: string, password: Buffer, pair: string): Promise<number> {
    const found = await fits(hash, password);
    if (found !== true) return found === undefined ? 400 : 403;
    this.#fitting.add(pair);
    for (const oldest of this.#fitting) {
      if (this.#fitting.size <= mostRemembered) break;
      this.#fitting.delete(oldest);
    }
    return 204;
  }
}

/** Undefined for one that is too long. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    if (bytes > mostBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
