/** One Envoy for all cases of a feature, echoing backends, and a control plane: apply Ingresses, send requests, see answers. */
import { afterAll, beforeAll } from '@jest/globals';
import type { KubernetesObject } from '../../../src/cluster/kubernetes-object.ts';
import type { Problem } from '../../../src/model/problem.ts';
import { startVerifier } from '../../../src/verifier/server.ts';
import type { Verifier } from '../../../src/verifier/server.ts';
import { startBackend } from '../../support/backend.ts';
import type { Backend, BackendOptions, Echo } from '../../support/backend.ts';
import { certificate } from '../../support/certificates.ts';
import type { RunningEnvoy } from '../../support/envoy.ts';
import { eventually } from '../../support/eventually.ts';
import { httpRequest } from '../../support/http-request.ts';
import type { HttpAnswer, HttpRequest } from '../../support/http-request.ts';
import { joinEnvoy } from '../../support/joined-envoy.ts';
import { endpointSlice, ingress, ingressClass, service, tlsSecret } from '../../support/objects.ts';
import type { IngressParts } from '../../support/objects.ts';
import type { TranslationOptions } from '../../../src/translation/translation.ts';
import { startServing, translationOptions } from '../../support/serving.ts';
import type { Serving } from '../../support/serving.ts';

export const prefix = 'nginx.ingress.kubernetes.io';

export interface SceneOptions {
  /** By Service name; each is an echo on port 80, unless it has a handler. `web` and `api` when left out. */
  readonly backends?: Readonly<Record<string, Omit<BackendOptions, 'name'>>>;
  /** Names for which the Secret `tls` has a certificate. */
  readonly tlsNames?: readonly string[];
  /** Whether names without a certificate are shown the one that Sluice makes. */
  readonly hasDefaultCertificate?: true;
  readonly configMap?: Readonly<Record<string, string>>;
  readonly translation?: Partial<TranslationOptions>;
  readonly envoyFlags?: readonly string[];
  /** Name of a ConfigMap in `default` whose data is read instead, as it comes and changes. */
  readonly configMapNamed?: string;
}

export interface SceneIngress extends Omit<IngressParts, 'annotations'> {
  /** Without the prefix. */
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface SceneRequest extends Omit<HttpRequest, 'port' | 'host' | 'path' | 'tls'> {
  /** With `https://`: what the client shows, and the name that it asks for instead of the host. */
  readonly client?: { readonly cert?: string; readonly key?: string; readonly serverName?: string };
}

/** What came back; `echo` is what the backend saw, if it answered. */
export interface SceneAnswer extends HttpAnswer {
  readonly echo: Echo | undefined;
}

/** Starts with the first test of the file and ends with the last. */
export function scene(options: SceneOptions = {}): Scene {
  const opened = new Scene(options);
  beforeAll(() => opened.start(), 60_000);
  afterAll(() => opened.stop());
  return opened;
}

export class Scene {
  readonly #options: SceneOptions;
  #backends: readonly Backend[] = [];
  #serving: Serving | undefined;
  #envoy: RunningEnvoy | undefined;
  #verifier: Verifier | undefined;
  #round = 0;

  constructor(options: SceneOptions) {
    this.#options = options;
  }

  get serving(): Serving {
    if (this.#serving === undefined) throw new Error('the scene is not open');
    return this.#serving;
  }

  get envoy(): RunningEnvoy {
    if (this.#envoy === undefined) throw new Error('the scene is not open');
    return this.#envoy;
  }

  async start(): Promise<void> {
    const { backends = { web: {}, api: {} }, configMap = {}, configMapNamed: named, tlsNames } = this.#options;
    this.#backends = await Promise.all(
      Object.entries({ ...backends, marker: {} }).map(([name, backend]) => startBackend({ ...backend, name })),
    );
    this.#serving = await startServing({
      ...translationOptions,
      ...this.#options.translation,
      features: { configMap },
      ...(named !== undefined && { configMap: { namespace: 'default', name: named } }),
    });
    if (this.#options.hasDefaultCertificate === true) {
      const made = certificate({ names: ['default.invalid'] });
      this.#serving.translation.showByDefault({ chain: made.cert, privateKey: made.key });
    }
    const pair = tlsNames && certificate({ names: tlsNames });
    this.#serving.apply(
      ingressClass(),
      ...this.#backends.flatMap(({ name, port, address }) => [
        service(name, { http: 80 }),
        endpointSlice(`${name}-1`, name, { http: port }, [address]),
      ]),
      ...(pair ? [tlsSecret('tls', pair.cert, pair.key)] : []),
    );
    this.#verifier = await startVerifier({ host: '127.0.0.1', port: 0 });
    this.#envoy = await joinEnvoy({
      xdsPort: this.#serving.port,
      verifierPort: this.#verifier.port,
      ...(this.#options.envoyFlags && { flags: this.#options.envoyFlags }),
    });
  }

  async stop(): Promise<void> {
    await this.#envoy?.stop();
    await this.#verifier?.stop();
    await this.#serving?.stop();
    await Promise.all(this.#backends.map((backend) => backend.close()));
  }

  /** As if its process had ended. */
  async stopVerifier(): Promise<void> {
    await this.#verifier?.stop();
    this.#verifier = undefined;
  }

  backend(name: string): Backend {
    const found = this.#backends.find((each) => each.name === name);
    if (found === undefined) throw new Error(`there is no backend ${name}`);
    return found;
  }

  /** Applies Ingresses by name, and other objects, and waits until Envoy serves them. */
  async apply(
    ingresses: Readonly<Record<string, SceneIngress>>,
    ...others: readonly KubernetesObject[]
  ): Promise<void> {
    const written = Object.entries(ingresses).map(([name, { annotations = {}, ...parts }]) =>
      ingress(name, {
        ...parts,
        annotations: Object.fromEntries(Object.entries(annotations).map(([key, text]) => [`${prefix}/${key}`, text])),
      }),
    );
    const marker = `marker-${(this.#round += 1)}.test`;
    const marking = ingress('marker', { hosts: { [marker]: { '/': 'marker:80' } } });
    this.serving.apply(...others, ...written, marking);
    await eventually(async () => {
      const { status } = await this.ask(marker);
      if (status === 404) throw new Error('Envoy does not serve this yet');
    });
  }

  /** `a.test/path?query`, over plain HTTP, or over TLS with `https://` before it. */
  async ask(url: string, { client, ...request }: SceneRequest = {}): Promise<SceneAnswer> {
    const [, scheme, host = '', path = ''] = /^(https:\/\/)?([^/]*)(.*)$/.exec(url) ?? [];
    const isTls = scheme !== undefined;
    const port = await this.envoy.listenerPort(isTls ? 'https' : 'http');
    const answer = await httpRequest({
      ...request,
      port,
      host,
      path: path === '' ? '/' : path,
      ...(isTls && { tls: { serverName: host.replace(/:\d+$/, ''), ...client } }),
    });
    return { ...answer, echo: readEcho(answer.body) };
  }

  /** Who answered and where: `web /path`, `308 https://a.test/x`, `404`. */
  async outcome(url: string, request: SceneRequest = {}): Promise<string> {
    const { status, headers, echo } = await this.ask(url, request);
    if (echo !== undefined) return `${echo.backend} ${echo.path}`;
    return headers.location === undefined ? String(status) : `${status} ${headers.location}`;
  }

  /** `i1 proxy-read-timeout InvalidAnnotation`: those of annotations and paths, of all Ingresses that were applied. */
  problems(): readonly string[] {
    return this.serving.translation
      .problems()
      .map(
        ({ object, field, reason }: Problem) => `${object.name} ${field.replace(/^.*\/([^\]]*)\]$/, '$1')} ${reason}`,
      );
  }
}

function readEcho(body: string): Echo | undefined {
  if (!body.startsWith('{')) return undefined;
  const echo: Echo = JSON.parse(body);
  return echo;
}
