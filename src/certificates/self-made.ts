/**
 * Mutual TLS for xDS that needs nobody: the replicas of the control plane keep an authority in one Secret and the Envoys' certificate
 * in another, renew both in time, and make their own server certificates. Any replica does what is due; they agree by the Secrets.
 */
import type { NamespacedName } from '../setting.ts';
import {
  advance,
  envoyName,
  isLeafDue,
  lifetimesOf,
  trustBundle,
  validityFrom,
  type Generations,
  type Lifetimes,
} from './generations.ts';
import type { TlsMaterial, TlsSource } from '../xds/mutual-tls.ts';
import { Rounds } from './rounds.ts';
import type { SecretStore } from './secret-store.ts';
import { hasSigned, makeAuthority, makeLeaf, type Pair } from './x509.ts';

export interface SelfMadeOptions {
  readonly store: SecretStore;
  /** The Secret with the authority's keys; for control planes only. */
  readonly authority: NamespacedName;
  /** The Secret that Envoys mount: `tls.crt`, `tls.key` and `ca.crt`. */
  readonly client: NamespacedName;
  /** DNS names by which Envoys call the control plane. */
  readonly names: readonly string[];
  /** Life of a leaf, in milliseconds; the rest follows from it. */
  readonly validityMs: number;
  readonly log: CertificateLog;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface CertificateLog {
  readonly info: (message: string) => void;
  readonly warn: (message: string) => void;
}

/** How often a round is begun anew at once because another replica was faster. */
const maxRaces = 5;
const retryMs = 2_000;

export class SelfMadeCertificates implements TlsSource {
  readonly #options: SelfMadeOptions;
  readonly #lifetimes: Lifetimes;
  readonly #rounds: Rounds;
  readonly #listeners = new Set<(material: TlsMaterial) => void>();
  #generations: Generations | undefined;
  #server: Pair | undefined;
  #material: TlsMaterial | undefined;

  constructor(options: SelfMadeOptions) {
    this.#options = options;
    this.#lifetimes = lifetimesOf(options.validityMs);
    const everyMs = this.#lifetimes.check;
    this.#rounds = new Rounds({
      round: () => this.renew(),
      everyMs,
      retryMs: Math.min(everyMs, retryMs),
      complain: (reason) =>
        options.log.warn(`The xDS certificates cannot be renewed: ${reason}; what there is stays in use, retrying`),
      recovered: () => options.log.info('The xDS certificates are in order again'),
    });
  }

  /** Looks after the certificates from now on, until `stop`. */
  start(): void {
    void this.#rounds.start();
  }

  stop(): Promise<void> {
    return this.#rounds.stop();
  }

  watch(listener: (material: TlsMaterial) => void): () => void {
    this.#listeners.add(listener);
    if (this.#material !== undefined) listener(this.#material);
    return () => this.#listeners.delete(listener);
  }

  /** Does what is due. Rejects when the Secrets cannot be read or written; what can be done without them is done. */
  async renew(): Promise<void> {
    await this.#renew(maxRaces);
  }

  async #renew(races: number): Promise<void> {
    const { store, authority, now, log } = this.#options;
    try {
      const stored = await store.read(authority);
      if (stored === undefined) throw new Error(`there is no Secret ${nameOf(authority)}: apply the manifests again`);
      const known = readGenerations(stored.data, authority);
      const wanted = await advance(known, now(), this.#lifetimes, makeAuthority);
      if (wanted !== known) {
        if (!(await store.write(authority, stored.version, writtenGenerations(wanted))))
          return await this.#again(races);
        log.info(describeStep(known, wanted));
      }
      this.#generations = wanted;
    } finally {
      // While the API server is away the authority that is known goes on signing.
      await this.#renewServer();
    }
    if (!(await this.#renewClient())) await this.#again(races);
  }

  async #again(races: number): Promise<void> {
    if (races > 0) await this.#renew(races - 1);
  }

  async #renewServer(): Promise<void> {
    if (this.#generations === undefined) return;
    const { issuing } = this.#generations;
    const { now, names } = this.#options;
    const ca = trustBundle(this.#generations);
    if (this.#server === undefined || this.#isDue(this.#server.cert, issuing)) {
      const validity = validityFrom(now(), this.#lifetimes.leaf);
      this.#server = await makeLeaf({ use: 'server', names, issuer: issuing, ...validity });
    } else if (this.#material?.ca === ca) {
      return;
    }
    this.#material = { ...this.#server, ca };
    for (const listener of this.#listeners) listener(this.#material);
  }

  /** False when another replica was faster. */
  async #renewClient(): Promise<boolean> {
    if (this.#generations === undefined) return true;
    const { store, client, now } = this.#options;
    const { issuing } = this.#generations;
    const stored = await store.read(client);
    if (stored === undefined) throw new Error(`there is no Secret ${nameOf(client)}: apply the manifests again`);
    const { 'tls.crt': cert = '', 'tls.key': key = '', 'ca.crt': trusted } = stored.data;
    const ca = trustBundle(this.#generations);
    const isDue = key === '' || this.#isDue(cert, issuing);
    if (!isDue && trusted === ca) return true;
    const validity = validityFrom(now(), this.#lifetimes.leaf);
    const pair = isDue
      ? await makeLeaf({ use: 'client', names: [envoyName], issuer: issuing, ...validity })
      : { cert, key };
    return store.write(client, stored.version, { 'tls.crt': pair.cert, 'tls.key': pair.key, 'ca.crt': ca });
  }

  #isDue(cert: string, issuing: Pair): boolean {
    return !hasSigned(issuing.cert, cert) || isLeafDue(cert, this.#options.now(), this.#lifetimes);
  }
}

function nameOf({ namespace, name }: NamespacedName): string {
  return `${namespace}/${name}`;
}

const keys = {
  issuing: ['authority.crt', 'authority.key'],
  next: ['next.crt', 'next.key'],
  retired: 'retired.crt',
} as const;

/** @throws Error when there is something that is no authority: throwing it away would lock out everybody who trusts it. */
function readGenerations(data: Readonly<Record<string, string>>, secret: NamespacedName): Generations | undefined {
  const pair = ([crt, key]: readonly [string, string]): Pair | undefined => {
    const cert = data[crt] ?? '';
    if (cert === '') return undefined;
    if (!hasSigned(cert, cert)) {
      throw new Error(`${crt} of the Secret ${nameOf(secret)} is no authority: delete its data to have a new one made`);
    }
    return { cert, key: data[key] ?? '' };
  };
  const issuing = pair(keys.issuing);
  if (issuing === undefined) return undefined;
  const next = pair(keys.next);
  const retired = data[keys.retired];
  return { issuing, ...(next && { next }), ...(retired !== undefined && retired !== '' && { retired }) };
}

function writtenGenerations({ issuing, next, retired }: Generations): Readonly<Record<string, string | null>> {
  return {
    [keys.issuing[0]]: issuing.cert,
    [keys.issuing[1]]: issuing.key,
    [keys.next[0]]: next?.cert ?? null,
    [keys.next[1]]: next?.key ?? null,
    [keys.retired]: retired ?? null,
  };
}

function describeStep(before: Generations | undefined, after: Generations): string {
  if (before === undefined) return 'Made an authority for xDS';
  if (after.issuing.cert !== before.issuing.cert) return 'The next authority for xDS signs from now on';
  return after.next !== undefined && before.next === undefined
    ? 'Made the next authority for xDS; it is trusted now and signs later'
    : 'An old authority for xDS has run out';
}
