/** Translation, guard and store as the control plane joins them, without streams: what objects become is served at once, or held. */
import type { Ingress, KubernetesObject } from '../../src/cluster/kubernetes-object.ts';
import { commitJudged } from '../../src/commit.ts';
import { Guard } from '../../src/guard.ts';
import type { HeldForms } from '../../src/last-good.ts';
import type { Problem } from '../../src/model/problem.ts';
import { typeUrl } from '../../src/proto/type-url.ts';
import { decode } from '../../src/proto/message.ts';
import { Translation } from '../../src/translation/translation.ts';
import type { ObjectUpdate, TranslationOptions } from '../../src/translation/translation.ts';
import { bodyOf } from '../../src/xds/resource.ts';
import { XdsServer } from '../../src/xds/server.ts';
import type { ResourceChange } from '../../src/xds/view.ts';
import { applied, deleted } from './objects.ts';
import { translationOptions } from './serving.ts';

export class Judged {
  readonly translation: Translation;
  readonly #server = new XdsServer({ host: '127.0.0.1', port: 0, observe: () => undefined });
  readonly #guard: Guard;

  constructor(options: TranslationOptions = translationOptions, memory?: HeldForms) {
    this.translation = new Translation(options);
    this.#guard = new Guard({ translation: this.translation, server: () => this.#server, wake: () => undefined });
    // As it is when it has been in a file.
    // oxlint-disable-next-line no-unsafe-type-assertion -- it is of the type that it was made from
    if (memory !== undefined) this.#guard.remember(JSON.parse(JSON.stringify(memory)) as HeldForms);
  }

  apply(...objects: readonly KubernetesObject[]): Promise<readonly ResourceChange[]> {
    return this.update(objects.map(applied));
  }

  remove(...objects: readonly KubernetesObject[]): Promise<readonly ResourceChange[]> {
    return this.update(objects.map(deleted));
  }

  /** All in one publication; gives back what it is. */
  async update(updates: readonly ObjectUpdate[]): Promise<readonly ResourceChange[]> {
    this.#guard.update(updates);
    this.#guard.prepare();
    const computed = await commitJudged(this.translation, () => this.#guard.judge(), new AbortController().signal);
    const passed = this.#guard.pass(computed ?? []);
    this.#server.publish(passed);
    return passed;
  }

  get memory(): HeldForms {
    return this.#guard.memory();
  }

  /** Problems of the translation, and of what is held. */
  get problems(): readonly Problem[] {
    return [...this.translation.problems(), ...this.#guard.quarantine.problems()];
  }

  /** `namespace/name` of what is held. */
  get held(): readonly string[] {
    return this.memory.culprits.map(({ key }) => key).toSorted();
  }

  get summary(): ReturnType<Guard['quarantine']['summary']> {
    return this.#guard.quarantine.summary();
  }

  /** Versions of all that is served. */
  get versions(): Readonly<Record<string, string>> {
    const { delta } = this.#server.store;
    return Object.fromEntries(
      delta
        .typeUrls()
        .flatMap((type) => delta.names(type).map((name) => [`${type} ${name}`, delta.get(type, name)?.version ?? ''])),
    );
  }

  /** Of a host, what a request to each path gets: a cluster, or a status. */
  routes(host: string): Readonly<Record<string, string>> {
    const resource = this.#server.store.delta.get(typeUrl.virtualHost, `http/${host}`);
    if (resource === undefined) return {};
    const { routes = [] } = decode('envoy.config.route.v3.VirtualHost', bodyOf(resource));
    return Object.fromEntries(
      routes.map(({ match, route, direct_response: answer }) => [
        match?.path ?? match?.path_separated_prefix ?? match?.prefix ?? match?.safe_regex?.regex ?? '',
        route?.cluster ?? String(answer?.status ?? 'redirect'),
      ]),
    );
  }
}

/** The same Ingress with other annotations of ours. */
export function annotated(object: Ingress, annotations: Readonly<Record<string, string>>): Ingress {
  const own = Object.entries(annotations).map(([name, value]) => [`nginx.ingress.kubernetes.io/${name}`, value]);
  return { ...object, metadata: { ...object.metadata, annotations: Object.fromEntries(own) } };
}
