// The source for a live cluster: one reflector for each kind and namespace, behind one connection pool.

import type { KubeConfig } from '@kubernetes/client-node';
import { setMaxListeners } from 'node:events';
import { Observable } from 'rxjs';
import { referencedConfigMaps } from '../cluster/config-map-reference.ts';
import { kinds } from '../cluster/kubernetes-object.ts';
import { referencedSecrets } from '../cluster/secret-reference.ts';
import { ApiClient } from './api-client.ts';
import { ApiFailure } from './api-failure.ts';
import type { Contact } from './contact.ts';
import { FailureLog, type SourceLog } from './failure-log.ts';
import { NamedWatches, type NamedWatchesOptions } from './named-watches.ts';
import { collectionPath, reflectedResources, type ReflectorTarget } from './reflected-resource.ts';
import { defaultReflectorLimits, type ReflectorLimits } from './reflector-limits.ts';
import { Reflector, type ReflectorEvent } from './reflector.ts';
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
  /** The same of ConfigMaps. */
  readonly configMaps?: readonly string[];
  /** For accounts that may read nothing outside of their namespaces. */
  readonly withoutIngressClasses?: boolean;
  readonly log: SourceLog;
  /** Called for everything a reflector goes through. It must not throw. */
  readonly observe?: (event: ReflectorEvent) => void;
  /** Is told of everything that comes from the server. */
  readonly contact?: Contact;
  readonly limits?: Partial<ReflectorLimits>;
  readonly timing?: Timing;
}

const metadataOnly = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json';
/** Milliseconds that something small may take. */
const probeMs = 2_000;

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
  readonly #secrets: NamedWatches;
  readonly #configMaps: NamedWatches;
  #isSynced = false;

  constructor(options: KubernetesSourceOptions, receiver: Receiver) {
    const { timing = realTiming, namespaces, secrets = [], configMaps = [] } = options;
    this.#options = options;
    this.#receiver = receiver;
    this.#timing = timing;
    this.#limits = { ...defaultReflectorLimits, ...options.limits };
    const { contact } = options;
    this.#client = new ApiClient(options.kubeConfig, timing, options.reload, () => contact?.heard());
    this.#failureLog = new FailureLog(options.log, timing);
    this.#targets = targetsOf(options);
    this.#gate = new SyncGate(this.#targets);
    this.#configMaps = this.#watchNamed({
      kind: 'ConfigMap',
      namesIn: referencedConfigMaps,
      isReadAnyway: () => false,
      always: configMaps,
      emit: (event) => receiver.next(event),
    });
    this.#secrets = this.#watchNamed({
      kind: 'Secret',
      namesIn: referencedSecrets,
      isReadAnyway: (namespace) => namespaces.length === 0 || namespaces.includes(namespace),
      always: secrets,
      emit: (event) => this.#configMaps.pass(event),
    });
    for (const target of this.#targets) {
      const emit = (event: SourceEvent): void => this.#secrets.pass(event);
      this.#run(target, this.#ending, emit, (event) => {
        this.#gate.note(event);
        if (event.kind === 'listed' && event.resource === 'Secret') this.#secrets.listed(event.namespace);
      });
    }
    this.#configMaps.begin();
    this.#secrets.begin();
    contact?.begin((signal) => this.#probe(signal));
  }

  end(): void {
    this.#options.contact?.end();
    this.#ending.abort();
    this.#secrets.stop();
    this.#configMaps.stop();
    this.#client.close();
  }

  #watchNamed(options: Omit<NamedWatchesOptions, 'start'>): NamedWatches {
    return new NamedWatches({
      ...options,
      start: (namespace, name, named) => {
        const ending = new AbortController();
        this.#run({ resource: options.kind, namespace, name }, ending, named.emit, named.observe);
        return () => ending.abort();
      },
    });
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
      reflectors: () => this.#targets.length + this.#secrets.size + this.#configMaps.size,
      emit,
      observe: (event) => {
        this.#failureLog.note(event);
        this.#options.observe?.(event);
        this.#options.contact?.note(event);
        note(event);
        this.#sayWhenSynced();
      },
    });
    reflector.run(ending.signal).catch((error: unknown) => this.#receiver.error(error));
  }

  /** Lists one object, which the server reads from its store. That it may not be read is an answer, too. */
  async #probe(signal: AbortSignal): Promise<boolean> {
    const [namespace = ''] = this.#options.namespaces;
    const path = collectionPath({ resource: 'EndpointSlice', namespace }, { limit: '1' });
    const request = { path, accept: metadataOnly, silenceMs: probeMs };
    try {
      await this.#client.get(
        () => request,
        signal,
        async (body) => {
          for await (const chunk of body) void chunk;
        },
      );
      return true;
    } catch (error) {
      if (!(error instanceof ApiFailure) && !signal.aborted) this.#receiver.error(error);
      return error instanceof ApiFailure && error.status > 0 && error.status < 500;
    }
  }

  #sayWhenSynced(): void {
    if (this.#isSynced || !this.#gate.isOpen || !this.#secrets.isSettled || !this.#configMaps.isSettled) return;
    this.#isSynced = true;
    this.#receiver.next({ kind: 'synced' });
  }
}

function targetsOf({ namespaces, withoutIngressClasses }: KubernetesSourceOptions): readonly ReflectorTarget[] {
  const scopes = namespaces.length === 0 ? [''] : [...new Set(namespaces)].toSorted();
  const wanted = kinds.filter(
    (kind) => kind !== 'ConfigMap' && (kind !== 'IngressClass' || withoutIngressClasses !== true),
  );
  return wanted.flatMap((resource) =>
    (reflectedResources[resource].isNamespaced ? scopes : ['']).map((namespace) => ({ resource, namespace })),
  );
}
