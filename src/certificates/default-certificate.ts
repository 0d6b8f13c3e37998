/**
 * The certificate for TLS clients that name no host with its own: made here, vouched for by nobody, and renewed in time. Replicas share
 * one through a Secret where there is a place for it; elsewhere all derive the same from the date, so that an Envoy that moves from one to
 * another, or sees it come back, is sent nothing. Its key is then no secret, and does not have to be: whoever accepts a certificate that
 * nobody vouches for accepts that of anybody who stands in between.
 */
import type { NamespacedName } from '../setting.ts';
import { isLeafDue, lifetimesOf, validityFrom } from './generations.ts';
import { Rounds } from './rounds.ts';
import type { SecretStore } from './secret-store.ts';
import type { CertificateLog } from './self-made.ts';
import { deriveCertificate, hasSigned, makeSelfSigned, type Pair } from './x509.ts';

interface SharedPlace {
  readonly store: SecretStore;
  readonly secret: NamespacedName;
}

export interface DefaultCertificateOptions {
  /** Where replicas agree; without it they derive the same. */
  readonly shared?: SharedPlace;
  readonly log: CertificateLog;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Called with each certificate that is to be shown from now on. */
  readonly show: (pair: Pair) => void;
}

/** A year, as browsers take at most a little more. */
const lifeMs = 365 * 24 * 3_600_000;
/** How often another one is derived, and for how long clocks may disagree. */
const periodMs = 90 * 24 * 3_600_000;
const checkMs = 3_600_000;
const retryMs = 10_000;
const maxRaces = 5;
/** For how long serving may wait for the Secret. */
const patienceMs = 5_000;
const names = ['default.invalid'];
const subject = 'Sluice default certificate';
const keys = { cert: 'default.crt', key: 'default.key' } as const;

export class DefaultCertificate {
  readonly #options: DefaultCertificateOptions;
  readonly #rounds: Rounds;
  #shown: Pair | undefined;

  constructor(options: DefaultCertificateOptions) {
    this.#options = options;
    this.#rounds = new Rounds({
      round: () => this.renew(),
      everyMs: checkMs,
      retryMs,
      complain: (reason) =>
        options.log.warn(`The default certificate is not shared with other replicas: ${reason}; retrying`),
    });
  }

  /** Shows one, and looks after it until `stop`. While the Secret cannot be read for long, the derived one is shown. */
  async start(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((fulfil) => (timer = setTimeout(fulfil, patienceMs)));
    await Promise.race([this.#rounds.start(), patience]);
    clearTimeout(timer);
    if (this.#shown === undefined) this.#show(await this.#derive());
  }

  stop(): Promise<void> {
    return this.#rounds.stop();
  }

  /** Does what is due. Rejects when the Secret cannot be read or written; what is shown stays. */
  async renew(): Promise<void> {
    const { shared } = this.#options;
    if (shared === undefined) this.#show(await this.#derive());
    else await this.#agree(shared, maxRaces);
  }

  /** @param races how often the Secret is read again because somebody else has written it meanwhile */
  async #agree({ store, secret }: SharedPlace, races: number): Promise<void> {
    const stored = await store.read(secret);
    if (stored === undefined) throw new Error(`there is no Secret ${secret.namespace}/${secret.name}`);
    const { [keys.cert]: cert = '', [keys.key]: key = '' } = stored.data;
    if (!this.#isDue({ cert, key })) {
      this.#show({ cert, key });
      return;
    }
    const made = await this.#make();
    const written = { [keys.cert]: made.cert, [keys.key]: made.key };
    if (await store.write(secret, stored.version, written)) this.#show(made);
    else if (races > 0) await this.#agree({ store, secret }, races - 1);
    else throw new Error('others write the Secret again and again');
  }

  #show(pair: Pair): void {
    if (this.#rounds.isStopped || pair.cert === this.#shown?.cert) return;
    this.#shown = pair;
    this.#options.show(pair);
  }

  #make(): Promise<Pair> {
    return makeSelfSigned({ subject, names, ...validityFrom(this.#options.now(), lifeMs) });
  }

  #derive(): Promise<Pair> {
    const began = Math.floor(this.#options.now() / periodMs) * periodMs;
    const validity = { notBefore: began - periodMs, notAfter: began - periodMs + lifeMs };
    return deriveCertificate({ subject, names, seed: `${subject} ${began}`, ...validity });
  }

  #isDue({ cert, key }: Pair): boolean {
    return key === '' || !hasSigned(cert, cert) || isLeafDue(cert, this.#options.now(), lifetimesOf(lifeMs));
  }
}
