import type { Observable } from 'rxjs';
import type { Kind, KubernetesObject } from '../cluster/kubernetes-object.ts';
import type { Problem } from '../model/problem.ts';

/**
 * Where Kubernetes objects come from. Subscribing starts it, unsubscribing ends it and frees what it held. It never
 * errors and never completes by itself: what goes wrong outside is retried inside, and the last good state stays.
 */
export interface Source {
  readonly events$: Observable<SourceEvent>;
}

export type SourceEvent =
  /** Changes that belong together; only what differs from the last event of the same object is sent. */
  | { readonly kind: 'changes'; readonly changes: readonly ObjectChange[] }
  /** Sent exactly once, when every object of every kind that existed at the start has been sent. */
  | { readonly kind: 'synced' }
  /** All problems that the origin (a file, an object) has now; they replace those it had before, and none clears them. */
  | { readonly kind: 'problems'; readonly origin: string; readonly problems: readonly Problem[] };

export interface ObjectChange {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
  /** What the object is now; undefined when it is gone. */
  readonly object: KubernetesObject | undefined;
}
