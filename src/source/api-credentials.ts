// How we prove to the API server who we are, anew for each request. client-node reads the files and runs the plugins;
// what it remembers for too long is forgotten when the server refuses it.

import type { KubeConfig } from '@kubernetes/client-node';
import { Agent as HttpAgent, type OutgoingHttpHeaders } from 'node:http';
import type { RequestOptions } from 'node:https';
import { ApiFailure } from './api-failure.ts';
import type { TlsOptions } from './api-transport.ts';
import { messageOf } from './system-error.ts';
import { pause, type Timing } from './timing.ts';

export interface Credentials {
  readonly server: URL;
  readonly headers: OutgoingHttpHeaders;
  readonly tls: TlsOptions;
  /** Set when the kubeconfig names a proxy: only client-node's own agent knows how to go through it. */
  readonly proxy: HttpAgent | undefined;
}

/** A plugin that hangs must not hang us. */
const patienceMs = 20_000;
const renewalIntervalMs = 1_000;

export class ApiCredentials {
  readonly #reload: () => Promise<KubeConfig>;
  readonly #timing: Timing;
  #kubeConfig: KubeConfig;
  /** Shared by all who ask at the same time: a plugin is a process. */
  #pending: Promise<Credentials> | undefined;
  #renewedAt = -Infinity;

  /** @param reload reads the configuration again, with nothing remembered. */
  constructor(kubeConfig: KubeConfig, reload: () => Promise<KubeConfig>, timing: Timing) {
    this.#kubeConfig = kubeConfig;
    this.#reload = reload;
    this.#timing = timing;
  }

  /** The API server's address as the kubeconfig names it. */
  get server(): string {
    return this.#kubeConfig.getCurrentCluster()?.server ?? '';
  }

  /** Rejects with an ApiFailure when they cannot be had. */
  get(): Promise<Credentials> {
    this.#pending ??= this.#read().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  /** The server refused them: reads everything again. Keeps what it has when that fails. */
  async renew(): Promise<void> {
    if (this.#timing.now() - this.#renewedAt < renewalIntervalMs) return;
    this.#renewedAt = this.#timing.now();
    try {
      this.#kubeConfig = await this.#reload();
    } catch (error) {
      throw new ApiFailure(`cannot read the credentials again: ${messageOf(error)}`, { status: 401, cause: error });
    }
  }

  async #read(): Promise<Credentials> {
    const headers: OutgoingHttpHeaders = {};
    const options: RequestOptions = { headers };
    const abandon = new AbortController();
    const expired = pause(patienceMs, abandon.signal, this.#timing).then(() => {
      throw new Error(`they did not come within ${patienceMs / 1_000} s`);
    });
    try {
      await Promise.race([this.#kubeConfig.applyToHTTPSOptions(options), expired]);
      return this.#credentials(options, headers);
    } catch (error) {
      throw new ApiFailure(`cannot read the credentials: ${messageOf(error)}`, { cause: error });
    } finally {
      expired.catch(() => undefined);
      abandon.abort();
    }
  }

  #credentials(options: RequestOptions, headers: OutgoingHttpHeaders): Credentials {
    const { ca, cert, key, rejectUnauthorized, servername, agent, auth } = options;
    const given = Object.entries({ ca, cert, key, rejectUnauthorized, servername }).filter(
      ([, value]) => value !== undefined,
    );
    const hasProxy = (this.#kubeConfig.getCurrentCluster()?.proxyUrl ?? '') !== '';
    return {
      server: new URL(this.server),
      headers: { ...cleanHeaders(headers), ...(typeof auth === 'string' ? { authorization: basic(auth) } : {}) },
      tls: Object.fromEntries(given),
      proxy: hasProxy && agent instanceof HttpAgent ? agent : undefined,
    };
  }
}

/** A token file may end in a newline, which no header may hold. */
function cleanHeaders(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const entries = Object.entries(headers).map(([name, value]) => {
    return [name.toLowerCase(), typeof value === 'string' ? value.trim() : value] as const;
  });
  return Object.fromEntries(entries);
}

function basic(auth: string): string {
  return `Basic ${Buffer.from(auth).toString('base64')}`;
}
