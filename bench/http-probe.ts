/** Asks one host over and over on one kept connection until the answer is the wanted one: how a change is seen from outside. */
import { Agent, type IncomingMessage, request } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import { now } from './clock.ts';

export interface ProbeAnswer {
  readonly status: number;
  /** What the backend says of itself in `x-backend`; undefined when none answered. */
  readonly address: string | undefined;
}

export interface Probe {
  /** When the first answer that is wanted had arrived. Throws after a minute. */
  until(host: string, isWanted: (answer: ProbeAnswer) => boolean): Promise<number>;
  close(): void;
}

export interface ProbeTarget {
  readonly port: number;
  /** Speaks TLS and asks for this name; a refused handshake is tried again. */
  readonly serverName?: string;
}

export function openProbe({ port, serverName }: ProbeTarget): Probe {
  const options = { keepAlive: true, maxSockets: 1 };
  const agent = serverName === undefined ? new Agent(options) : new SecureAgent(options);
  const ask = (host: string): Promise<ProbeAnswer> =>
    new Promise((fulfil, reject) => {
      const common = { agent, host: '127.0.0.1', port, headers: { host } };
      const take = (answer: IncomingMessage): void => {
        const address = answer.headers['x-backend'];
        answer.resume().once('end', () => {
          fulfil({ status: answer.statusCode ?? 0, address: typeof address === 'string' ? address : undefined });
        });
        answer.once('error', reject);
      };
      const sent =
        serverName === undefined
          ? request(common, take)
          : secureRequest({ ...common, servername: serverName, rejectUnauthorized: false }, take);
      sent.once('error', reject);
      sent.end();
    });
  return {
    async until(host, isWanted) {
      for (const deadline = now() + 60_000; now() < deadline;) {
        const answer = await ask(host).catch((error: unknown) => {
          if (serverName === undefined) throw error;
          return undefined;
        });
        if (answer !== undefined && isWanted(answer)) return now();
      }
      throw new Error(`${host} did not answer as it should within a minute`);
    },
    close: () => agent.destroy(),
  };
}
