// Keeps `status.loadBalancer` of our Ingresses at the published addresses. It writes by server-side apply under a name
// of its own, so that the API server knows what is ours: letting go of an Ingress takes back what we wrote and nothing else.

import { apiVersions } from '../cluster/projection.ts';
import type { IngressStatus, LoadBalancerAddress } from '../cluster/kubernetes-object.ts';
import { objectKey } from '../model/object-ref.ts';
import type { ApiFailure } from '../source/api-client.ts';
import type { ObjectChange } from '../source/source.ts';
import type { Timing } from '../source/timing.ts';
import { haveSameAddresses } from './address-set.ts';
import { type ApiCaller, jsonBody, silenceMs } from './api-caller.ts';
import { type WriteLimits, WriteQueue } from './write-queue.ts';

/** All times in milliseconds. */
export interface StatusLimits extends WriteLimits {
  /** An Ingress that somebody else keeps changing is written no more often than this. */
  readonly contestMs: number;
  /** An Ingress that stops being ours is let go after this time: a class that is deleted and made anew costs nobody the status. */
  readonly releaseMs: number;
}

export const defaultStatusLimits: StatusLimits = {
  perSecond: 50,
  burst: 50,
  concurrency: 4,
  outage: { firstMs: 1_000, capMs: 60_000 },
  denial: { firstMs: 5_000, capMs: 300_000 },
  refusal: { firstMs: 1_000, capMs: 300_000 },
  retryAfterCapMs: 120_000,
  contestMs: 30_000,
  releaseMs: 10_000,
};

export interface StatusWriterOptions {
  readonly api: ApiCaller;
  /** The field manager: the same for all replicas, another for every other Sluice of the cluster. */
  readonly manager: string;
  /** Whether the Ingress (`namespace/name`) is served by us. */
  readonly isOurs: (key: string) => boolean;
  readonly isLeading: () => boolean;
  readonly limits: StatusLimits;
  readonly timing: Timing;
  readonly observe: (outcome: 'written' | ApiFailure) => void;
  readonly fail: (error: unknown) => void;
}

interface KnownIngress {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly status: IngressStatus;
}

type Need =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'publish'; readonly addresses: readonly LoadBalancerAddress[] }
  /** Ours no more. */
  | { readonly kind: 'release' };

const noStatus: IngressStatus = { addresses: [], managers: [] };

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #queue: WriteQueue;
  readonly #ingresses = new Map<string, KnownIngress>();
  /** What was written last and when, to tell a contest from news. */
  readonly #written = new Map<string, { readonly addresses: readonly LoadBalancerAddress[]; readonly at: number }>();
  #addresses: readonly LoadBalancerAddress[] | undefined;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    this.#queue = new WriteQueue({
      write: (key, signal) => this.#write(key, signal),
      scopeOf: (key) => this.#ingresses.get(key)?.namespace ?? '',
      isOpen: options.isLeading,
      limits: options.limits,
      timing: options.timing,
      observe: options.observe,
      fail: options.fail,
    });
  }

  /** Ingresses that wait to be written. */
  get pending(): number {
    return this.#queue.size;
  }

  /** What is published; undefined while it is not known. */
  get addresses(): readonly LoadBalancerAddress[] | undefined {
    return this.#addresses;
  }

  /** What Ingresses are now, which other replicas need to know as well: one of them leads next. */
  note(changes: readonly ObjectChange[]): readonly string[] {
    const touched: string[] = [];
    for (const { kind, namespace, name, object } of changes) {
      if (kind !== 'Ingress') continue;
      const key = objectKey({ namespace, name });
      touched.push(key);
      if (object?.kind === 'Ingress') {
        const { uid } = object.metadata;
        if (this.#ingresses.get(key)?.uid !== uid) this.#written.delete(key);
        this.#ingresses.set(key, { namespace, name, uid, status: object.status ?? noStatus });
      } else {
        this.#ingresses.delete(key);
        this.#written.delete(key);
      }
    }
    return touched;
  }

  /** These Ingresses may need a write. */
  touch(keys: Iterable<string>): void {
    if (!this.#options.isLeading()) return;
    for (const key of keys) this.#consider(key);
  }

  /** From now on Ingresses are published with these. */
  publish(addresses: readonly LoadBalancerAddress[]): void {
    this.#addresses = addresses;
    this.touch(this.#ingresses.keys());
  }

  /** Begins with whatever differs from what it should be. */
  lead(): void {
    this.touch(this.#ingresses.keys());
  }

  follow(): void {
    this.#queue.clear();
    this.#written.clear();
  }

  stop(): Promise<void> {
    return this.#queue.stop();
  }

  #consider(key: string): void {
    const need = this.#needOf(key);
    if (need.kind === 'publish') {
      const ms = this.#contestMs(key, need.addresses);
      if (ms === 0) this.#queue.add(key);
      else this.#queue.addAfter(key, ms);
    }
    if (need.kind === 'release') this.#queue.addAfter(key, this.#options.limits.releaseMs);
  }

  #needOf(key: string): Need {
    const known = this.#ingresses.get(key);
    if (known === undefined) return { kind: 'nothing' };
    const { addresses, managers } = known.status;
    if (this.#options.isOurs(key)) {
      const wanted = this.#addresses;
      const isRight = wanted === undefined || haveSameAddresses(addresses, wanted);
      return isRight ? { kind: 'nothing' } : { kind: 'publish', addresses: wanted };
    }
    return managers.includes(this.#options.manager) ? { kind: 'release' } : { kind: 'nothing' };
  }

  /** How long to leave the Ingress alone, because what we wrote is no longer there, or not yet seen by us. */
  #contestMs(key: string, addresses: readonly LoadBalancerAddress[]): number {
    const written = this.#written.get(key);
    if (written === undefined || !haveSameAddresses(written.addresses, addresses)) return 0;
    return Math.max(0, written.at + this.#options.limits.contestMs - this.#options.timing.now());
  }

  /** What was needed when the key was added may be so no longer. */
  async #write(key: string, signal: AbortSignal): Promise<void> {
    const known = this.#ingresses.get(key);
    const need = this.#needOf(key);
    if (known === undefined || need.kind === 'nothing') return;
    const addresses = need.kind === 'publish' ? need.addresses : [];
    if (need.kind === 'publish' && this.#contestMs(key, addresses) > 0) {
      this.#consider(key);
      return;
    }
    await this.#options.api.call(
      {
        method: 'PATCH',
        path: this.#pathOf(known),
        body: jsonBody(applied(known, need), 'application/apply-patch+yaml'),
        silenceMs,
      },
      signal,
    );
    this.#written.set(key, { addresses, at: this.#options.timing.now() });
    this.#options.observe('written');
  }

  #pathOf({ namespace, name }: KnownIngress): string {
    const query = new URLSearchParams({ fieldManager: this.#options.manager, force: 'true' });
    return `/apis/${apiVersions.Ingress}/namespaces/${encodeURIComponent(namespace)}/ingresses/${encodeURIComponent(name)}/status?${query.toString()}`;
  }
}

/** What we apply is all that we have a say in: without the field, it goes, unless somebody else has one, too. */
function applied({ namespace, name, uid }: KnownIngress, need: Need): object {
  const metadata = { namespace, name, uid };
  const status = need.kind === 'publish' ? { status: { loadBalancer: { ingress: need.addresses } } } : {};
  return { apiVersion: apiVersions.Ingress, kind: 'Ingress', metadata, ...status };
}
