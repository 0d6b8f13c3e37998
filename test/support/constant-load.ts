/**
 * Load at a constant rate, whatever becomes of the answers, over each kind of connection that clients use: what a change underneath costs
 * them, in counts. Clients behave as the standards ask of them, and try nothing again that has left them.
 */
import { Agent, request as requestPlain, type RequestOptions } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { request as requestSecure } from 'node:https';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from './eventually.ts';
import { goodbye, slowPath } from './pod-server.ts';

export interface LoadTarget {
  /** Where connections go, on 127.0.0.1. */
  readonly httpPort: number;
  readonly httpsPort: number;
  /** Served over both. */
  readonly host: string;
  /** WebSockets that are held open; 0 when left out. */
  readonly webSockets?: number;
}

export interface LoadReport {
  readonly requests: number;
  /** One line for each request without a 200. */
  readonly failures: readonly string[];
  /** Messages that came back over WebSockets. */
  readonly messages: number;
  /** WebSockets that broke, or were closed by somebody else than the pod behind them. */
  readonly broken: readonly string[];
  /** Answers by pod. */
  readonly pods: ReadonlyMap<string, number>;
  /** Requests that were never sent, because their HTTP/2 connection went away just then; they were made over another one. */
  readonly unsent: number;
}

export interface Load {
  /** Waits until so many more requests have been answered, however they ended. */
  more(count: number): Promise<void>;
  /** Waits until that pod or one whose name begins so answers. */
  answeredBy(pod: string): Promise<void>;
}

/** What goes on at once, and how often in a second. */
const lanes = [
  { name: 'HTTP/1.1 GET, kept alive', perSecond: 60 },
  { name: 'HTTP/1.1 POST, kept alive', perSecond: 30 },
  { name: 'HTTP/2 over TLS', perSecond: 60 },
  { name: 'TLS, a connection each', perSecond: 10 },
  { name: 'slow answers', perSecond: 5 },
] as const;

export const requestsPerSecond = lanes.reduce((sum, { perSecond }) => sum + perSecond, 0);

type Lane = (typeof lanes)[number]['name'];

const tickMs = 10;
const giveUpMs = 10_000;
const messageEveryMs = 100;

/** Sends as long as `meanwhile` goes on, and waits for the last answers. */
export async function underConstantLoad(
  target: LoadTarget,
  meanwhile: (load: Load) => Promise<void>,
): Promise<LoadReport> {
  const failures: string[] = [];
  const pods = new Map<string, number>();
  const pending = new Set<Promise<void>>();
  const began = performance.now();
  let requests = 0;
  let answered = 0;
  const client = new LoadClient(target);
  const sockets = new WebSockets(target);
  const send = (lane: Lane): void => {
    requests += 1;
    const sent = client
      .send(lane)
      .then(
        (pod) => void pods.set(pod, (pods.get(pod) ?? 0) + 1),
        (error: unknown) => {
          const at = ((performance.now() - began) / 1_000).toFixed(2);
          failures.push(`${lane} at ${at} s: ${error instanceof Error ? error.message : String(error)}`);
        },
      )
      .finally(() => {
        answered += 1;
        pending.delete(sent);
      });
    pending.add(sent);
  };
  const due = new Map<Lane, number>();
  let last = began;
  const ticking = setInterval(() => {
    const now = performance.now();
    for (const { name, perSecond } of lanes) {
      let owed = (due.get(name) ?? 0) + ((now - last) / 1_000) * perSecond;
      for (; owed >= 1; owed -= 1) send(name);
      due.set(name, owed);
    }
    last = now;
  }, tickMs);
  const more = (count: number): Promise<void> => {
    const until = answered + count;
    return eventually(
      () => {
        if (answered < until) throw new Error(`${until - answered} more requests to be answered`);
      },
      { within: 30_000 },
    );
  };
  const answeredBy = (pod: string): Promise<void> => {
    const count = () =>
      [...pods].filter(([name]) => name.startsWith(pod)).reduce((sum, [, answers]) => sum + answers, 0);
    const before = count();
    return eventually(
      () => {
        if (count() === before) throw new Error(`no answer of ${pod}`);
      },
      { within: 20_000 },
    );
  };
  try {
    await more(20);
    await meanwhile({ more, answeredBy });
  } finally {
    clearInterval(ticking);
    await Promise.all(pending);
    await sockets.stop();
    client.close();
  }
  return { requests, failures, messages: sockets.messages, broken: sockets.broken, pods, unsent: client.unsent };
}

class LoadClient {
  unsent = 0;
  readonly #target: LoadTarget;
  // In turn, so that no connection is left aside until it is closed.
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 16, scheduling: 'fifo' });
  #session: ClientHttp2Session | undefined;

  constructor(target: LoadTarget) {
    this.#target = target;
  }

  /** The pod that answered. Throws when the answer is no 200, or none. */
  send(lane: Lane): Promise<string> {
    const { httpPort, httpsPort } = this.#target;
    switch (lane) {
      case 'HTTP/1.1 GET, kept alive':
        return this.#ask({ port: httpPort, agent: this.#agent });
      case 'HTTP/1.1 POST, kept alive':
        return this.#ask({ port: httpPort, agent: this.#agent, method: 'POST' }, 'an order');
      case 'slow answers':
        return this.#ask({ port: httpPort, agent: false, path: slowPath });
      case 'TLS, a connection each':
        return this.#ask({ port: httpsPort, agent: false });
      case 'HTTP/2 over TLS':
        return this.#askHttp2();
    }
  }

  close(): void {
    this.#agent.destroy();
    this.#session?.destroy();
  }

  #ask(options: RequestOptions, body?: string): Promise<string> {
    const { host, httpsPort } = this.#target;
    const common = { host: '127.0.0.1', headers: { host }, signal: AbortSignal.timeout(giveUpMs), ...options };
    const secure = { ...common, servername: host, rejectUnauthorized: false };
    return new Promise((fulfil, reject) => {
      const request = options.port === httpsPort ? requestSecure(secure) : requestPlain(common);
      request.once('error', reject);
      request.once('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.once('error', reject);
        response.once('end', () => {
          const pod = response.headers['x-pod'];
          if (response.statusCode === 200 && typeof pod === 'string') fulfil(pod);
          else reject(new Error(`${response.statusCode} ${text}`));
        });
      });
      request.end(body);
    });
  }

  #askHttp2(): Promise<string> {
    const session = this.#openSession();
    return new Promise((fulfil, reject) => {
      const stream = session.request({ ':path': '/', ':authority': this.#target.host });
      let status = 0;
      let pod = '';
      stream.setTimeout(giveUpMs, () => stream.destroy(new Error('no answer in time')));
      stream.once('response', (headers) => {
        status = headers[':status'] ?? 0;
        pod = String(headers['x-pod'] ?? '');
      });
      stream.once('error', (error) => {
        // Our own side refuses what it was still to send when GOAWAY came (RFC 9113, section 6.8: use another connection).
        const isUnsent = session.closed && stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
        if (!isUnsent) return reject(error);
        this.unsent += 1;
        fulfil(this.#askHttp2());
      });
      let text = '';
      stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      stream.once('end', () => {
        if (status === 200 && pod !== '') fulfil(pod);
        else reject(new Error(`${status} ${text}`));
      });
      stream.once('close', () => reject(new Error('closed without an answer')));
    });
  }

  /** The session in use, or another when it was told to go away (RFC 9113, section 6.8). */
  #openSession(): ClientHttp2Session {
    const current = this.#session;
    if (current !== undefined && !current.closed && !current.destroyed) return current;
    const { httpsPort, host } = this.#target;
    const session = connectHttp2(`https://127.0.0.1:${httpsPort}`, { servername: host, rejectUnauthorized: false });
    // What was asked over it fails by itself.
    session.on('error', () => undefined);
    this.#session = session;
    return session;
  }
}

/** WebSockets that say something now and then. One whose pod ends is opened anew. */
class WebSockets {
  messages = 0;
  readonly broken: string[] = [];
  readonly #target: LoadTarget;
  readonly #lanes: readonly Promise<void>[];
  #isOver = false;

  constructor(target: LoadTarget) {
    this.#target = target;
    this.#lanes = Array.from({ length: target.webSockets ?? 0 }, () => this.#keepOpen());
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#lanes);
  }

  async #keepOpen(): Promise<void> {
    while (!this.#isOver) {
      await this.#talk().catch((error: unknown) => {
        this.broken.push(error instanceof Error ? error.message : String(error));
      });
    }
  }

  /** Until the load or the pod ends. Throws when the connection breaks, or an echo stays away. */
  async #talk(): Promise<void> {
    const { httpPort, host } = this.#target;
    const socket = connect(httpPort, '127.0.0.1');
    const heard = new Hearing(socket);
    socket.write(upgradeOf(host));
    try {
      await heard.text('HTTP/1.1 101');
      while (!this.#isOver && !heard.isGoodbye) {
        const message = `message ${this.messages};`;
        socket.write(message);
        await heard.text(message);
        if (!heard.isGoodbye) this.messages += 1;
        await pause(messageEveryMs);
      }
    } finally {
      socket.destroy();
    }
  }
}

/** What came over a socket. */
class Hearing {
  #all = '';
  #isOver = false;

  constructor(socket: Socket) {
    socket.setEncoding('utf8').on('data', (chunk: string) => (this.#all = `${this.#all}${chunk}`.slice(-1_000)));
    for (const event of ['error', 'end', 'close']) socket.on(event, () => (this.#isOver = true));
  }

  get isGoodbye(): boolean {
    return this.#all.includes(goodbye);
  }

  /** Waits for that text, or a goodbye. */
  text(wanted: string): Promise<void> {
    const deadline = performance.now() + giveUpMs;
    return new Promise((fulfil, reject) => {
      const settle = (): boolean => {
        if (this.#all.includes(wanted) || this.isGoodbye) fulfil();
        else if (this.#isOver) reject(new Error(`closed after: ${this.#all.slice(-80)}`));
        else if (performance.now() > deadline) reject(new Error(`nothing came back after: ${this.#all.slice(-80)}`));
        else return false;
        return true;
      };
      const poll = setInterval(() => {
        if (settle()) clearInterval(poll);
      }, 5);
    });
  }
}

/** RFC 6455, section 4.1. */
function upgradeOf(host: string): string {
  const lines = [
    'GET /socket HTTP/1.1',
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${Buffer.from('sixteen bytes ok').toString('base64')}`,
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}
