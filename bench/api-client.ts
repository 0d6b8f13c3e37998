/** Writes to the API server and a plain watch of it, over plain HTTPS: what is measured must not share code with what measures. */
import { Agent, request, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { KubeCluster } from '../test/support/kube-cluster.ts';
import { now } from './clock.ts';

export interface ApiClient {
  /** Creates the object at the path of its collection. Throws what the API server says when it refuses. */
  create(collection: string, object: object): Promise<void>;
  /** Replaces the object at its own path. */
  replace(path: string, object: object): Promise<void>;
  remove(path: string): Promise<void>;
  /** Tells the events of a collection, as lines of JSON, from now on; fulfilled when the watch stands. */
  watch(collection: string, take: (line: string, at: number) => void): Promise<() => void>;
  close(): void;
}

export function apiClient(cluster: KubeCluster): ApiClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const options: RequestOptions = {
    agent,
    host: '127.0.0.1',
    port: cluster.port,
    ca: cluster.ca,
    headers: { authorization: `Bearer ${cluster.token}`, 'content-type': 'application/json' },
  };
  const call = async (method: string, path: string, body?: object): Promise<string> => {
    const answer = await send({ ...options, method, path }, body && JSON.stringify(body));
    const text = await textOf(answer);
    if ((answer.statusCode ?? 0) >= 300) throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`);
    return text;
  };
  return {
    create: async (collection, object) => void (await call('POST', collection, object)),
    replace: async (path, object) => void (await call('PUT', path, object)),
    remove: async (path) => void (await call('DELETE', path)),
    watch: async (collection, take) => {
      const version = resourceVersionOf(await call('GET', `${collection}?limit=1`));
      // An agent of its own: the watch never gives its connection back.
      const path = `${collection}?watch=1&resourceVersion=${version}`;
      const answer = await send({ ...options, agent: false, method: 'GET', path });
      let rest = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        const at = now();
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) take(line, at);
      });
      answer.on('error', () => undefined);
      return () => answer.destroy();
    },
    close: () => agent.destroy(),
  };
}

/** Runs the tasks, so many at a time. */
export async function concurrently(limit: number, tasks: readonly (() => Promise<void>)[]): Promise<void> {
  const queue = tasks.values();
  const work = async (): Promise<void> => {
    for (const task of queue) await task();
  };
  await Promise.all(Array.from({ length: limit }, work));
}

function send(options: RequestOptions, body?: string): Promise<IncomingMessage> {
  return new Promise((fulfil, reject) => {
    const sent = request(options, fulfil);
    sent.once('error', reject);
    sent.end(body);
  });
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

function resourceVersionOf(list: string): string {
  const version = /"resourceVersion":"(\d+)"/.exec(list)?.[1];
  if (version === undefined) throw new Error(`a list without resourceVersion: ${list.slice(0, 200)}`);
  return version;
}
