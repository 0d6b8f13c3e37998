// What an operator can see of the connection to Kubernetes: for each kind and namespace whether it is being followed,
// since when it is not, and why.

import type { Kind } from '../cluster/kubernetes-object.ts';
import { describeFailure } from './failure-log.ts';
import { type ReflectorTarget, targetKey } from './reflected-resource.ts';
import type { ReflectorEvent } from './reflector.ts';

/** Secrets that are read one by one are not among them; their failures count with the kind. */
export interface TargetStatus {
  readonly kind: Kind;
  /** Empty for all namespaces. */
  readonly namespace: string;
  /** `starting` until it has been listed once. */
  readonly state: 'starting' | 'watching' | 'failing';
  readonly objects: number;
  /** Milliseconds since 1970 of the last time that the server showed the state to be as known; 0 for never. */
  readonly lastContactMs: number;
  /** Why it fails, a sentence without a full stop; the same for the same cause. Empty unless it fails. */
  readonly failure: string;
}

interface MutableStatus {
  target: ReflectorTarget;
  isListed: boolean;
  objects: number;
  lastContactMs: number;
  failure: string;
}

export class SourceStatus {
  readonly #now: () => number;
  readonly #statuses = new Map<string, MutableStatus>();

  /** @param now milliseconds since 1970. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  note(event: ReflectorEvent): void {
    if (event.name !== undefined) return;
    const status = this.#statusOf(event);
    if (event.kind === 'failed') {
      status.failure = describeFailure(event);
      return;
    }
    if (event.kind === 'unreadable') return;
    status.lastContactMs = this.#now();
    if (event.kind === 'listed' || event.kind === 'changed') status.objects = event.objects;
    if (event.kind === 'listed') status.isListed = true;
    if (event.kind === 'watching') status.failure = '';
  }

  all(): readonly TargetStatus[] {
    return [...this.#statuses.values()].map(({ target, isListed, objects, lastContactMs, failure }) => ({
      kind: target.resource,
      namespace: target.namespace,
      state: failure === '' ? (isListed ? 'watching' : 'starting') : 'failing',
      objects,
      lastContactMs,
      failure,
    }));
  }

  #statusOf({ resource, namespace }: ReflectorEvent): MutableStatus {
    const target = { resource, namespace };
    const known = this.#statuses.get(targetKey(target));
    if (known !== undefined) return known;
    const status = { target, isListed: false, objects: 0, lastContactMs: 0, failure: '' };
    this.#statuses.set(targetKey(target), status);
    return status;
  }
}
