// The source for a live cluster: one reflector for each kind and namespace, behind one connection pool.

import type { KubeConfig } from '@kubernetes/client-node';
import { setMaxListeners } from 'node:events';
import { Observable } from 'rxjs';
import { kinds } from '../cluster/kubernetes-object.ts';
import { ApiClient } from './api-client.ts';
import { FailureLog, type SourceLog } from './failure-log.ts';
import { reflectedResources } from './reflected-resource.ts';
import {
  defaultReflectorLimits,
  Reflector,
  type ReflectorEvent,
  type ReflectorLimits,
  type ReflectorTarget,
} from './reflector.ts';
import type { Source, SourceEvent } from './source.ts';
import { realTiming, type Timing } from './timing.ts';

export interface KubernetesSourceOptions {
  readonly kubeConfig: KubeConfig;
  /** Empty for all. IngressClasses belong to no namespace and are read in any case. */
  readonly namespaces: readonly string[];
  /** For accounts that may read nothing outside of their namespaces. */
  readonly withoutIngressClasses?: boolean;
  readonly log: SourceLog;
  /** Called for everything a reflector goes through. It must not throw. */
  readonly observe?: (event: ReflectorEvent) => void;
  readonly limits?: Partial<ReflectorLimits>;
  readonly timing?: Timing;
}

/** Reads all kinds from an API server and keeps up with it until unsubscribed. See `Source`. */
export function kubernetesSource(options: KubernetesSourceOptions): Source {
  return { events$: new Observable((subscriber) => start(options, subscriber)) };
}

/** Where the events go; a Subscriber of RxJS. */
interface Receiver {
  readonly next: (event: SourceEvent) => void;
  readonly error: (error: unknown) => void;
}

function start(options: KubernetesSourceOptions, receiver: Receiver): () => void {
  const { timing = realTiming, log, observe } = options;
  const limits = { ...defaultReflectorLimits, ...options.limits };
  const client = new ApiClient(options.kubeConfig, timing);
  const failureLog = new FailureLog(log, timing);
  const ending = new AbortController();
  // Each reflector listens to it several times, which is no leak.
  setMaxListeners(0, ending.signal);

  const targets = targetsOf(options);
  const unlisted = new Set(targets);
  for (const target of targets) {
    const reflector = new Reflector({
      ...target,
      client,
      limits,
      timing,
      emit: (event) => receiver.next(event),
      observe: (event) => {
        failureLog.note(event);
        observe?.(event);
        if (event.kind === 'listed' && unlisted.delete(target) && unlisted.size === 0)
          receiver.next({ kind: 'synced' });
      },
    });
    reflector.run(ending.signal).catch((error: unknown) => receiver.error(error));
  }
  return () => {
    ending.abort();
    client.close();
  };
}

function targetsOf({ namespaces, withoutIngressClasses }: KubernetesSourceOptions): readonly ReflectorTarget[] {
  const scopes = namespaces.length === 0 ? [''] : [...new Set(namespaces)].toSorted();
  const wanted = withoutIngressClasses === true ? kinds.filter((kind) => kind !== 'IngressClass') : kinds;
  return wanted.flatMap((resource) =>
    (reflectedResources[resource].isNamespaced ? scopes : ['']).map((namespace) => ({ resource, namespace })),
  );
}
