// The source for a live cluster: one reflector for each kind and namespace, behind one connection pool.

import type { KubeConfig } from '@kubernetes/client-node';
import { setMaxListeners } from 'node:events';
import { Observable } from 'rxjs';
import { kinds } from '../cluster/kubernetes-object.ts';
import { ApiClient } from './api-client.ts';
import { FailureLog, type SourceLog } from './failure-log.ts';
import { reflectedResources, type ReflectorTarget } from './reflected-resource.ts';
import { defaultReflectorLimits, type ReflectorLimits } from './reflector-limits.ts';
import { Reflector, type ReflectorEvent } from './reflector.ts';
import { SecretWatches } from './secret-watches.ts';
import type { Source, SourceEvent } from './source.ts';
import { SyncGate } from './sync-gate.ts';
import { realTiming, type Timing } from './timing.ts';

export interface KubernetesSourceOptions {
  readonly kubeConfig: KubeConfig;
  /** Reads the same configuration again, for when the server refuses the credentials; without it they stay as they are. */
  readonly reload?: () => Promise<KubeConfig>;
  /** Empty for all. IngressClasses belong to no namespace and are read in any case. */
  readonly namespaces: readonly string[];
  /** Secrets, as `namespace/name`, that are read whether or not an object names them, and wherever they are. */
  readonly secrets?: readonly string[];
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
  return {
    events$: new Observable((subscriber) => {
      const session = new ReadingSession(options, subscriber);
      return () => session.end();
    }),
  };
}

/** Where the events go; a Subscriber of RxJS. */
interface Receiver {
  readonly next: (event: SourceEvent) => void;
  readonly error: (error: unknown) => void;
}

/** What one subscription to the source holds. */
class ReadingSession {
  readonly #options: KubernetesSourceOptions;
  readonly #receiver: Receiver;
  readonly #timing: Timing;
  readonly #limits: ReflectorLimits;
  readonly #client: ApiClient;
  readonly #failureLog: FailureLog;
  readonly #ending = new AbortController();
  readonly #targets: readonly ReflectorTarget[];
  readonly #gate: SyncGate;
  readonly #secrets: SecretWatches;
  #isSynced = false;

  constructor(options: KubernetesSourceOptions, receiver: Receiver) {
    const { timing = realTiming, namespaces, secrets = [] } = options;
    this.#options = options;
    this.#receiver = receiver;
    this.#timing = timing;
    this.#limits = { ...defaultReflectorLimits, ...options.limits };
    this.#client = new ApiClient(options.kubeConfig, timing, options.reload);
    this.#failureLog = new FailureLog(options.log, timing);
    this.#targets = targetsOf(options);
    this.#gate = new SyncGate(this.#targets);
    this.#secrets = new SecretWatches({
      isReadByType: (namespace) => namespaces.length === 0 || namespaces.includes(namespace),
      always: secrets,
      start: (namespace, name, named) => {
        const ending = new AbortController();
        const target = { resource: 'Secret', namespace, name } as const;
        this.#run(target, ending, named.emit, (event) => {
          if (event.kind === 'listed') named.listed();
        });
        return () => ending.abort();
      },
      emit: (event) => receiver.next(event),
    });
    for (const target of this.#targets) {
      const emit = (event: SourceEvent): void => this.#secrets.pass(event);
      this.#run(target, this.#ending, emit, (event) => {
        this.#gate.note(event);
        if (event.kind === 'listed' && event.resource === 'Secret') this.#secrets.listed(event.namespace);
      });
    }
    this.#secrets.begin();
  }

  end(): void {
    this.#ending.abort();
    this.#secrets.stop();
    this.#client.close();
  }

  #run(
    target: ReflectorTarget,
    ending: AbortController,
    emit: (event: SourceEvent) => void,
    note: (event: ReflectorEvent) => void,
  ): void {
    // Each reflector listens to it several times, which is no leak.
    setMaxListeners(0, ending.signal);
    const reflector = new Reflector({
      ...target,
      client: this.#client,
      limits: this.#limits,
      timing: this.#timing,
      reflectors: () => this.#targets.length + this.#secrets.size,
      emit,
      observe: (event) => {
        this.#failureLog.note(event);
        this.#options.observe?.(event);
        note(event);
        this.#sayWhenSynced();
      },
    });
    reflector.run(ending.signal).catch((error: unknown) => this.#receiver.error(error));
  }

  #sayWhenSynced(): void {
    if (this.#isSynced || !this.#gate.isOpen || !this.#secrets.isSettled) return;
    this.#isSynced = true;
    this.#receiver.next({ kind: 'synced' });
  }
}

function targetsOf({ namespaces, withoutIngressClasses }: KubernetesSourceOptions): readonly ReflectorTarget[] {
  const scopes = namespaces.length === 0 ? [''] : [...new Set(namespaces)].toSorted();
  const wanted = withoutIngressClasses === true ? kinds.filter((kind) => kind !== 'IngressClass') : kinds;
  return wanted.flatMap((resource) =>
    (reflectedResources[resource].isNamespaced ? scopes : ['']).map((namespace) => ({ resource, namespace })),
  );
}
